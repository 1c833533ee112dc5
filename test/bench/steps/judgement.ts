// The figures that the step path is held to: which measures they come from, and whether they are reached.
import type { Cell } from './measures.ts'
import { systemNames } from './system-names.ts'

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
  return {
    ...{ figure: `${above} ÷ ${below}`, bound: 'least', limit, unit: '×' },
    value: (median) => {
      const [a, b] = [median(workload, above, 'stepsPerS'), median(workload, below, 'stepsPerS')]
      return a === null || b === null ? null : a / b
    },
  }
}

const figures: readonly Figure[] = [
  ratio('w1', systemNames.ours, 'graphile-worker tuned', 1.1),
  ratio('w1', systemNames.ours, 'graphile-worker defaults', 4),
  ratio('w1', systemNames.tasker, 'graphile-worker tuned', 0.8),
  ratio('w1', systemNames.ours, systemNames.statements, 0.6),
  {
    ...{ figure: 'host’s resident memory at w1', bound: 'most', limit: 200, unit: 'MB' },
    value: (median) => median('w1', systemNames.ours, 'hostRssPeakMb'),
  },
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
