// The bench of the step path: runs the chosen workloads on one fresh cluster, judges them, and refuses figures of lost or doubled work.
import { messageOf } from '../../../src/model/host-error.ts'
import { largeTasks } from '../workflows/large-task.ts'
import { workflowFlow, workflowGrowth, workflowLatencies } from '../workflows/workflows.ts'
import type { Bench, BenchOptions, Workload } from './bench-options.ts'
import { crashes } from './crash.ts'
import { deepQueues } from './depth.ts'
import { claimerDrains, drains, languageDrains } from './drains.ts'
import { idleWorker } from './idle.ts'
import { judge } from './judgement.ts'
import { LineProcess } from './line-process.ts'
import type { Cell } from './measures.ts'
import { NoFigure } from './no-figure.ts'
import { peersIn } from './peers.ts'
import { factsText, type Report, writeReport } from './report.ts'
import { ScratchCluster } from './scratch-cluster.ts'
import { sequences } from './sequence.ts'
import { hoggedRate, steadyRates } from './steady.ts'

const measurements: Readonly<Record<Workload, (bench: Bench) => Promise<readonly Cell[]>>> = {
  w1: drains,
  w2: steadyRates,
  w3: sequences,
  w4: languageDrains,
  w5: hoggedRate,
  w6: crashes,
  idle: idleWorker,
  depth: deepQueues,
  claimers: claimerDrains,
  workflows: workflowLatencies,
  flow: workflowFlow,
  growth: workflowGrowth,
  large: largeTasks,
}

/** A lost or doubled step ends it without any figure. A signal stops the cluster and the workers, and then the process. */
export async function runBench(options: BenchOptions): Promise<Report> {
  const cluster = await ScratchCluster.start()
  const interrupted = () => {
    LineProcess.killAll()
    void cluster.stop().finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const facts = await cluster.facts()
    options.say(`PostgreSQL: ${factsText(facts)}`)
    if (options.peers) sayWithoutPeers(options)
    const cells: Cell[] = []
    for (const workload of options.workloads) cells.push(...(await measurements[workload]({ options, cluster })))
    return await writeReport({ cells, judgements: judge(cells), postgres: facts }, options)
  } catch (error) {
    if (!(error instanceof NoFigure)) throw error
    options.say(`no figure: ${messageOf(error)}`)
    return { document: null, text: '', missed: 0, refused: true }
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    LineProcess.killAll()
    await cluster.stop()
  }
}

/** Else their absence would look like a fault. */
function sayWithoutPeers(options: BenchOptions): void {
  const without = options.workloads.filter((workload) => peersIn(options, workload).length === 0)
  const why = options.judged ? 'no judged figure compares with one there' : 'no peer does what is measured there'
  if (without.length > 0) options.say(`no peers in ${without.join(', ')}: ${why}`)
}
