// The peers in their modes, and all that the bench knows of how each takes jobs and keeps results.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../../src/config/package-root.ts'
import type { Database } from '../../../src/postgres/database.ts'
import type { BenchOptions, Workload } from './bench-options.ts'
import { systemNames } from './system-names.ts'

export interface Peer {
  readonly name: string
  readonly script: 'graphile-worker' | 'pg-boss' | 'bullmq'
  readonly mode: string
  /** Of the jobs of a drain: slow peers need fewer for the same certainty. */
  readonly share: number
  /** Of the messages that are sent one after the other. */
  readonly sequenceShare: number
  /** A judged figure compares a drain with it. */
  readonly judged: boolean
  readonly workloads: readonly Workload[]
  /** Jobs that are done for good, with their result where there is one; $1, where it stands, is how many there were. */
  readonly durable: string
  /** `locked`: a worker holds them; `waiting`: none does; `again`: started more than once. */
  readonly standing: string
  readonly dropOne: string
  /** As of MessageSender: SQL, or where the module of a sender is. */
  readonly send: string
  /** key, started_us, xid of the result's transaction. */
  readonly results: string
}

export interface Standing {
  readonly done: number
  readonly locked: number
  readonly waiting: number
  readonly again: number
}

const all = ['w1', 'w2', 'w3', 'w5', 'w6'] as const
export const peersDirectory = join(packageRoot(), 'test/bench/peers')

const sender = (script: string) => pathToFileURL(join(peersDirectory, `${script}-sender.mjs`)).href

/** A result is stored by the handler, in a transaction before the one that takes the job away. */
const graphile = {
  script: 'graphile-worker',
  sequenceShare: 1,
  durable: `SELECT (SELECT count(*) FROM bench_results r WHERE length(r.result ->> 'fill') > 0
                       AND NOT EXISTS (SELECT FROM graphile_worker._private_jobs j WHERE j.id = r.job_id))::int AS done`,
  standing: `
SELECT (count(*) FILTER (WHERE j.locked_at IS NOT NULL))::int AS locked,
       (count(*) FILTER (WHERE j.id IS NOT NULL AND j.locked_at IS NULL))::int AS waiting,
       (count(*) FILTER (WHERE greatest((r.result ->> 'attempts')::int, j.attempts) > 1))::int AS again
  FROM graphile_worker._private_jobs j FULL JOIN bench_results r ON r.job_id = j.id`,
  dropOne: 'DELETE FROM bench_results WHERE job_id = (SELECT min(job_id) FROM bench_results)',
  send: `SELECT id, pg_current_xact_id()::text AS xid FROM graphile_worker.add_job('noop', json_build_object('key', $1::text))`,
  results: `SELECT result ->> 'key' AS key, (result ->> 'started_us')::float8 AS started_us, xmin AS xid FROM bench_results`,
} as const

const pgBoss = {
  script: 'pg-boss',
  durable: `SELECT count(*)::int AS done FROM pgboss.job WHERE state = 'completed' AND output IS NOT NULL`,
  standing: `
SELECT (count(*) FILTER (WHERE state = 'active'))::int AS locked,
       (count(*) FILTER (WHERE state IN ('created', 'retry')))::int AS waiting,
       (count(*) FILTER (WHERE retry_count > 0))::int AS again
  FROM pgboss.job`,
  dropOne: `DELETE FROM pgboss.job WHERE id = (SELECT min(id::text)::uuid FROM pgboss.job)`,
  send: sender('pg-boss'),
  results: `
SELECT output ->> 'key' AS key, (output ->> 'started_us')::float8 AS started_us, xmin AS xid FROM pgboss.job WHERE state = 'completed'`,
} as const

