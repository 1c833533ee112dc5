// W2 and W5: messages at a steady rate; how long each waits for its handler and for its result, alone and beside a handler that computes.
import { join } from 'node:path'
import { packageRoot } from '../../../src/config/package-root.ts'
import type { Bench } from './bench-options.ts'
import { costsOf } from './drain-cell.ts'
import { latencies, stepResults } from './latencies.ts'
import { LineProcess } from './line-process.ts'
import { type Cell, cellOf, type Measures } from './measures.ts'
import { allStored } from './our-drain.ts'
import { ResourceMeter } from './resource-meter.ts'
import { namespace, stepQueue } from './step-preload.ts'
import { systemNames } from './system-names.ts'
import { inherited, workerSettings } from './worker-process.ts'
import { WorkerStand } from './worker-stand.ts'

const judgedRate = 200
const rates = [judgedRate, 1_000]
const hogEveryS = 4
const template = 'sleep_typescript'
const hogTemplate = 'spin_typescript'
/** One thread would be the hog's alone. */
const hogSettings = { 'runtimes.typescript.threads': 2 }

/** Keys are step ids; the handlers sleep for 5 ms. */
export const sendStep = `
SELECT tasker.pgmq_send_with_notify('${stepQueue}', jsonb_build_object('task_uuid', s.task_uuid, 'step_uuid', s.workflow_step_uuid,
         'correlation_id', k.correlation_id), 0), pg_current_xact_id()::text AS xid
  FROM tasker.workflow_steps s JOIN tasker.tasks k USING (task_uuid) WHERE s.workflow_step_uuid = $1::uuid`

export const stepKeys = (step: string) =>
  `SELECT s.workflow_step_uuid::text AS key FROM tasker.workflow_steps s
     JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid WHERE n.name = '${step}' ORDER BY 1`

export async function steadyRates(bench: Bench): Promise<readonly Cell[]> {
  const { runs, judged, say } = bench.options
  const asked = judged ? [judgedRate] : rates
  const measured = new Map<number, Measures[]>(asked.map((rate) => [rate, []]))
  for (let round = 1; round <= runs; round += 1) {
    for (const rate of asked) {
      const run = await steadyRun(bench, { rate, hogs: 0 })
      measured.get(rate)?.push(run)
      say(`w2 ${round}/${runs} at ${rate}/s: commit → start p99 ${run['startP99Ms']?.toFixed(1)} ms`)
    }
  }
  return asked.map((rate) => cell(bench, 'w2', systemNames.steady(rate), rate, measured.get(rate) ?? []))
}

export async function hoggedRate(bench: Bench): Promise<readonly Cell[]> {
  const hogs = Math.max(1, Math.floor(bench.options.seconds / hogEveryS))
  const run = await steadyRun(bench, { rate: judgedRate, hogs })
  bench.options.say(`w5 at ${judgedRate}/s beside a hog: commit → start p99 ${run['startP99Ms']?.toFixed(1)} ms`)
  const name = `${systemNames.steady(judgedRate)} beside a hog`
  return [cell(bench, 'w5', name, judgedRate, [run])]
}

function cell({ options }: Bench, workload: string, system: string, rate: number, runs: readonly Measures[]): Cell {
  const settings = { ...workerSettings, ...(workload === 'w5' ? hogSettings : {}), seconds: options.seconds }
  return cellOf({ workload, system, count: rate * options.seconds, facts: { settings }, runs })
}

/** The first second of messages does not count. */
async function steadyRun(bench: Bench, { rate, hogs }: { rate: number; hogs: number }): Promise<Measures> {
  const count = rate * (bench.options.seconds + 1)
  const preloads = [
    { count, templates: [template], messages: false },
    { count: hogs, templates: [hogTemplate], messages: false },
  ]
  const settings = hogs > 0 ? { settings: hogSettings } : {}
  const place = {
    name: `${namespace}_steady`,
    languages: ['typescript'] as const,
    preloads,
    listener: true,
    ...settings,
  }
  return WorkerStand.with(bench, place, async (stand) => {
    const worker = await stand.worker()
    const producer = await startProducer(stand, rate)
    const meter = await ResourceMeter.begin(bench.cluster, [worker.pid])
    producer.order('go')
    const hogging = sendHogs(stand, hogs)
    await producer.line('sent', (bench.options.seconds + 120) * 1000)
    await hogging
    await allStored(stand.database, count + hogs, worker)
    const usage = await meter.end()
    await stand.verify(count + hogs, false)
    return { ...(await latencies(stand.database, stepResults(template), rate)), ...costsOf(usage, count) }
  })
}

async function startProducer(stand: WorkerStand, rate: number): Promise<LineProcess> {
  const script = join(packageRoot(), 'dist/test/bench/steps/message-producer.js')
  const args = [script, stand.url, String(rate), sendStep, stepKeys(template)]
  const producer = new LineProcess({ command: process.execPath, args, env: inherited() })
  stand.adopt(producer)
  await producer.line('ready', 60_000)
  return producer
}

async function sendHogs(stand: WorkerStand, hogs: number): Promise<void> {
  if (hogs === 0) return
  const keys = await stand.database.query<{ key: string }>({ text: stepKeys(hogTemplate) })
  for (const { key } of keys) {
    await stand.database.query({ text: sendStep, values: [key] })
    await new Promise((resolve) => setTimeout(resolve, hogEveryS * 1000))
  }
}
