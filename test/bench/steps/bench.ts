// The bench of the step path: runs the chosen workloads on one fresh cluster, judges them, and refuses figures of lost or doubled work.
import { messageOf } from '../../../src/model/host-error.ts'
import type { Bench, BenchOptions, Workload } from './bench-options.ts'
import { drains } from './drains.ts'
import { judge } from './judgement.ts'
import type { Cell } from './measures.ts'
import { NoFigure } from './no-figure.ts'
import { type Report, writeReport } from './report.ts'
import { ScratchCluster } from './scratch-cluster.ts'

const measurements: Readonly<Record<Workload, (bench: Bench) => Promise<readonly Cell[]>>> = { w1: drains }

export async function runBench(options: BenchOptions): Promise<Report> {
  const cluster = await ScratchCluster.start()
  try {
    const facts = await cluster.facts()
    options.say(
      `PostgreSQL ${Object.entries(facts)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ')}`,
    )
    const cells: Cell[] = []
    for (const workload of options.workloads) cells.push(...(await measurements[workload]({ options, cluster })))
    return await writeReport({ cells, judgements: judge(cells), postgres: facts }, options)
  } catch (error) {
    if (!(error instanceof NoFigure)) throw error
    options.say(`no figure: ${messageOf(error)}`)
    return { document: null, text: '', missed: 0, refused: true }
  } finally {
    await cluster.stop()
  }
}
