// Sends messages or jobs one by one, each in a transaction of its own; which one that was is noted for the latencies.
import { Database, type Queryable } from '../../../src/postgres/database.ts'

export interface MessageSender {
  /** Resolves with the number of the transaction, once it is committed. */
  send(key: string): Promise<string>
  close(): Promise<void>
}

export interface SentMessage {
  readonly key: string
  readonly xid: string
}

interface SenderModule {
  openSender(url: string): Promise<MessageSender>
}

const connections = 4

/**
 * `send`: a statement that sends the message named $1 and answers its transaction as `xid`; or the file URL of a module of a peer that
 * sends through the peer's own interface.
 */
export async function openSender(url: string, send: string): Promise<MessageSender> {
  if (sendsByModule(send)) return ((await import(send)) as SenderModule).openSender(url)
  const database = new Database({
    ...{ url, applicationName: 'stephost bench sender' },
    ...{ connectionsMax: connections, acquireTimeoutMs: 30_000 },
  })
  await database.start()
  return {
    send: async (key) => {
      const [row] = await database.query<{ xid: string }>({ name: 'send', text: send, values: [key] })
      return row?.xid ?? ''
    },
    close: () => database.stop(),
  }
}

export const sendsByModule = (send: string): boolean => send.startsWith('file:')

/** `keys` is a query that names each message as `key`. */
export async function keysOf(database: Queryable, keys: string): Promise<readonly string[]> {
  const rows = await database.query<{ key: string }>({ text: keys })
  return rows.map(({ key }) => key)
}

/** As table bench_sent, which the latencies read. */
export async function noteSent(database: Queryable, sent: readonly SentMessage[]): Promise<void> {
  await database.query({
    text: 'CREATE TABLE bench_sent AS SELECT key, (xid::xid8)::xid AS xid FROM unnest($1::text[], $2::text[]) AS s(key, xid)',
    values: [sent.map(({ key }) => key), sent.map(({ xid }) => xid)],
  })
}
