// A process that sends messages at a steady rate, each in a transaction of its own, and notes the transactions.

import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { Database } from '../../../src/postgres/database.ts'

const [url = '', rate = '200', send = '', keys = ''] = process.argv.slice(2)
const connections = 4

/** `keys` names each message; `send` sends the one named $1 and answers its transaction as `xid`. */
async function main(): Promise<void> {
  const database = new Database({
    ...{ url, applicationName: 'stephost bench producer' },
    ...{ connectionsMax: connections, acquireTimeoutMs: 30_000 },
  })
  await database.start()
  const named = await database.query<{ key: string }>({ text: keys })
  const orders = createInterface({ input: process.stdin })
  process.stdout.write(`${JSON.stringify({ event: 'ready', messages: named.length })}\n`)
  await once(orders, 'line')
  const sent: { key: string; xid: string }[] = []
  const sending = new Set<Promise<void>>()
  const startedAt = performance.now()
  for (const [index, { key }] of named.entries()) {
    const waitMs = startedAt + (index * 1000) / Number(rate) - performance.now()
    if (waitMs > 0) await delay(waitMs)
    const one = database
      .query<{ xid: string }>({ name: 'send', text: send, values: [key] })
      .then(([row]) => void sent.push({ key, xid: row?.xid ?? '' }))
      .finally(() => sending.delete(one))
    sending.add(one)
  }
  await Promise.all(sending)
  await database.query({
    text: `CREATE TABLE bench_sent AS SELECT key, (xid::xid8)::xid AS xid FROM unnest($1::text[], $2::text[]) AS s(key, xid)`,
    values: [sent.map(({ key }) => key), sent.map(({ xid }) => xid)],
  })
  process.stdout.write(`${JSON.stringify({ event: 'sent', messages: sent.length })}\n`)
  orders.close()
  await database.stop()
}

await main()
