// The database a command works with: the one that DATABASE_URL names, else an embedded PostgreSQL, migrated.

import { join } from 'node:path'
import type { Config } from './config/config.ts'
import type { HostLog } from './host-health.ts'
import { requireOneDatabase } from './host-transport.ts'
import type { HealthCheck, HealthFact } from './model/health.ts'
import { messageOf } from './model/host-error.ts'
import type { Lifecycle } from './model/lifecycle.ts'
import { Database, type DatabaseOptions } from './postgres/database.ts'
import { findBinaries } from './postgres/embedded/binaries.ts'
import { EmbeddedPostgres } from './postgres/embedded/embedded-postgres.ts'
import { type MigrationReport, migrate } from './postgres/migrate.ts'
import { migrateQueues, requireQueueSchema } from './postgres/migrate-queues.ts'
import { requireSchema, schemaState } from './postgres/schema-state.ts'

export const dataDirDefault = join('.stephost', 'postgres')

export interface OpenedDatabase {
  readonly url: string
  readonly embedded: boolean
  stop(): Promise<void>
}

/** Rejects with EMBEDDED_POSTGRES_MISSING or _FAILED, DATABASE_UNREACHABLE, DATABASE_DENIED. */
export async function openDatabase(
  config: Config,
  options: { dataDir: string | null; log: (line: string) => void },
): Promise<OpenedDatabase> {
  requireOneDatabase(config)
  if (config.database.url !== null) {
    await migrateAt(config, config.database.url)
    return { url: config.database.url, embedded: false, stop: async () => {} }
  }
  const server = new EmbeddedPostgres({ dataDir: options.dataDir ?? dataDirDefault, log: options.log })
  await server.start()
  try {
    await migrateAt(config, server.url)
  } catch (error) {
    await server.stop()
    throw error
  }
  return { url: server.url, embedded: true, stop: () => server.stop() }
}

/** Enough for the statements that steps need at once: claims, completions, and checkpoints of many handlers. */
const stepConnectionsMax = 6
/** A transaction of the loop, sweeps, and tasks that are created side by side. */
const orchestrationConnectionsMax = 8

export interface HostPools {
  readonly general: Database
  readonly steps: Database
  readonly orchestration: Database
}

export function makePools(config: Config, url: string, log: HostLog): HostPools {
  return {
    general: makeDatabase(config, url, log),
    steps: makeStepDatabase(config, url, log),
    orchestration: makeOrchestrationDatabase(config, url, log),
  }
}

/** The pool of everything that is neither a step's way nor the lease. */
export function makeDatabase(config: Config, url: string, log: HostLog): Database {
  return openPool(log, {
    ...config.database,
    url,
    applicationName: 'stephost',
  })
}

/** The pool of the step path, whose plans never depend on how large the tables were when they were made. */
function makeStepDatabase(config: Config, url: string, log: HostLog): Database {
  const { database } = config
  return openPool(log, {
    ...database,
    url,
    byKey: true,
    applicationName: 'stephost steps',
    connectionsMax: Math.min(database.connectionsMax, stepConnectionsMax),
    connectionsMin: Math.min(database.connectionsMin, 2),
  })
}

/** The same for tasks: created, judged and moved on by their keys. */
function makeOrchestrationDatabase(config: Config, url: string, log: HostLog): Database {
  const { database } = config
  return openPool(log, {
    ...database,
    url,
    byKey: true,
    applicationName: 'stephost orchestration',
    connectionsMax: Math.min(database.connectionsMax, orchestrationConnectionsMax),
    connectionsMin: Math.min(database.connectionsMin, 1),
  })
}

function openPool(log: HostLog, options: DatabaseOptions): Database {
  return new Database({
    ...options,
    onSlowAcquire: ({ waitedMs, slowAcquires }) =>
      log.warn({ waitedMs: Math.round(waitedMs), slowAcquires }, 'statements wait for a connection to PostgreSQL'),
  })
}

/**
 * One connection for heartbeats alone: a pool that is used up must not cost the worker its lease, and a dead peer must be noticed while
 * there is time for another try.
 */
export function makeLeaseDatabase(config: Config, url: string): Database {
  const timeoutMs = Math.floor(config.dispatch.leaseMs / 3)
  return new Database({
    url,
    applicationName: 'stephost lease',
    transactionPooler: config.database.transactionPooler,
    ...{ connectionsMax: 1, connectionsMin: 1, acquireTimeoutMs: timeoutMs },
    // A third of the lease in all: the server's limit, then the grace.
    ...{ statementTimeoutMs: Math.ceil(timeoutMs * 0.8), answerGraceMs: Math.floor(timeoutMs * 0.2) },
    slowAcquireMs: timeoutMs,
  })
}

const pingTimeoutMs = 5_000

