// W3: one message at a time; the next one is sent when the result of the last is there, and beside that after a rest.
import { setTimeout as delay } from 'node:timers/promises'
import { chosenOf, inRounds } from './alternation.ts'
import type { Bench } from './bench-options.ts'
import { latencies, quantiles } from './latencies.ts'
import type { Cell, Measures, Run } from './measures.ts'
import { keysOf, noteSent, openSender, type SentMessage } from './message-sender.ts'
import type { MessageStand, MessageSystem } from './message-system.ts'
import { messageSystems } from './message-systems.ts'

const messagesMax = 1_000
/** Beside W3, which rests not at all: processor and caches get as cold as between rare messages. */
const coldRestMs = 20

export async function sequences(bench: Bench): Promise<readonly Cell[]> {
  const { runs, tasks, systems, judged } = bench.options
  const contenders = [0, ...(judged ? [] : [coldRestMs])].flatMap((restMs) =>
    messageSystems(bench, 'w3').map((system) => {
      const count = Math.ceil(Math.min(messagesMax, tasks) * system.sequenceShare)
      const named = (name: string) => (restMs === 0 ? name : `${name}, rested ${restMs} ms`)
      return {
        ...{ name: named(system.name), count, beside: system.beside === null ? null : named(system.beside) },
        run: () => sequence(bench, system, { count, restMs }),
      }
    }),
  )
  const told = ({ measures }: Run) => `commit → start p50 ${measures['startP50Ms']?.toFixed(2)} ms`
  return inRounds(bench, { workload: 'w3', runs, contenders: chosenOf(contenders, systems), told })
}

/** As many messages as count come before those that do, unless the bench is asked for less. */
async function sequence(
  bench: Bench,
  system: MessageSystem,
  { count, restMs }: { count: number; restMs: number },
): Promise<Run> {
  const warmUp = Math.min(bench.options.warmUp, count)
  return system.with(bench, { stamp: warmUp + count }, async (stand) => {
    const { facts } = await stand.worker()
    const roundTripsMs = await sendInTurn(stand, restMs)
    await stand.verify()
    const waits = await latencies(stand.database, stand.results('stamp'), warmUp)
    // A peer's answer is seen rather than heard, so only its results' own commits tell how long it took.
    const roundTrips: Measures = system.beside === null ? quantiles('roundTrip', roundTripsMs.slice(warmUp)) : {}
    return { measures: { ...waits, ...roundTrips }, facts }
  })
}

async function sendInTurn(stand: MessageStand, restMs: number): Promise<readonly number[]> {
  const sender = await openSender(stand.url, stand.send)
  const answers = await stand.answers()
  try {
    const sent: SentMessage[] = []
    const roundTripsMs: number[] = []
    for (const key of await keysOf(stand.database, stand.keys('stamp'))) {
      if (restMs > 0) await delay(restMs)
      const startedAt = performance.now()
      const answered = answers.next()
      const xid = await sender.send(key)
      await answered()
      roundTripsMs.push(performance.now() - startedAt)
      sent.push({ key, xid })
    }
    await noteSent(stand.database, sent)
    return roundTripsMs
  } finally {
    await Promise.all([answers.close(), sender.close()])
  }
}
