// Figures are kept for a while: however many ask, the database works one set out once per time. Source: orchestration-semantics §6.8.

import type { JsonText } from '../../model/json-text.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'

export interface KeptFiguresOptions {
  readonly keptMs: number
  /** Sets of figures; the one that is kept longest goes first. Default 200. */
  readonly setsMax?: number
  /** Monotonic, milliseconds. */
  readonly now?: () => number
}

/** Some hundred rows at most in each. */
const setsMaxDefault = 200

interface KeptFigures {
  readonly askedAtMs: number
  readonly figures: Promise<JsonText>
}

/** The same reads, of which `performance` and `bottlenecks` answer for `keptMs` what they answered before to the same parameters. */
export function withKeptFigures(reads: OrchestrationReads, options: KeptFiguresOptions): OrchestrationReads {
  const { keptMs, setsMax = setsMaxDefault, now = () => performance.now() } = options
  const kept = new Map<string, KeptFigures>()
  const keep = (key: string, ask: () => Promise<JsonText>): Promise<JsonText> => {
    const found = kept.get(key)
    if (found !== undefined && now() - found.askedAtMs < keptMs) return found.figures
    const figures = ask()
    const entry = { askedAtMs: now(), figures }
    // Those that are asked for anew go to the end: the first is the oldest.
    kept.delete(key)
    kept.set(key, entry)
    const [oldest] = kept.keys()
    if (kept.size > setsMax && oldest !== undefined) kept.delete(oldest)
    // What failed is asked again by the next one.
    figures.catch(() => {
      if (kept.get(key) === entry) kept.delete(key)
    })
    return figures
  }
  return {
    ...reads,
    performance: (hours) => keep(`performance ${hours}`, () => reads.performance(hours)),
    bottlenecks: ({ limit, executionsMin }) =>
      keep(`bottlenecks ${limit} ${executionsMin}`, () => reads.bottlenecks({ limit, executionsMin })),
  }
}
