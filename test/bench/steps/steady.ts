// W2 and W5: messages at a steady rate; how long each waits for its handler and for its result, alone and beside a handler that computes.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packageRoot } from '../../../src/config/package-root.ts'
import { chosenOf, inRounds } from './alternation.ts'
import type { Bench } from './bench-options.ts'
import { costsOf } from './drain-cell.ts'
import { latencies, sentRate } from './latencies.ts'
import { LineProcess } from './line-process.ts'
import type { Cell, Measures, Run } from './measures.ts'
import { keysOf, openSender, sendsByModule } from './message-sender.ts'
import type { MessageStand, MessageSystem } from './message-system.ts'
import { messageSystems } from './message-systems.ts'
import { ResourceMeter, type Usage } from './resource-meter.ts'
import { systemNames } from './system-names.ts'
import { inherited } from './worker-process.ts'

const judgedRate = 200
const rates = [judgedRate, 1_000]
const hogEveryS = 4

interface Steady {
  readonly rate: number
  /** Messages whose handler computes for two seconds. */
  readonly hogs: number
}

export async function steadyRates(bench: Bench): Promise<readonly Cell[]> {
  const asked = (bench.options.judged ? [judgedRate] : rates).map((rate) => ({ rate, hogs: 0 }))
  return steady(bench, 'w2', asked, systemNames.steady)
}

export async function hoggedRate(bench: Bench): Promise<readonly Cell[]> {
  const hogs = Math.max(1, Math.floor(bench.options.seconds / hogEveryS))
  return steady(bench, 'w5', [{ rate: judgedRate, hogs }], systemNames.hogged)
}

async function steady(
  bench: Bench,
  workload: 'w2' | 'w5',
  asked: readonly Steady[],
  nameOf: (system: string, rate: number) => string,
): Promise<readonly Cell[]> {
  const { runs, seconds, systems } = bench.options
  const contenders = asked.flatMap(({ rate, hogs }) =>
    messageSystems(bench, workload).map((system) => ({
      name: nameOf(system.name, rate),
      count: rate * seconds,
      beside: system.beside === null ? null : nameOf(system.beside, rate),
      run: () => steadyRun(bench, system, { rate, hogs }),
    })),
  )
  return inRounds(bench, { workload, runs, contenders: chosenOf(contenders, systems), told })
}

function told({ measures }: Run): string {
  const { leftJobs = 0, startP99Ms } = measures
  return leftJobs === 0
    ? `commit → start p99 ${startP99Ms?.toFixed(1)} ms`
    : `does not keep up, ${leftJobs} messages left`
}

/** The first second of messages does not count. */
async function steadyRun(bench: Bench, system: MessageSystem, { rate, hogs }: Steady): Promise<Run> {
  const { seconds } = bench.options
  const count = rate * (seconds + 1)
  return system.with(bench, { sleep: count, ...(hogs > 0 ? { spin: hogs } : {}) }, async (stand) => {
    const { process, facts: own } = await stand.worker()
    const facts = { ...own, seconds }
    const producer = await startProducer(stand, rate)
    const meter = await ResourceMeter.begin(bench.cluster, [process.pid])
    producer.order('go')
    await besides(producer.line('sent', (seconds + 120) * 1000), (signal) => sendHogs(stand, hogs, signal))
    const leftJobs = await stand.settled(process)
    const usage = await meter.end()
    await stand.verify()
    const sent = await sentRate(stand.database)
    // Of one that falls behind ever further, waits say only how long was measured.
    if (leftJobs > 0) return { measures: { ...sent, leftJobs }, facts }
    const left: Measures = system.beside === null ? {} : { leftJobs }
    const waits = await latencies(stand.database, stand.results('sleep'), rate)
    return { measures: { ...sent, ...left, ...waits, ...costs(usage, count, stand.send) }, facts }
  })
}

/** Both end before it resolves or rejects: when one fails, the other is not waited for longer than it takes to stop. */
export async function besides(main: Promise<unknown>, other: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const failed = new AbortController()
  const second = other(failed.signal)
  try {
    await Promise.all([main, second])
  } finally {
    failed.abort()
    await second.catch(() => {})
  }
}

/** Peers send through modules of theirs in more round trips than a statement takes, which PostgreSQL's time would show as the peer's. */
function costs(usage: Usage, count: number, send: string): Measures {
  const { postgresCpuSPerK, ...others } = costsOf(usage, count)
  return sendsByModule(send) || postgresCpuSPerK === undefined ? others : { ...others, postgresCpuSPerK }
}

async function startProducer(stand: MessageStand, rate: number): Promise<LineProcess> {
  const script = join(packageRoot(), 'dist/test/bench/steps/message-producer.js')
  const args = [script, stand.url, String(rate), stand.send, stand.keys('sleep')]
  const producer = new LineProcess({ command: process.execPath, args, env: inherited() })
  stand.adopt(producer)
  await producer.line('ready', 60_000)
  return producer
}

async function sendHogs(stand: MessageStand, hogs: number, signal: AbortSignal): Promise<void> {
  if (hogs === 0) return
  const sender = await openSender(stand.url, stand.send)
  try {
    for (const key of await keysOf(stand.database, stand.keys('spin'))) {
      await sender.send(key)
      await delay(hogEveryS * 1000, undefined, { signal })
    }
  } finally {
    await sender.close()
  }
}
