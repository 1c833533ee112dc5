// Runs schedules of blows one after the other: `npm run chaos -- --seeds 50 --first-seed 1 [--actions 8] [--tasks 24] [--keep]`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ChaosCluster } from './chaos-cluster.ts'
import { ChaosRun } from './chaos-run.ts'
import { resultsAtLeast } from './chaos-work.ts'
import { scheduleOf, scheduleText } from './schedule.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '50' },
    'first-seed': { type: 'string', default: '1' },
    actions: { type: 'string', default: '8' },
    tasks: { type: 'string', default: '24' },
    /** The cluster and the logs of failed seeds stay. */
    keep: { type: 'boolean', default: false },
  },
})

function whole(name: 'seeds' | 'first-seed' | 'actions' | 'tasks'): number {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= 0) return number
  console.error(`error: --${name} must be a whole number, not "${values[name]}"`)
  process.exit(2)
}

const [seeds, firstSeed, actions, tasks] = [whole('seeds'), whole('first-seed'), whole('actions'), whole('tasks')]
const work = { mixed: tasks, refused: Math.ceil(tasks / 8), single: tasks }
const root = mkdtempSync(join(tmpdir(), 'stephost-chaos-'))
const cluster = new ChaosCluster(join(root, 'postgres'))
/** On the terminal; all of them are in the file. */
const problemsMax = 40
const failed: number[] = []
let ran = 0
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt.abort())
try {
  await cluster.start()
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const passed = await passes(seed)
    // A run that was interrupted says nothing.
    if (interrupt.signal.aborted) break
    if (!passed) failed.push(seed)
    ran += 1
  }
} finally {
  await cluster.stop()
  if (values.keep && failed.length > 0) console.log(`kept: ${root}`)
  else rmSync(root, { recursive: true, force: true })
}
console.log(`${ran - failed.length} of ${ran} seeds passed${failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''}`)
process.exitCode = failed.length === 0 && ran === seeds ? 0 : 1

async function passes(seed: number): Promise<boolean> {
  const schedule = scheduleOf(seed, { results: resultsAtLeast(work), actions })
  const directory = join(root, `seed-${seed}`)
  const databaseName = `chaos_${seed}`
  mkdirSync(directory)
  await cluster.createDatabase(databaseName)
  const startedAt = performance.now()
  const { problems, evidence, summary } = await ChaosRun.perform({
    ...{ cluster, databaseName, schedule, work, directory },
    abort: interrupt.signal,
  }).catch((error: unknown) => ({
    problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    ...{ evidence: [], summary: '' },
  }))
  if (interrupt.signal.aborted) return false
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`seed ${seed}: ${problems.length === 0 ? 'passed' : 'FAILED'} in ${seconds} s: ${summary}`)
  if (problems.length === 0) {
    // Only so that the disk does not fill.
    await cluster.dropDatabase(databaseName).catch((error: unknown) => console.log(`${databaseName} stays: ${error}`))
    rmSync(directory, { recursive: true })
    return true
  }
  console.log([scheduleText(schedule), ...problems.slice(0, problemsMax), ...evidence].join('\n'))
  writeFileSync(join(directory, 'problems.txt'), [scheduleText(schedule), ...problems, ...evidence, ''].join('\n'))
  return false
}
