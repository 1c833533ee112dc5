// Several systems in one workload: a run of each in turn, as often as asked for, after one of each that is thrown away.
import type { Bench } from './bench-options.ts'
import type { DrainCells, DrainRun } from './drain-cell.ts'
import type { DrainSystem } from './drain-system.ts'
import { type Cell, cellOf } from './measures.ts'

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

export async function alternate(
  { options }: Bench,
  cells: DrainCells,
  { workload, systems, tasks }: { workload: string; systems: readonly DrainSystem[]; tasks: number },
): Promise<readonly Cell[]> {
  const { runs, warmUp, say } = options
  const sizeOf = (system: DrainSystem) => Math.max(1, Math.round(tasks * system.share))
  for (const system of warmUp === 0 ? [] : systems) {
    await cells.run(system, { count: Math.min(warmUp, sizeOf(system)) })
  }
  const done = new Map<DrainSystem, DrainRun[]>(systems.map((system) => [system, []]))
  for (let round = 1; round <= runs; round += 1) {
    for (const system of systems) {
      const run = await cells.run(system, { count: sizeOf(system) })
      done.get(system)?.push(run)
      say(`${workload} ${round}/${runs} ${system.name}: ${Math.round(run.measures['stepsPerS'] ?? 0)} steps/s`)
    }
  }
  return systems.map((system) => {
    const made = done.get(system) ?? []
    return cellOf({
      ...{ workload, system: system.name, count: sizeOf(system) },
      facts: made[0]?.facts ?? {},
      runs: made.map(({ measures }) => measures),
    })
  })
}
