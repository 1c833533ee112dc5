// The cost of a step at the head of a short and of a long queue: it must not grow with what waits behind.
import type { Bench } from './bench-options.ts'
import { costsOf } from './drain-cell.ts'
import type { LineProcess } from './line-process.ts'
import { type Cell, cellOf, type Measures } from './measures.ts'
import { NoFigure } from './no-figure.ts'
import { sentResults } from './our-drain.ts'
import { patienceFor, waitUntilDone } from './patience.ts'
import { ResourceMeter } from './resource-meter.ts'
import { queueDepths, systemNames } from './system-names.ts'
import { settingsFacts } from './worker-process.ts'
import { WorkerStand } from './worker-stand.ts'

const warmUp = 1_000
const watched = 6_000
const pollMs = 20
const runsMax = 3

export async function deepQueues(bench: Bench): Promise<readonly Cell[]> {
  const { options } = bench
  const asked = queueDepths.filter((depth) => options.deep || depth < 1_000_000)
  const cells: Cell[] = []
  for (const depth of asked) {
    const runs: Measures[] = []
    for (let round = 1; round <= Math.min(options.runs, runsMax); round += 1) runs.push(await head(bench, depth))
    const system = systemNames.depth(depth)
    cells.push(cellOf({ workload: 'depth', system, count: watched, facts: settingsFacts(options), runs }))
    options.say(`depth ${depth}: ${cells.at(-1)?.spreads['cpuSPerK']?.median.toFixed(3)} CPU s per 1000 steps`)
  }
  return cells
}

/** Between two looks at the same places of the queue, so that starting up costs nobody anything. */
async function head(bench: Bench, depth: number): Promise<Measures> {
  const preloads = [{ count: depth, templates: ['noop_typescript'], messages: true }]
  const place = { name: 'bench_depth', languages: ['typescript'] as const, preloads, listener: true }
  return WorkerStand.with(bench, place, async (stand) => {
    const worker = await stand.worker()
    const from = await reached(stand, worker, warmUp)
    const meter = await ResourceMeter.begin(bench.cluster, [worker.pid])
    const to = await reached(stand, worker, from + watched)
    const usage = await meter.end()
    worker.kill('SIGTERM')
    if (!(await worker.exited(60_000))) throw new Error('the worker did not end')
    const [row] = await stand.database.query<{ twice: number; open: number }>({ text: offencesText })
    const wrong = [
      ...((row?.twice ?? 1) > 0 ? [`${row?.twice} steps have two results or ran twice`] : []),
      ...((row?.open ?? 1) > 0 ? [`${row?.open} steps were left in progress`] : []),
    ]
    if (wrong.length > 0) throw new NoFigure(systemNames.depth(depth), wrong)
    const steps = to - from
    return { cpuSPerK: ((usage.workerCpuS + usage.postgresCpuS) * 1000) / steps, ...costsOf(usage, steps) }
  })
}

async function reached({ database }: WorkerStand, worker: LineProcess, wanted: number): Promise<number> {
  const look = () => sentResults(database)
  const sent = await waitUntilDone(wanted, { worker, patience: patienceFor.drain, look, restMs: () => pollMs })
  if (sent >= wanted) return sent
  throw new Error(`${sent} results instead of ${wanted} were all that came`)
}

const offencesText = `
SELECT (count(*) FILTER (WHERE results > 1 OR runs > 1 + given_back))::int AS twice, (count(*) FILTER (WHERE open))::int AS open
  FROM (SELECT count(*) FILTER (WHERE to_state = 'enqueued_for_orchestration') AS results,
               count(*) FILTER (WHERE to_state = 'in_progress') AS runs,
               count(*) FILTER (WHERE to_state = 'enqueued' AND from_state = 'in_progress') AS given_back,
               bool_or(most_recent AND to_state = 'in_progress') AS open
          FROM tasker.workflow_step_transitions GROUP BY workflow_step_uuid) AS steps`
