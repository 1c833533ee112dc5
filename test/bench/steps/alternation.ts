// Several systems in one workload: a run of each in turn, as often as asked for.
import type { Bench } from './bench-options.ts'
import type { DrainCells } from './drain-cell.ts'
import type { DrainSystem } from './drain-system.ts'
import { type Cell, cellOfRuns, type Run } from './measures.ts'

export function chosenOf<T extends { readonly name: string }>(
  all: readonly T[],
  parts: readonly string[] | null,
): readonly T[] {
  return all.filter(({ name }) => parts === null || parts.some((part) => isMeant(part, name, all)))
}

/** A whole name means that system alone. */
function isMeant(part: string, name: string, all: readonly { readonly name: string }[]): boolean {
  return all.some((system) => system.name === part) ? name === part : name.includes(part)
}

/** One system in one workload. */
export interface Contender {
  readonly name: string
  readonly count: number
  /** The system of ours that this one, of a peer, stands beside; null: it is ours. */
  readonly beside: string | null
  run(): Promise<Run>
}

/** `told`: what is said of each run. Each round begins with another system, so that what comes first or after which one is nobody's share. */
export async function inRounds(
  { options: { say } }: Bench,
  rounds: { workload: string; runs: number; contenders: readonly Contender[]; told: (run: Run) => string },
): Promise<readonly Cell[]> {
  const { workload, runs, contenders, told } = rounds
  const done = new Map<Contender, Run[]>(contenders.map((contender) => [contender, []]))
  for (let round = 1; round <= runs; round += 1) {
    const first = (round - 1) % Math.max(contenders.length, 1)
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const run = await contender.run()
      done.get(contender)?.push(run)
      say(`${workload} ${round}/${runs} ${contender.name}: ${told(run)}`)
    }
  }
  return contenders.map((contender) => {
    const { name, count, beside } = contender
    return cellOfRuns({ workload, system: name, count }, done.get(contender) ?? [], beside)
  })
}

/** Drains, each system's first one thrown away. */
export async function alternate(
  bench: Bench,
  cells: DrainCells,
  { workload, systems, tasks }: { workload: string; systems: readonly DrainSystem[]; tasks: number },
): Promise<readonly Cell[]> {
  const { runs, warmUp } = bench.options
  const sizeOf = (system: DrainSystem) => Math.max(1, Math.round(tasks * system.share))
  for (const system of warmUp === 0 ? [] : systems) {
    await cells.run(system, { count: Math.min(warmUp, sizeOf(system)) })
  }
  const contenders = systems.map((system) => ({
    ...{ name: system.name, count: sizeOf(system), beside: system.beside ?? null },
    run: () => cells.run(system, { count: sizeOf(system) }),
  }))
  const told = ({ measures }: Run) => `${Math.round(measures['stepsPerS'] ?? 0)} steps/s`
  return inRounds(bench, { workload, runs, contenders, told })
}
