// What a run measured, by name with its unit; and the medians and ranges of several runs.

export type Measures = Readonly<Record<string, number>>

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** One system in one workload. */
export interface Cell {
  readonly workload: string
  readonly system: string
  /** Jobs, messages or steps of each run. */
  readonly count: number
  readonly facts: Readonly<Record<string, unknown>>
  readonly runs: readonly Measures[]
  readonly spreads: Readonly<Record<string, Spread>>
}

export function cellOf(cell: Omit<Cell, 'spreads'>): Cell {
  const names = [...new Set(cell.runs.flatMap((run) => Object.keys(run)))]
  const spreads = names.map((name) => [name, spreadOf(cell.runs.flatMap((run) => run[name] ?? []))] as const)
  return { ...cell, spreads: Object.fromEntries(spreads) }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 }
}

/** Of sorted values; between two of them it is their mean, weighted. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? 0
  const above = sorted[Math.ceil(place)] ?? below
  return below + (above - below) * (place - Math.floor(place))
}
