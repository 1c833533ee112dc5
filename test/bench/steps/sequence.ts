// W3: one message at a time on an idle worker; the next one is sent when the result of the last has been heard of.
import { once } from 'node:events'
import pg from 'pg'
import type { Bench } from './bench-options.ts'
import { latencies, quantiles, stepResults } from './latencies.ts'
import { type Cell, cellOf, type Measures } from './measures.ts'
import { sendStep, stepKeys } from './steady.ts'
import { workerSettings } from './worker-process.ts'
import { WorkerStand } from './worker-stand.ts'

const template = 'stamp_typescript'
const messagesMax = 1_000
const warmUp = 20
const answerTimeoutMs = 30_000
/** Where our own completion announces a batch of results. */
const channel = 'pgmq_message_ready.orchestration'

export async function sequences(bench: Bench): Promise<readonly Cell[]> {
  const { runs, say } = bench.options
  const messages = Math.min(messagesMax, bench.options.tasks)
  const measured: Measures[] = []
  for (let round = 1; round <= runs; round += 1) {
    const run = await sequence(bench, messages + warmUp)
    measured.push(run)
    say(`w3 ${round}/${runs}: commit → start p50 ${run['startP50Ms']?.toFixed(2)} ms`)
  }
  const facts = { settings: workerSettings }
  return [cellOf({ workload: 'w3', system: 'stephost', count: messages, facts, runs: measured })]
}

async function sequence(bench: Bench, count: number): Promise<Measures> {
  const preloads = [{ count, templates: [template], messages: false }]
  const place = { name: 'bench_sequence', languages: ['typescript'] as const, preloads, listener: true }
  return WorkerStand.with(bench, place, async (stand) => {
    await stand.worker()
    const listener = new pg.Client({ connectionString: stand.url, application_name: 'stephost bench listener' })
    const sender = new pg.Client({ connectionString: stand.url, application_name: 'stephost bench sender' })
    listener.on('error', () => {})
    sender.on('error', () => {})
    await Promise.all([listener.connect(), sender.connect()])
    try {
      await listener.query(`LISTEN "${channel}"`)
      const keys = await sender.query<{ key: string }>(stepKeys(template))
      const sent: { key: string; xid: string }[] = []
      const roundTripsMs: number[] = []
      for (const { key } of keys.rows) {
        const startedAt = performance.now()
        const heard = once(listener, 'notification', { signal: AbortSignal.timeout(answerTimeoutMs) })
        const answer = await sender.query<{ xid: string }>({ name: 'send', text: sendStep, values: [key] })
        await heard
        roundTripsMs.push(performance.now() - startedAt)
        sent.push({ key, xid: answer.rows[0]?.xid ?? '' })
      }
      await noteSent(sender, sent)
      await stand.verify(count, false)
      const waits = await latencies(stand.database, stepResults(template), warmUp)
      return { ...waits, ...quantiles('roundTrip', roundTripsMs.slice(warmUp)) }
    } finally {
      await Promise.all([listener.end(), sender.end()])
    }
  })
}

async function noteSent(client: pg.Client, sent: readonly { key: string; xid: string }[]): Promise<void> {
  await client.query(
    'CREATE TABLE bench_sent AS SELECT key, (xid::xid8)::xid AS xid FROM unnest($1::text[], $2::text[]) AS s(key, xid)',
    [sent.map(({ key }) => key), sent.map(({ xid }) => xid)],
  )
}
