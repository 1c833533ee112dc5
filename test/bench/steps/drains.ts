// W1, W4 and ten claimers: which systems work off waiting jobs.
import { join } from 'node:path'
import { packageRoot } from '../../../src/config/package-root.ts'
import { alternate, chosenOf } from './alternation.ts'
import type { Bench } from './bench-options.ts'
import { DrainCells } from './drain-cell.ts'
import type { DrainSystem } from './drain-system.ts'
import { LineProcess } from './line-process.ts'
import type { Cell } from './measures.ts'
import { ourDrain } from './our-drain.ts'
import { peerDrain } from './peer-drain.ts'
import { peersIn } from './peers.ts'
import { systemNames } from './system-names.ts'
import {
  inherited,
  type Language,
  languageRoot,
  languages,
  settingsFacts,
  startStephost,
  startWorker,
  type WorkerOptions,
  workerReady,
} from './worker-process.ts'

const statementLoops = 2
const statementBatch = 200
const claimers = 10
/** The permits and the prefetch of a worker in its defaults. */
const claimerBatch = 18
/** W4 has a fifth of the tasks of W1. */
const languageShare = 0.2
const buildTimeoutMs = 600_000
const unjudged: readonly string[] = [systemNames.announced, systemNames.tuned]
/** As its peers delete their jobs; what a step was stays in its history. */
const tunedSettings = { 'queues.pgmq.on_claim': 'delete' } as const

export async function drains(bench: Bench): Promise<readonly Cell[]> {
  const { options, cluster } = bench
  const ours = ourSystems(bench).filter(({ name }) => !unjudged.includes(name) || !options.judged)
  const theirs = peersIn(options, 'w1').map(peerDrain)
  const chosen = chosenOf([...ours, ...theirs], options.systems)
  const cells = new DrainCells(cluster)
  const [first] = chosen
  if (options.selfTest && first !== undefined) await cells.run(first, { count: options.tasks, dropOne: true })
  if (options.selfTest) return []
  return alternate(bench, cells, { workload: 'w1', systems: chosen, tasks: options.tasks })
}

/** The same work in each language, and in all of them by turns. */
export async function languageDrains(bench: Bench): Promise<readonly Cell[]> {
  const { options, cluster } = bench
  const sets = [...languages.map((language) => [language] as const), languages]
  const systems = sets.map((set) =>
    ourDrain({
      ...{ name: systemNames.language(set), languages: set, taskerIndexes: false, listener: 'ours' },
      start: starter(bench, set),
    }),
  )
  await buildCrate(cluster.url('postgres'))
  const tasks = Math.round(options.tasks * languageShare)
  const chosen = chosenOf(systems, options.systems)
  return alternate(bench, new DrainCells(cluster), { workload: 'w4', systems: chosen, tasks })
}

/** Ten workers' claims on one queue, with our statements alone: how many find nothing although work is there. */
export async function claimerDrains(bench: Bench): Promise<readonly Cell[]> {
  const system = ourDrain({
    ...{ name: systemNames.claimers, languages: ['typescript'], taskerIndexes: false, listener: 'ours' },
    start: (url, count) => startStatements(url, count, { loops: claimers, batch: claimerBatch }),
  })
  const tasks = Math.round(bench.options.tasks * languageShare)
  return alternate(bench, new DrainCells(bench.cluster), { workload: 'claimers', systems: [system], tasks })
}

function ourSystems(bench: Bench): readonly DrainSystem[] {
  const languages = ['typescript'] as const
  const common = { languages, start: starter(bench, languages), taskerIndexes: false, listener: 'ours' } as const
  const start = (url: string, count: number) =>
    startStatements(url, count, { loops: statementLoops, batch: statementBatch })
  return [
    ourDrain({ ...common, name: systemNames.ours }),
    // A file of the user's stands instead of all that the bench sets.
    ...(bench.options.config === null
      ? [ourDrain({ ...common, name: systemNames.tuned, start: starter(bench, languages, tunedSettings) })]
      : []),
    ourDrain({ ...common, name: systemNames.tasker, taskerIndexes: true }),
    ourDrain({ ...common, name: systemNames.announced, listener: 'foreign' }),
    ourDrain({ ...common, name: systemNames.statements, start }),
  ]
}

function starter(
  { options, cluster }: Bench,
  languages: readonly Language[],
  settings: WorkerOptions['settings'] = {},
) {
  return async (url: string) => {
    const worker = await startWorker({ url, languages, directory: cluster.directory, config: options.config, settings })
    await workerReady(worker)
    return { worker, facts: settingsFacts(options, settings) }
  }
}

async function startStatements(url: string, count: number, settings: { loops: number; batch: number }) {
  const script = join(packageRoot(), 'dist/test/bench/steps/statement-loop.js')
  const args = [script, url, String(count), String(settings.loops), String(settings.batch)]
  const worker = new LineProcess({ command: process.execPath, args, env: inherited() })
  await worker.line('ready', 30_000)
  return { worker, facts: { settings } }
}

async function buildCrate(url: string): Promise<void> {
  const build = startStephost(['build', '--handlers', languageRoot('rust')], url)
  if (!(await build.exited(buildTimeoutMs))) await build.stop('SIGKILL')
}
