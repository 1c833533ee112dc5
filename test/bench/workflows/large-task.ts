// One task of ten thousand steps, wide or in chains: how long it takes, what a step costs beside a task of a thousand, and the memory of both hosts.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../../src/postgres/migrate.ts'
import type { Bench } from '../steps/bench-options.ts'
import type { LineProcess } from '../steps/line-process.ts'
import { type Cell, cellOf, type Measures } from '../steps/measures.ts'
import { NoFigure } from '../steps/no-figure.ts'
import { treeUse } from '../steps/process-tree.ts'
import { ResourceMeter } from '../steps/resource-meter.ts'
import { withDatabase } from '../steps/scratch-cluster.ts'
import { startStephost, workerReady, workerSettings, writeSettings } from '../steps/worker-process.ts'
import { workflowRoot } from './workflow-stand.ts'

/**
 * `wide`: one step, then all others but one side by side, then one that waits for all of them. `chains`: a hundred side by side, from one first
 * step each.
 */
export const largeShapes = ['wide', 'chains'] as const
type Shape = (typeof largeShapes)[number]
export const largeSizes = [1_000, 10_000] as const

const chains = 100
const pollMs = 50
const giveUpMs = 900_000
const readyTimeoutMs = 60_000
const settings = {
  ...workerSettings,
  'dispatch.prefetch_max': 100,
  'orchestration.web.enabled': true,
  'orchestration.web.bind_address': '127.0.0.1:0',
  'orchestration.grpc.enabled': false,
} as const

export function largeSystem(shape: Shape, steps: number): string {
  return `${shape}, ${steps} steps`
}

export async function largeTasks(bench: Bench): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  for (const shape of largeShapes) {
    for (const steps of largeSizes) {
      const system = largeSystem(shape, steps)
      const run = await largeTask(bench, shape, steps)
      const memory = `orchestrator ${run['orchestratorRssPeakMb']?.toFixed(0)} MB, worker ${run['workerRssPeakMb']?.toFixed(0)} MB`
      bench.options.say(`large ${system}: ${run['endS']?.toFixed(1)} s, ${memory}`)
      cells.push(cellOf({ workload: 'large', system, count: steps, facts: { settings }, runs: [run] }))
    }
  }
  return cells
}

/** Orchestrator and worker are processes of their own, so each has its memory to itself. */
async function largeTask({ cluster }: Bench, shape: Shape, steps: number): Promise<Measures> {
  const name = 'bench_large'
  const url = await cluster.create(name)
  await withDatabase(url, migrate)
  const directory = join(cluster.directory, 'large')
  const config = await writeSettings(directory, settings)
  const templates = join(directory, 'templates')
  await mkdir(templates, { recursive: true })
  await writeFile(join(templates, 'large.yaml'), templateText(shape, steps))
  const processes: LineProcess[] = []
  const start = (...args: readonly string[]): LineProcess => {
    const started = startStephost([...args, '--config', config, '--json'], url)
    processes.push(started)
    return started
  }
  try {
    const worker = start('worker', '--handlers', workflowRoot, '--handlers', templates)
    await workerReady(worker)
    const orchestrator = start('orchestrator')
    const { orchestrator: address } = await orchestrator.line('ready', readyTimeoutMs)
    const meter = await ResourceMeter.begin(cluster, [worker.pid, orchestrator.pid])
    const startedAt = performance.now()
    await submit(String(address))
    const createdS = (performance.now() - startedAt) / 1000
    await completed(url)
    const endS = (performance.now() - startedAt) / 1000
    const { workerCpuS, postgresCpuS } = await meter.end()
    return {
      ...{ createdS, endS, stepsPerS: steps / endS, cpuSPerK: ((workerCpuS + postgresCpuS) * 1000) / steps },
      ...{ hostsCpuS: workerCpuS, postgresCpuS },
      orchestratorRssPeakMb: treeUse(orchestrator.pid).rootRssPeakMb,
      workerRssPeakMb: treeUse(worker.pid).rootRssPeakMb,
    }
  } finally {
    for (const started of processes) await started.stop('SIGTERM')
    await cluster.drop(name)
  }
}

async function submit(address: string): Promise<void> {
  const place = address.startsWith('http') ? address : `http://${address}`
  const response = await fetch(new URL('/v1/tasks', place), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ namespace: 'bench', name: 'large', version: '1.0.0', context: {} },
      ...{ initiator: 'bench', source_system: 'bench', reason: 'bench' },
    }),
  })
  if (!response.ok) throw new Error(`The task was refused: ${response.status} ${await response.text()}`)
}

function completed(url: string): Promise<void> {
  const startedAt = performance.now()
  return withDatabase(url, async (database) => {
    for (;;) {
      const [row] = await database.query<{ state: string }>({
        text: 'SELECT to_state AS state FROM tasker.task_transitions WHERE most_recent',
      })
      if (row?.state === 'complete') return
      if (row?.state === 'blocked_by_failures' || row?.state === 'error') throw new NoFigure('large', [row.state])
      if (performance.now() - startedAt > giveUpMs) throw new NoFigure('large', ['the task was left unfinished'])
      await delay(pollMs)
    }
  })
}

function templateText(shape: Shape, steps: number): string {
  const lines = Array.from({ length: steps }, (_, place) => {
    const parents = parentsOf(shape, place, steps).map(stepName)
    return `  - { name: ${stepName(place)}, handler: { callable: "bench.flow" }, dependencies: [${parents.join(', ')}] }\n`
  })
  return `name: large\nnamespace_name: bench\nversion: 1.0.0\nsteps:\n${lines.join('')}`
}

const stepName = (place: number) => `large_${place}`

function parentsOf(shape: Shape, place: number, steps: number): readonly number[] {
  if (shape === 'wide') {
    if (place === 0) return []
    return place < steps - 1 ? [0] : Array.from({ length: steps - 2 }, (_, index) => index + 1)
  }
  return place < chains ? [] : [place - chains]
}