/** Reads alone are not enough: a standby answers them. */
export async function checkDatabase(database: Database): Promise<HealthCheck> {
  const startedAt = performance.now()
  const durationMs = () => Math.round(performance.now() - startedAt)
  try {
    const [row] = await database.query<{ read_only: string }>({
      text: `SELECT current_setting('transaction_read_only') AS read_only`,
      answerTimeoutMs: pingTimeoutMs,
    })
    if (row?.read_only !== 'on') return { status: 'healthy', message: null, durationMs: durationMs() }
    const message = `PostgreSQL at ${database.address} is read-only`
    return { status: 'unhealthy', message, durationMs: durationMs() }
  } catch (error) {
    return { status: 'unhealthy', message: messageOf(error), durationMs: durationMs() }
  }
}

/** Source: worker-api-and-config §1.3. The queues' pool is that of the step path. */
export function poolFacts(database: Database, steps: Database): Readonly<Record<string, HealthFact>> {
  return {
    pool_utilization: { tasker_pool: useOf(database), pgmq_pool: useOf(steps) },
    database_conflict_retries: database.conflictRetries + steps.conflictRetries,
  }
}

/** Source: orchestration-semantics §6.10. Queues that are with the steps are read by the pool of tasks. */
export function orchestratorPoolFacts(
  web: Database,
  tasks: Database,
  queues: Database | null,
): Readonly<Record<string, HealthFact>> {
  const sizes = {
    web_database_pool_size: web.connectionsMax,
    orchestration_database_pool_size: tasks.connectionsMax,
  }
  const use = { tasker_pool: useOf(web), pgmq_pool: useOf(queues ?? tasks) }
  // Clients want numbers or nothing at all: a pool that is stopped has none.
  return Object.values(use).includes(null) ? sizes : { ...sizes, pool_utilization: use }
}

function useOf(database: Database): Readonly<Record<string, number>> | null {
  const use = database.poolUse
  return use === null
    ? null
    : {
        active_connections: use.active,
        idle_connections: use.idle,
        max_connections: use.max,
        utilization_percent: Math.round((use.active / use.max) * 100),
        total_acquires: use.acquires,
        slow_acquires: use.slowAcquires,
        acquire_errors: use.acquireErrors,
        average_acquire_time_ms: Math.round(use.acquireAverageMs * 100) / 100,
        max_acquire_time_ms: Math.round(use.acquireMaxMs * 100) / 100,
      }
}

/** Creates what is missing; a schema that Tasker's own migrations made stays as it is. */
export function migrateAt(config: Config, url: string): Promise<MigrationReport> {
  return withConnection(config, url, (database) => migrate(database), migrationLimits)
}

/** Rejects with SCHEMA_MISSING: production workers never migrate. */
export async function requireSchemaAt(config: Config, url: string): Promise<void> {
  const queuesUrl = config.queues.databaseUrl
  if (queuesUrl === null) return withConnection(config, url, (database) => requireSchema(database))
  await withConnection(config, url, (database) => requireSchema(database, ['tasker']))
  await withConnection(config, queuesUrl, requireQueueSchema)
}

/** What was created in the queue database of split mode; null: the queues are with the steps. */
export async function migrateQueuesAt(config: Config): Promise<readonly string[] | null> {
  const { databaseUrl } = config.queues
  return databaseUrl === null ? null : withConnection(config, databaseUrl, migrateQueues)
}

/** For `doctor`: what there is, as one phrase; nothing is started or made. Rejects with the fault that a command would meet. */
export async function probeDatabase(config: Config): Promise<string> {
  const { url } = config.database
  if (url === null) return `PostgreSQL ${(await findBinaries()).version} from npm`
  return withConnection(config, url, async (database) => {
    const [row] = await database.query<{ server_version: string }>({ text: 'SHOW server_version' })
    const { tasker, pending } = await schemaState(database)
    const schema =
      tasker === 'missing' || pending.length > 0 ? 'schema incomplete: run `stephost migrate`' : 'schema in place'
    return `PostgreSQL ${row?.server_version ?? ''} at ${database.address}, ${schema}`
  })
}

/** Of one file: on a large database an index takes minutes. A migrator that falls silent between two of them holds its locks no longer than others. */
const migrationLimits = { statementTimeoutMs: 6 * 3_600_000, silenceMaxMs: 60_000 }

async function withConnection<T>(
  config: Config,
  url: string,
  work: (database: Database) => Promise<T>,
  limits: Partial<typeof migrationLimits> = {},
): Promise<T> {
  const database: Database & Lifecycle = new Database({
    url,
    applicationName: 'stephost migrate',
    transactionPooler: config.database.transactionPooler,
    connectionsMax: 2,
    acquireTimeoutMs: config.database.acquireTimeoutMs,
    ...limits,
  })
  await database.start()
  try {
    return await work(database)
  } finally {
    await database.stop()
  }
}
