// W3: one message at a time on an idle worker; the next one is sent a little after the result of the last is there.
import { setTimeout as delay } from 'node:timers/promises'
import { chosenOf, inRounds } from './alternation.ts'
import type { Bench } from './bench-options.ts'
import { latencies, quantiles } from './latencies.ts'
import type { Cell, Measures, Run } from './measures.ts'
import { keysOf, noteSent, openSender, type SentMessage } from './message-sender.ts'
import type { MessageStand, MessageSystem } from './message-system.ts'
import { messageSystems } from './message-systems.ts'

const messagesMax = 1_000
const warmUp = 20
/** So that whoever works is idle when a message comes, in whichever way the answer before it was noticed. */
const pauseMs = 20

export async function sequences(bench: Bench): Promise<readonly Cell[]> {
  const { runs, tasks, systems } = bench.options
  const contenders = messageSystems(bench, 'w3').map((system) => {
    const count = Math.ceil(Math.min(messagesMax, tasks) * system.sequenceShare)
    return { name: system.name, count, beside: system.beside, run: () => sequence(bench, system, count + warmUp) }
  })
  const told = ({ measures }: Run) => `commit → start p50 ${measures['startP50Ms']?.toFixed(2)} ms`
  return inRounds(bench, { workload: 'w3', runs, contenders: chosenOf(contenders, systems), told })
}

async function sequence(bench: Bench, system: MessageSystem, count: number): Promise<Run> {
  return system.with(bench, { stamp: count }, async (stand) => {
    const { facts } = await stand.worker()
    const roundTripsMs = await sendInTurn(stand)
    await stand.verify()
    const waits = await latencies(stand.database, stand.results('stamp'), warmUp)
    // A peer's answer is seen rather than heard, so only its results' own commits tell how long it took.
    const roundTrips: Measures = system.beside === null ? quantiles('roundTrip', roundTripsMs.slice(warmUp)) : {}
    return { measures: { ...waits, ...roundTrips }, facts }
  })
}

async function sendInTurn(stand: MessageStand): Promise<readonly number[]> {
  const sender = await openSender(stand.url, stand.send)
  const answers = await stand.answers()
  try {
    const sent: SentMessage[] = []
    const roundTripsMs: number[] = []
    for (const key of await keysOf(stand.database, stand.keys('stamp'))) {
      await delay(pauseMs)
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
