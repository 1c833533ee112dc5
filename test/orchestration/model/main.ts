// Runs many schedules: `npm run model -- --schedules 10000 --seed 1 [--side 6] [--shrink]`. A schedule that failed is run again by its seed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ChaosCluster } from '../../chaos/chaos-cluster.ts'
import { joinDiamonds } from './diamonds.ts'
import { ModelPlace } from './model-place.ts'
import { runSchedules } from './schedule-runner.ts'

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    /** Schedules that run side by side, each on a database of its own. */
    side: { type: 'string', default: '6' },
    /** Makes schedules that failed smaller, as far as they go on failing. */
    shrink: { type: 'boolean', default: false },
    /** Joins of diamonds under two orchestrators, instead of schedules. */
    diamonds: { type: 'string', default: '0' },
  },
})

function whole(name: 'schedules' | 'seed' | 'side' | 'diamonds'): number {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= 0) return number
  console.error(`error: --${name} must be a whole number, not "${values[name]}"`)
  process.exit(2)
}

const [schedules, firstSeed, diamonds] = [whole('schedules'), whole('seed'), whole('diamonds')]
const side = Math.max(1, Math.min(whole('side'), schedules))
const root = mkdtempSync(join(tmpdir(), 'stephost-model-'))
const cluster = new ChaosCluster(join(root, 'postgres'))
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt.abort())
const startedAt = performance.now()
try {
  await cluster.start()
  const failures = diamonds > 0 ? await diamondFailures() : await scheduleFailures()
  if (failures.length > 0 || interrupt.signal.aborted) process.exitCode = 1
} finally {
  await cluster.stop()
  rmSync(root, { recursive: true, force: true })
}

async function diamondFailures(): Promise<readonly string[]> {
  await cluster.createDatabase('diamonds')
  const { problems, joins } = await joinDiamonds(cluster.urlOf('diamonds').toString(), {
    ...{ joins: diamonds, abort: interrupt.signal },
  })
  for (const problem of problems) console.log(problem)
  console.log(`${joins} diamonds joined, ${problems.length} problems, in ${seconds()} s`)
  return problems
}

async function scheduleFailures(): Promise<readonly string[]> {
  const places: ModelPlace[] = []
  try {
    for (let place = 0; place < side; place += 1) {
      await cluster.createDatabase(`model_${place}`)
      const made = new ModelPlace(cluster.urlOf(`model_${place}`).toString())
      places.push(made)
      await made.start()
    }
    let ran = 0
    const { failures, summary, excess } = await runSchedules({
      ...{ places, firstSeed, schedules, shrink: values.shrink, abort: interrupt.signal },
      onSchedule: (_seed, failure) => {
        ran += 1
        if (failure !== null) console.log(failure)
        if (ran % 500 === 0) console.log(`${ran} schedules in ${seconds()} s`)
      },
      onRepeat: (text) => console.log(text),
    })
    console.log(`${ran - failures.length} of ${ran} schedules passed in ${seconds()} s; ${summary}`)
    if (excess !== null) console.log(`error: ${excess}`)
    return excess === null ? failures : [...failures, excess]
  } finally {
    await Promise.all(places.map((place) => place.stop()))
  }
}

function seconds(): string {
  return ((performance.now() - startedAt) / 1000).toFixed(1)
}
