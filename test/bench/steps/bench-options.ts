// What a run of the bench is asked for.
import type { ScratchCluster } from './scratch-cluster.ts'

export const workloads = [
  'w1',
  'w2',
  'w3',
  'w4',
  'w5',
  'w6',
  'idle',
  'depth',
  'claimers',
  'workflows',
  'flow',
  'growth',
  'large',
] as const
export type Workload = (typeof workloads)[number]

export interface BenchOptions {
  readonly workloads: readonly Workload[]
  readonly tasks: number
  readonly runs: number
  /** Jobs of the run of each system that is thrown away; 0: none. */
  readonly warmUp: number
  /** Only those whose name contains one of these; null: all. */
  readonly systems: readonly string[] | null
  readonly peers: boolean
  /** Only what a judged figure needs. */
  readonly judged: boolean
  /** Of each steady run. */
  readonly seconds: number
  /** Depths of a queue up to a million messages, not only a hundred thousand. */
  readonly deep: boolean
  /** Directory for the files of the report; null: none. */
  readonly out: string | null
  /** The configuration file of the workers; null: the bench's settings. */
  readonly config: string | null
  readonly selfTest: boolean
  say(line: string): void
}

export interface Bench {
  readonly options: BenchOptions
  readonly cluster: ScratchCluster
}
