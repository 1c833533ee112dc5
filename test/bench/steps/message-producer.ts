// A process that sends messages at a steady rate, each in a transaction of its own, and notes the transactions.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { keysOf, noteSent, openSender, type SentMessage } from './message-sender.ts'
import { withDatabase } from './scratch-cluster.ts'

const [url = '', rate = '200', send = '', keys = ''] = process.argv.slice(2)

/** `send` as of openSender, `keys` as of keysOf. */
async function main(): Promise<void> {
  const named = await withDatabase(url, (database) => keysOf(database, keys))
  const sender = await openSender(url, send)
  const orders = createInterface({ input: process.stdin })
  process.stdout.write(`${JSON.stringify({ event: 'ready', messages: named.length })}\n`)
  await once(orders, 'line')
  const sent: SentMessage[] = []
  const sending = new Set<Promise<void>>()
  const startedAt = performance.now()
  for (const [index, key] of named.entries()) {
    const waitMs = startedAt + (index * 1000) / Number(rate) - performance.now()
    if (waitMs > 0) await delay(waitMs)
    const one = sender
      .send(key)
      .then((xid) => void sent.push({ key, xid }))
      .finally(() => sending.delete(one))
    sending.add(one)
  }
  await Promise.all(sending)
  await withDatabase(url, (database) => noteSent(database, sent))
  process.stdout.write(`${JSON.stringify({ event: 'sent', messages: sent.length })}\n`)
  orders.close()
  await sender.close()
}

await main()
