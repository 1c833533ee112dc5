// One run of one system working off waiting jobs, on a clone of a prepared database: how long, at what cost, and whether all is right.
import type { DrainSystem, OpenedSystem } from './drain-system.ts'
import type { Measures, Run } from './measures.ts'
import { NoFigure } from './no-figure.ts'
import { commitsOf, ResourceMeter, type Usage } from './resource-meter.ts'
import type { ScratchCluster } from './scratch-cluster.ts'

export interface DrainCellOptions {
  readonly count: number
  /** Drops one result before the check: the self-test of the refusal. */
  readonly dropOne?: boolean
}

export class DrainCells {
  readonly #cluster: ScratchCluster
  readonly #prepared = new Set<string>()
  #cells = 0

  constructor(cluster: ScratchCluster) {
    this.#cluster = cluster
  }

  /** Rejects with a NoFigure when a job was lost or ran twice. */
  async run(system: DrainSystem, { count, dropOne }: DrainCellOptions): Promise<Run> {
    const template = await this.#template(system, count)
    this.#cells += 1
    const name = `cell_${this.#cells}`
    const url = await this.#cluster.create(name, template)
    try {
      await this.#cluster.settle(url)
      const commitsBefore = await commitsOf(this.#cluster, name)
      const opened = await system.open(url, count)
      const { usage, seconds, counted } = await this.#measure(opened)
      const handled = await opened.close()
      // Before the check, whose own transactions are not the system's.
      const commits = (await commitsOf(this.#cluster, name)) - commitsBefore
      if (dropOne === true) await system.dropOneResult(url)
      const offences = await system.offences(url, count, handled)
      if (offences.length > 0) throw new NoFigure(system.name, offences)
      return { measures: { ...measuresOf({ count, seconds, usage, commits }), ...counted }, facts: opened.facts }
    } finally {
      await this.#cluster.drop(name)
    }
  }

  async #measure(opened: OpenedSystem): Promise<{ usage: Usage; seconds: number; counted: Measures }> {
    try {
      const meter = await ResourceMeter.begin(this.#cluster, opened.pids)
      const startedAt = performance.now()
      await opened.go()
      const missing = await opened.done()
      const seconds = (performance.now() - startedAt) / 1000
      const usage = await meter.end()
      return { usage, seconds, counted: missing > 0 ? {} : ((await opened.counted?.()) ?? {}) }
    } catch (error) {
      await opened.close().catch(() => {})
      throw error
    }
  }

  /** Jobs are made once and cloned, so that every run starts from the very same pages. */
  async #template(system: DrainSystem, count: number): Promise<string> {
    const name = `waiting_${system.preloadKey}_${count}`
    if (this.#prepared.has(name)) return name
    const url = await this.#cluster.create(name)
    await system.preload(url, count)
    await this.#cluster.settle(url)
    this.#prepared.add(name)
    return name
  }
}

function measuresOf(drain: { count: number; seconds: number; usage: Usage; commits: number }): Measures {
  const { count, seconds, usage, commits } = drain
  const perThousand = 1000 / count
  return {
    stepsPerS: count / seconds,
    stepsPerCpuS: count / Math.max(usage.workerCpuS + usage.postgresCpuS, 0.01),
    ...costsOf(usage, count),
    commitsPerK: commits * perThousand,
    seconds,
  }
}

/** Per thousand steps, and memory as it is. */
export function costsOf(usage: Usage, count: number): Measures {
  const perThousand = 1000 / count
  return {
    workerCpuSPerK: usage.workerCpuS * perThousand,
    postgresCpuSPerK: usage.postgresCpuS * perThousand,
    walKbPerK: (usage.walBytes / 1024) * perThousand,
    hostRssPeakMb: usage.rootRssPeakMb,
    rssPeakMb: usage.rssPeakMb,
  }
}
