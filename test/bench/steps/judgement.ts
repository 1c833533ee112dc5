// The figures that the step path is held to: which measures they come from, and whether they are reached.
import { largeShapes, largeSizes, largeSystem } from '../workflows/large-task.ts'
import { grownTasks } from '../workflows/workflows.ts'
import type { Cell } from './measures.ts'
import { queueDepths, systemNames } from './system-names.ts'
import { languages } from './worker-process.ts'

export interface Judgement {
  readonly figure: string
  readonly value: number
  readonly limit: number
  /** `least`: the value must reach the limit; `most`: it must not pass it. */
  readonly bound: 'least' | 'most'
  readonly unit: string
  readonly reached: boolean
}

interface Figure {
  readonly figure: string
  readonly bound: Judgement['bound']
  readonly limit: number
  readonly unit: string
  /** Null where a cell that it needs was not measured. */
  value(median: (workload: string, system: string, measure: string) => number | null): number | null
}

function ratio(workload: string, above: string, below: string, limit: number): Figure {
  return quotient({ measure: 'stepsPerS', workload, above, below }, { bound: 'least', limit })
}

function quotient(
  { measure, workload, above, below }: { measure: string; workload: string; above: string; below: string },
  limited: Pick<Figure, 'bound' | 'limit'>,
): Figure {
  return {
    ...{ ...limited, figure: `${workload}: ${above} ÷ ${below}`, unit: '×' },
    value: (median) => {
      const [a, b] = [median(workload, above, measure), median(workload, below, measure)]
      return a === null || b === null ? null : a / b
    },
  }
}

function most(workload: string, system: string, measure: string, figure: string, limit: number, unit: string): Figure {
  return {
    ...{ figure: `${workload}: ${figure}`, bound: 'most', limit, unit },
    value: (median) => median(workload, system, measure),
  }
}

const [typescript = '', python = '', ruby = '', rust = ''] = languages.map((language) =>
  systemNames.language([language]),
)
const [shallow] = queueDepths

const figures: readonly Figure[] = [
  ratio('w1', systemNames.ours, systemNames.graphile, 1.1),
  ratio('w1', systemNames.ours, systemNames.graphileDefaults, 4),
  ratio('w1', systemNames.tasker, systemNames.graphile, 0.8),
  ratio('w1', systemNames.ours, systemNames.statements, 0.6),
  most('w1', systemNames.ours, 'hostRssPeakMb', 'resident memory of the host', 200, 'MB'),
  most('w2', systemNames.steady(systemNames.ours, 200), 'startP99Ms', 'commit → start p99 at 200/s', 10, 'ms'),
  most('w3', systemNames.ours, 'startP50Ms', 'commit → start p50, one at a time', 2, 'ms'),
  ratio('w4', python, typescript, 0.7),
  ratio('w4', ruby, typescript, 0.7),
  ratio('w4', rust, typescript, 1),
  ratio('w4', systemNames.language(languages), typescript, 0.8),
  most('w6', systemNames.killedWorker, 'doneAfterKillS', 'all done after the kill of a worker', 20, 's'),
  most('w6', systemNames.killedSidecar, 'doneAfterKillS', 'all done after the kill of a sidecar', 20, 's'),
  most('idle', systemNames.ours, 'corePercent', 'idle worker', 1, '% of a core'),
  most('idle', systemNames.ours, 'queriesPerS', 'idle worker', 2, 'queries/s'),
  ...queueDepths
    .slice(1)
    .map((deep) =>
      quotient(
        { measure: 'cpuSPerK', workload: 'depth', above: systemNames.depth(deep), below: systemNames.depth(shallow) },
        { bound: 'most', limit: 1.2 },
      ),
    ),
  most('workflows', 'linear', 'endP50Ms', 'four sequential steps, submit → complete p50', 25, 'ms'),
  most('workflows', 'diamond', 'endP50Ms', 'diamond of four, submit → complete p50', 25, 'ms'),
  most('workflows', 'rows', 'endP50Ms', 'batch of 1,000 rows with five workers, p50', 60, 'ms'),
  ...['linear', 'diamond'].map((name) =>
    quotient(
      { measure: 'endP50Ms', workload: 'workflows', above: name, below: `${name}, bare statements` },
      { bound: 'most', limit: 1.6 },
    ),
  ),
  ratio('flow', 'workflows of four', 'bare statements', 0.5),
  {
    ...{ figure: 'flow: workflows of four, with creation', bound: 'least', limit: 2_000, unit: 'steps/s' },
    value: (median) => median('flow', 'workflows of four', 'stepsPerS'),
  },
  quotient(
    { measure: 'cpuSPerK', workload: 'growth', above: `${grownTasks[1]} tasks`, below: `${grownTasks[0]} tasks` },
    { bound: 'most', limit: 1.2 },
  ),
  ...largeShapes.flatMap((shape) => {
    const [small, large] = largeSizes.map((steps) => largeSystem(shape, steps))
    const place = ['large', large ?? ''] as const
    return [
      most(...place, 'orchestratorRssPeakMb', `${large}, resident memory of the orchestrator`, 256, 'MB'),
      most(...place, 'workerRssPeakMb', `${large}, resident memory of the worker's host`, 400, 'MB'),
      quotient(
        { measure: 'cpuSPerK', workload: 'large', above: large ?? '', below: small ?? '' },
        { bound: 'most', limit: 1.5 },
      ),
    ]
  }),
  most('claimers', systemNames.claimers, 'lostClaimsPercent', 'lost claims of ten claimers', 1, '%'),
]

export function judge(cells: readonly Cell[]): readonly Judgement[] {
  const median = (workload: string, system: string, measure: string) =>
    cells.find((cell) => cell.workload === workload && cell.system === system)?.spreads[measure]?.median ?? null
  return figures.flatMap(({ figure, bound, limit, unit, value: measured }) => {
    const value = measured(median)
    if (value === null) return []
    return [{ figure, value, limit, bound, unit, reached: bound === 'least' ? value >= limit : value <= limit }]
  })
}
