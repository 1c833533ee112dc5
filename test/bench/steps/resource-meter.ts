// What a cell costs: processor time, commits, write-ahead log and memory; figures that barely move with the load of the machine.
import { type TreeUse, treeUse } from './process-tree.ts'
import type { ScratchCluster } from './scratch-cluster.ts'

export interface Usage {
  readonly workerCpuS: number
  readonly postgresCpuS: number
  readonly walBytes: number
  readonly rootRssPeakMb: number
  readonly rssPeakMb: number
}

interface Reading {
  readonly trees: readonly TreeUse[]
  readonly postgresCpuS: number
  readonly walBytes: number
}

/** Between `begin` and `end`: some process trees, and the server as a whole. */
export class ResourceMeter {
  readonly #cluster: ScratchCluster
  readonly #postmaster: number
  readonly #roots: readonly number[]
  #before: Reading | null = null

  private constructor(cluster: ScratchCluster, postmaster: number, roots: readonly number[]) {
    this.#cluster = cluster
    this.#postmaster = postmaster
    this.#roots = roots
  }

  static async begin(cluster: ScratchCluster, roots: readonly number[]): Promise<ResourceMeter> {
    const meter = new ResourceMeter(cluster, await cluster.pid(), roots)
    meter.#before = await meter.#read()
    return meter
  }

  async end(): Promise<Usage> {
    const before = this.#before
    const after = await this.#read()
    const sum = (reading: Reading | null, value: (tree: TreeUse) => number) =>
      (reading?.trees ?? []).reduce((total, tree) => total + value(tree), 0)
    return {
      workerCpuS: sum(after, ({ cpuS }) => cpuS) - sum(before, ({ cpuS }) => cpuS),
      postgresCpuS: after.postgresCpuS - (before?.postgresCpuS ?? 0),
      walBytes: after.walBytes - (before?.walBytes ?? 0),
      rootRssPeakMb: Math.max(...after.trees.map(({ rootRssPeakMb }) => rootRssPeakMb)),
      rssPeakMb: sum(after, ({ rssPeakMb }) => rssPeakMb),
    }
  }

  async #read(): Promise<Reading> {
    const [row] = await this.#cluster.administer((server) =>
      server.query<{ bytes: string }>({ text: `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes` }),
    )
    return {
      trees: this.#roots.map(treeUse),
      postgresCpuS: treeUse(this.#postmaster).cpuS,
      walBytes: Number(row?.bytes ?? 0),
    }
  }
}

/** Of a database since it was made. Backends report theirs at their end, so it is exact once all clients have left. */
export async function commitsOf(cluster: ScratchCluster, database: string): Promise<number> {
  const [row] = await cluster.administer((server) =>
    server.query<{ commits: string }>({
      text: 'SELECT xact_commit AS commits FROM pg_stat_database WHERE datname = $1',
      values: [database],
    }),
  )
  return Number(row?.commits ?? 0)
}