const peers: readonly Peer[] = [
  { ...graphile, name: systemNames.graphile, mode: 'tuned', share: 1, judged: true, workloads: all },
  { ...graphile, name: systemNames.graphileDefaults, mode: 'defaults', share: 0.2, judged: true, workloads: all },
  {
    ...graphile,
    ...{ name: 'graphile-worker tuned without results', mode: 'tuned-unstored', share: 1, judged: false },
    workloads: ['w1'],
    durable: `SELECT $1::int - count(*)::int AS done FROM graphile_worker._private_jobs`,
    dropOne: `SELECT graphile_worker.add_job('noop')`,
  },
  {
    ...pgBoss,
    ...{ name: 'pg-boss batches', mode: 'batches', share: 1, sequenceShare: 0.1, judged: false },
    workloads: all,
  },
  {
    ...pgBoss,
    ...{ name: 'pg-boss batches, listening', mode: 'listening', share: 1, sequenceShare: 1, judged: false },
    workloads: ['w2', 'w3', 'w5'],
  },
  {
    ...pgBoss,
    ...{ name: 'pg-boss defaults', mode: 'defaults', share: 0.02, sequenceShare: 0.05, judged: false },
    workloads: all,
  },
  {
    ...{ name: 'bullmq', script: 'bullmq', mode: 'defaults', share: 0.1, sequenceShare: 1, judged: false },
    workloads: all,
    durable: `SELECT count(*)::int AS done FROM bullmq.job WHERE state = 'completed' AND return_value IS NOT NULL`,
    standing: `
SELECT (count(*) FILTER (WHERE state = 'active'))::int AS locked,
       (count(*) FILTER (WHERE state NOT IN ('active', 'completed', 'failed')))::int AS waiting,
       (count(*) FILTER (WHERE attempts_started > 1))::int AS again
  FROM bullmq.job`,
    dropOne: 'DELETE FROM bullmq.job WHERE ctid = (SELECT min(ctid) FROM bullmq.job)',
    send: sender('bullmq'),
    results: `
SELECT return_value ->> 'key' AS key, (return_value ->> 'started_us')::float8 AS started_us, xmin AS xid
  FROM bullmq.job WHERE state = 'completed'`,
  },
]

export const peersOf = (workload: Workload): readonly Peer[] =>
  peers.filter(({ workloads }) => workloads.includes(workload))

/** Those that take part. */
export const peersIn = (options: Pick<BenchOptions, 'peers' | 'judged'>, workload: Workload): readonly Peer[] =>
  options.peers ? peersOf(workload).filter(({ name }) => !options.judged || isJudged(workload, name)) : []

/** Drains alone are judged beside peers. */
export function isJudged(workload: string, system: string): boolean {
  return workload === 'w1' && peers.some(({ judged, name }) => judged && name === system)
}

export async function doneJobs(database: Database, peer: Peer, count: number): Promise<number> {
  const values = peer.durable.includes('$1') ? [count] : []
  const [row] = await database.query<{ done: number }>({ text: peer.durable, values })
  return row?.done ?? 0
}

export async function standingOf(database: Database, peer: Peer, count: number): Promise<Standing> {
  const [row] = await database.query<Omit<Standing, 'done'>>({ text: peer.standing })
  return { done: await doneJobs(database, peer, count), ...(row ?? { locked: 0, waiting: 0, again: 0 }) }
}

/** `handled`: how often handlers ran; null where nobody knows. `late`: jobs that are still there are not lost. */
export function peerOffences(
  { done, locked, waiting, again }: Standing,
  { count, handled, late }: { count: number; handled: number | null; late: boolean },
): readonly string[] {
  const kept = late ? done + locked + waiting : done
  const begunMax = late ? done + locked : done
  return [
    ...(kept === count ? [] : [`${kept} jobs of ${count} are done with a result${late ? ' or still there' : ''}`]),
    ...(again === 0 ? [] : [`${again} jobs were started more than once`]),
    ...(handled === null || (handled >= done && handled <= begunMax)
      ? []
      : [`handlers ran ${handled} times, for ${done} results`]),
  ]
}
