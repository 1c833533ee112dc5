// A worker with nothing to do: its share of a core, and how many statements it runs.
import { setTimeout as delay } from 'node:timers/promises'
import type { Bench } from './bench-options.ts'
import { type Cell, cellOf } from './measures.ts'
import { commitsOf, ResourceMeter } from './resource-meter.ts'
import { settingsFacts } from './worker-process.ts'
import { WorkerStand } from './worker-stand.ts'

/** Until start-up is over and polling has slowed down. */
const settleMs = 15_000
const watchedS = 20

export async function idleWorker(bench: Bench): Promise<readonly Cell[]> {
  const name = 'bench_idle'
  const place = { name, languages: ['typescript'] as const, preloads: [], listener: false }
  const preloads = [{ count: 0, templates: ['noop_typescript'], messages: false }]
  const run = await WorkerStand.with(bench, { ...place, preloads }, async (stand) => {
    const worker = await stand.worker()
    await stand.database.stop()
    await delay(settleMs)
    const commits = await commitsOf(bench.cluster, name)
    const meter = await ResourceMeter.begin(bench.cluster, [worker.pid])
    await delay(watchedS * 1000)
    const usage = await meter.end()
    const made = (await commitsOf(bench.cluster, name)) - commits
    await stand.database.start()
    return {
      corePercent: (100 * usage.workerCpuS) / watchedS,
      queriesPerS: made / watchedS,
      hostRssPeakMb: usage.rootRssPeakMb,
    }
  })
  bench.options.say(`idle: ${run.corePercent.toFixed(2)} % of a core, ${run.queriesPerS.toFixed(2)} queries/s`)
  return [
    cellOf({ workload: 'idle', system: 'stephost', count: watchedS, facts: settingsFacts(bench.options), runs: [run] }),
  ]
}
