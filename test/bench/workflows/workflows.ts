// Workflows on the embedded orchestrator: how long one takes from its submission to its end, how many end per second, and what a step costs.
import type { Bench } from '../steps/bench-options.ts'
import { quantiles } from '../steps/latencies.ts'
import { type Cell, cellOf, type Measures } from '../steps/measures.ts'
import { ResourceMeter } from '../steps/resource-meter.ts'
import { preloadSteps } from '../steps/step-preload.ts'
import { languageRoot } from '../steps/worker-process.ts'
import { BareWorkflow } from './bare-workflow.ts'
import { WorkflowStand, workflowSettings } from './workflow-stand.ts'

const stepsOf = { linear: 4, diamond: 4, rows: 7 } as const
const warmUp = 20
const latencyTasks = 100
const flowTasks = 3_000
const growthTasks = 1_000
/** Filling the tables takes longer than the run. */
const growthRunsMax = 3
const flowAtOnce = 16
const turnStepsMax = 200
export const grownTasks = [1_000, 200_000] as const

/** One task at a time, and the same statements one after the other, in turns. */
export async function workflowLatencies(bench: Bench): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  for (const name of ['linear', 'diamond', 'rows'] as const) {
    const [ours, bare]: [Measures[], Measures[]] = [[], []]
    const hasBare = name !== 'rows'
    await thrownAway(bench, () => latency(bench, name), hasBare ? () => bareLatency(bench, name) : null)
    for (let round = 1; round <= bench.options.runs; round += 1) {
      ours.push(await latency(bench, name))
      if (hasBare) bare.push(await bareLatency(bench, name))
      bench.options.say(
        `workflows ${name} ${round}/${bench.options.runs}: p50 ${ours.at(-1)?.['endP50Ms']?.toFixed(1)} ms`,
      )
    }
    const facts = { settings: workflowSettings, steps: stepsOf[name] }
    cells.push(cellOf({ workload: 'workflows', system: name, count: latencyTasks, facts, runs: ours }))
    if (bare.length > 0) {
      cells.push(
        cellOf({ workload: 'workflows', system: `${name}, bare statements`, count: latencyTasks, facts, runs: bare }),
      )
    }
  }
  return cells
}

/** Many tasks at once, with their creation. */
export async function workflowFlow(bench: Bench): Promise<readonly Cell[]> {
  const [ours, bare]: [Measures[], Measures[]] = [[], []]
  await thrownAway(
    bench,
    () => flow(bench),
    () => bareFlow(bench),
  )
  for (let round = 1; round <= bench.options.runs; round += 1) {
    ours.push(await flow(bench))
    bare.push(await bareFlow(bench))
    bench.options.say(
      `flow ${round}/${bench.options.runs}: ${ours.at(-1)?.['stepsPerS']?.toFixed(0)} steps/s, bare ${bare.at(-1)?.['stepsPerS']?.toFixed(0)}`,
    )
  }
  const facts = { settings: workflowSettings, history: 'full', tasksAtOnce: flowAtOnce }
  return [
    cellOf({ workload: 'flow', system: 'workflows of four', count: flowTasks * 4, facts, runs: ours }),
    cellOf({ workload: 'flow', system: 'bare statements', count: flowTasks * 4, facts, runs: bare }),
  ]
}

/** What a step costs beside few and beside many finished tasks, in turns. */
export async function workflowGrowth(bench: Bench): Promise<readonly Cell[]> {
  await thrownAway(bench, () => flow(bench), null)
  const runs = new Map<number, Measures[]>(grownTasks.map((tasks) => [tasks, []]))
  for (let round = 1; round <= Math.min(bench.options.runs, growthRunsMax); round += 1) {
    for (const [tasks, done] of runs) {
      const run = await WorkflowStand.with(
        bench,
        { name: 'bench_growth', host: true, prepare: (database) => fill(database, tasks) },
        (stand) => drive(bench, stand, growthTasks),
      )
      done.push(run)
      bench.options.say(`growth ${tasks}: ${run['cpuSPerK']?.toFixed(3)} CPU s per 1000 steps`)
    }
  }
  return [...runs].map(([tasks, done]) =>
    cellOf({ workload: 'growth', system: `${tasks} tasks`, count: growthTasks * 4, facts: {}, runs: done }),
  )
}

