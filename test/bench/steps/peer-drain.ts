// The peers' systems for a drain; each is a script of its own in test/bench/peers, which is a package of its own.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packageRoot } from '../../../src/config/package-root.ts'
import type { Database } from '../../../src/postgres/database.ts'
import type { DrainSystem, OpenedSystem } from './drain-system.ts'
import { LineProcess } from './line-process.ts'
import { withDatabase } from './scratch-cluster.ts'
import { systemNames } from './system-names.ts'
import { inherited } from './worker-process.ts'

interface Peer {
  readonly name: string
  readonly script: 'graphile-worker' | 'pg-boss' | 'bullmq'
  readonly mode: string
  readonly share: number
  /** A judged figure compares with it. */
  readonly judged: boolean
  /** Jobs that are done for good, with their result where there is one. */
  readonly durable: string
  readonly dropOne: string
}

const graphile = {
  script: 'graphile-worker',
  durable: `SELECT (SELECT count(*) FROM bench_results r WHERE length(r.result ->> 'fill') > 0
                       AND NOT EXISTS (SELECT FROM graphile_worker._private_jobs j WHERE j.id = r.job_id))::int AS done`,
  dropOne: 'DELETE FROM bench_results WHERE job_id = (SELECT min(job_id) FROM bench_results)',
} as const
const pgBoss = {
  script: 'pg-boss',
  durable: `SELECT count(*)::int AS done FROM pgboss.job WHERE state = 'completed' AND output IS NOT NULL AND retry_count = 0`,
  dropOne: `DELETE FROM pgboss.job WHERE id = (SELECT min(id::text)::uuid FROM pgboss.job)`,
} as const

export const peers: readonly Peer[] = [
  { ...graphile, name: systemNames.graphile, mode: 'tuned', share: 1, judged: true },
  { ...graphile, name: systemNames.graphileDefaults, mode: 'defaults', share: 0.2, judged: true },
  {
    ...graphile,
    ...{ name: 'graphile-worker tuned without results', mode: 'tuned-unstored', share: 1, judged: false },
    durable: `SELECT $1::int - count(*)::int AS done FROM graphile_worker._private_jobs`,
    dropOne: `SELECT graphile_worker.add_job('noop')`,
  },
  { ...pgBoss, name: 'pg-boss batches', mode: 'batches', share: 1, judged: false },
  { ...pgBoss, name: 'pg-boss defaults', mode: 'defaults', share: 0.02, judged: false },
  {
    ...{ name: 'bullmq', script: 'bullmq', mode: 'defaults', share: 0.1, judged: false },
    durable: `SELECT count(*)::int AS done FROM bullmq.job WHERE state = 'completed' AND return_value IS NOT NULL`,
    dropOne: 'DELETE FROM bullmq.job WHERE ctid = (SELECT min(ctid) FROM bullmq.job)',
  },
]

const startTimeoutMs = 60_000
const drainTimeoutMs = 900_000
const preloadTimeoutMs = 600_000
const settledPollMs = 5
const settledTimeoutMs = 30_000

export function peersInstalled(): boolean {
  return existsSync(join(directory(), 'node_modules'))
}

function directory(): string {
  return join(packageRoot(), 'test/bench/peers')
}

function start(peer: Peer, args: readonly string[]): LineProcess {
  const script = join(directory(), `${peer.script}.mjs`)
  return new LineProcess({ command: process.execPath, args: [script, ...args, peer.mode], env: inherited() })
}

export function peerDrain(peer: Peer): DrainSystem {
  return {
    name: peer.name,
    preloadKey: peer.script.replace('-', '_'),
    share: peer.share,
    preload: async (url, count) => {
      const child = start(peer, ['preload', url, String(count)])
      try {
        await child.line('preloaded', preloadTimeoutMs)
      } finally {
        await child.stop(null)
      }
    },
    open: (url, count) => open(peer, url, count),
    offences: (url, count, handled) => withDatabase(url, (database) => offences(database, peer, count, handled)),
    dropOneResult: (url) => withDatabase(url, async (database) => void (await database.query({ text: peer.dropOne }))),
  }
}

async function open(peer: Peer, url: string, count: number): Promise<OpenedSystem> {
  const child = start(peer, ['run', url, String(count)])
  const ready = await child.line('ready', startTimeoutMs).catch(async (error) => {
    await child.stop('SIGKILL')
    throw error
  })
  return {
    pids: [child.pid],
    facts: { version: ready['version'], settings: ready['settings'] },
    go: async () => child.order('go'),
    done: async () => {
      await child.line('handled', drainTimeoutMs)
      await withDatabase(url, (database) => settled(database, peer, count))
    },
    close: async () => {
      child.order('stop')
      const { handled } = await child.line('stopped', startTimeoutMs)
      await child.stop(null)
      return typeof handled === 'number' ? handled : null
    },
  }
}

/** After the time-out the check of the offences says what is missing. */
async function settled(database: Database, peer: Peer, count: number): Promise<void> {
  const deadline = performance.now() + settledTimeoutMs
  while (performance.now() < deadline && (await doneJobs(database, peer, count)) < count) await delay(settledPollMs)
}

async function doneJobs(database: Database, peer: Peer, count: number): Promise<number> {
  const values = peer.durable.includes('$1') ? [count] : []
  const [row] = await database.query<{ done: number }>({ text: peer.durable, values })
  return row?.done ?? 0
}

async function offences(database: Database, peer: Peer, count: number, handled: number | null): Promise<string[]> {
  const done = await doneJobs(database, peer, count)
  return [
    ...(done === count ? [] : [`${done} jobs of ${count} are done with a result`]),
    ...(handled === count ? [] : [`handlers ran ${handled ?? 'an unknown number of'} times for ${count} jobs`]),
  ]
}
