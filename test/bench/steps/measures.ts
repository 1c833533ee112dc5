// What a run measured, by name with its unit; and the medians and ranges of several runs.

export type Measures = Readonly<Record<string, number>>

/** One run of one system. */
export interface Run {
  readonly measures: Measures
  readonly facts: Readonly<Record<string, unknown>>
  /** What was still going on when the bench stopped waiting: how large those measures had become. */
  readonly exceeded?: Measures
}

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
  /** The system of ours that this one, of a peer, stands beside. */
  readonly beside?: string
  /** Measures whose end not every run reached; they have no spread, but the median is at least this: that of what each run had reached. */
  readonly exceeded?: Measures
}

/** Only what every run measured has a spread. */
export function cellOf(cell: Omit<Cell, 'spreads'>): Cell {
  const names = namesOf(cell.runs).filter(
    (name) => cell.exceeded?.[name] === undefined && cell.runs.every((run) => run[name] !== undefined),
  )
  const spreads = names.map((name) => [name, spreadOf(cell.runs.flatMap((run) => run[name] ?? []))] as const)
  return { ...cell, spreads: Object.fromEntries(spreads) }
}

/** Of several runs of one system. */
export function cellOfRuns(
  cell: Pick<Cell, 'workload' | 'system' | 'count'>,
  runs: readonly Run[],
  beside: string | null,
): Cell {
  const exceeded = namesOf(runs.map((run) => run.exceeded ?? {})).flatMap((name) => {
    const least = runs.flatMap((run) => run.exceeded?.[name] ?? run.measures[name] ?? [])
    return least.length < runs.length ? [] : [[name, spreadOf(least).median] as const]
  })
  return cellOf({
    ...{ ...cell, facts: runs[0]?.facts ?? {}, runs: runs.map(({ measures }) => measures) },
    ...(beside === null ? {} : { beside }),
    ...(exceeded.length === 0 ? {} : { exceeded: Object.fromEntries(exceeded) }),
  })
}

const namesOf = (all: readonly Measures[]) => [...new Set(all.flatMap((measures) => Object.keys(measures)))]

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