/** A run of each in which this process gets warm: host and statements are a part of it. */
async function thrownAway(bench: Bench, ours: () => Promise<unknown>, bare: (() => Promise<unknown>) | null) {
  if (bench.options.warmUp === 0) return
  await ours()
  await bare?.()
}

async function latency(bench: Bench, name: keyof typeof stepsOf): Promise<Measures> {
  return WorkflowStand.with(bench, { name: 'bench_workflows', host: true }, async (stand) => {
    const submitted = new Map<string, number>()
    for (let n = 1; n <= warmUp + latencyTasks; n += 1) {
      const at = performance.timeOrigin + performance.now()
      submitted.set(await stand.submit(name), at)
      await stand.completed(n)
    }
    const ends = await stand.endedAt([...submitted.keys()])
    const waits = [...submitted].slice(warmUp).map(([task, at]) => (ends.get(task) ?? Number.NaN) - at)
    return quantiles('end', waits)
  })
}

async function bareLatency(bench: Bench, name: keyof typeof stepsOf): Promise<Measures> {
  return WorkflowStand.with(bench, { name: 'bench_bare', host: false }, async ({ database }) => {
    const bare = new BareWorkflow(database)
    await bare.prepare()
    const waits: number[] = []
    for (let n = 1; n <= warmUp + latencyTasks; n += 1) {
      const at = performance.now()
      await bare.create(name)
      for (let done = 0; done < stepsOf[name]; ) done += await bare.turn(stepsOf[name])
      waits.push(performance.now() - at)
    }
    return quantiles('end', waits.slice(warmUp))
  })
}

async function flow(bench: Bench): Promise<Measures> {
  return WorkflowStand.with(bench, { name: 'bench_flow', host: true }, (stand) => drive(bench, stand, flowTasks))
}

/** Once for warming up, once measured. */
async function drive(bench: Bench, stand: WorkflowStand, tasks: number): Promise<Measures> {
  await atOnce(warmUp, () => stand.submit('linear'))
  await stand.completed(warmUp)
  const meter = await ResourceMeter.begin(bench.cluster, [process.pid])
  const startedAt = performance.timeOrigin + performance.now()
  const submitted: string[] = []
  await atOnce(tasks, async () => submitted.push(await stand.submit('linear')))
  await stand.completed(warmUp + tasks)
  const usage = await meter.end()
  const end = Math.max(...(await stand.endedAt(submitted)).values())
  const steps = tasks * stepsOf.linear
  const cpuSPerK = ((usage.workerCpuS + usage.postgresCpuS) * 1000) / steps
  return { stepsPerS: (steps * 1000) / (end - startedAt), cpuSPerK }
}

async function bareFlow(bench: Bench): Promise<Measures> {
  return WorkflowStand.with(bench, { name: 'bench_bare', host: false }, async ({ database }) => {
    const bare = new BareWorkflow(database)
    await bare.prepare()
    const steps = flowTasks * stepsOf.linear
    const startedAt = performance.now()
    let done = 0
    const work = async () => {
      while (done < steps) done += await bare.turn(turnStepsMax)
    }
    await Promise.all([atOnce(flowTasks, () => bare.create('linear')), work()])
    return { stepsPerS: (steps * 1000) / (performance.now() - startedAt) }
  })
}

async function atOnce(count: number, submit: () => Promise<unknown>): Promise<void> {
  let left = count
  const one = async () => {
    while (left > 0) {
      left -= 1
      await submit()
    }
  }
  await Promise.all(Array.from({ length: flowAtOnce }, one))
}

/** Finished tasks of one step each, of another initiator than those that are measured. */
async function fill(database: Parameters<typeof preloadSteps>[0], count: number): Promise<void> {
  const preload = { count, templates: ['noop_typescript'], messages: false }
  await preloadSteps(database, { ...preload, roots: [languageRoot('typescript')] })
  for (const text of finishTexts) await database.query({ text })
}

const finishTexts = [
  `UPDATE tasker.workflow_step_transitions SET to_state = 'complete', created_at = now(), updated_at = now() WHERE most_recent`,
  `UPDATE tasker.task_transitions SET to_state = 'complete' WHERE most_recent`,
  `UPDATE tasker.workflow_steps SET processed = true, processed_at = now(), attempts = 1`,
  `UPDATE tasker.tasks SET complete = true, completed_at = now(), initiator = 'before'`,
]
