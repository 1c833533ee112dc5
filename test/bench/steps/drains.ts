// W1: which systems work off waiting jobs, in which order, and how often.
import { join } from 'node:path'
import { packageRoot } from '../../../src/config/package-root.ts'
import type { Bench } from './bench-options.ts'
import { DrainCells, type DrainRun } from './drain-cell.ts'
import type { DrainSystem } from './drain-system.ts'
import { LineProcess } from './line-process.ts'
import { type Cell, cellOf } from './measures.ts'
import { ourDrain } from './our-drain.ts'
import { peerDrain, peers } from './peer-drain.ts'
import { systemNames } from './system-names.ts'
import { inherited, startWorker, workerReady, workerSettings } from './worker-process.ts'

const statementLoops = 2
const statementBatch = 200

export async function drains(bench: Bench): Promise<readonly Cell[]> {
  const { options, cluster } = bench
  const { systems, tasks, runs, warmUp, say } = options
  const all = [...ourSystems(bench), ...(options.peers ? peers.map(peerDrain) : [])]
  const chosen = all.filter(({ name }) => systems === null || systems.some((part) => isMeant(part, name, all)))
  const cells = new DrainCells(cluster)
  const [first] = chosen
  if (options.selfTest && first !== undefined) await cells.run(first, { count: tasks, dropOne: true })
  if (options.selfTest) return []
  const sizes = new Map(chosen.map((system) => [system, Math.max(1, Math.round(tasks * system.share))]))
  for (const system of warmUp === 0 ? [] : chosen) {
    await cells.run(system, { count: Math.min(warmUp, sizes.get(system) ?? tasks) })
  }
  const done = new Map<DrainSystem, DrainRun[]>(chosen.map((system) => [system, []]))
  for (let round = 1; round <= runs; round += 1) {
    for (const system of chosen) {
      const run = await cells.run(system, { count: sizes.get(system) ?? tasks })
      done.get(system)?.push(run)
      say(`w1 ${round}/${runs} ${system.name}: ${Math.round(run.measures['stepsPerS'] ?? 0)} steps/s`)
    }
  }
  return chosen.map((system) => {
    const made = done.get(system) ?? []
    return cellOf({
      ...{ workload: 'w1', system: system.name, count: sizes.get(system) ?? tasks },
      facts: made[0]?.facts ?? {},
      runs: made.map(({ measures }) => measures),
    })
  })
}

/** A whole name means that system alone. */
function isMeant(part: string, name: string, all: readonly DrainSystem[]): boolean {
  return all.some((system) => system.name === part) ? name === part : name.includes(part)
}

function ourSystems({ options, cluster }: Bench): readonly DrainSystem[] {
  const languages = ['typescript'] as const
  const start = async (url: string) => {
    const worker = await startWorker({ url, languages, directory: cluster.directory, config: options.config })
    await workerReady(worker)
    return { worker, facts: { settings: options.config === null ? workerSettings : { config: options.config } } }
  }
  const common = { languages, start, taskerIndexes: false, listener: 'ours' } as const
  return [
    ourDrain({ ...common, name: systemNames.ours }),
    ourDrain({ ...common, name: systemNames.tasker, taskerIndexes: true }),
    ourDrain({ ...common, name: systemNames.announced, listener: 'foreign' }),
    ourDrain({ ...common, name: systemNames.statements, start: startStatements }),
  ]
}

async function startStatements(url: string, count: number) {
  const script = join(packageRoot(), 'dist/test/bench/steps/statement-loop.js')
  const args = [script, url, String(count), String(statementLoops), String(statementBatch)]
  const worker = new LineProcess({ command: process.execPath, args, env: inherited() })
  await worker.line('ready', 30_000)
  return { worker, facts: { settings: { loops: statementLoops, batch: statementBatch } } }
}
