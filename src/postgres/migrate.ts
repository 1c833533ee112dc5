// Brings a database to the schema that this version needs, and leaves alone what Tasker's own migrations made.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import { type Database, sqlStateOf } from './database.ts'
import { migrationsDirectory, type Origin, schemaState } from './schema-state.ts'
import type { Queryable } from './statement.ts'

export interface MigrationReport {
  /** Files that this call ran, in order; empty when there was nothing to do. */
  readonly applied: readonly string[]
  /** Who made schema tasker and schema pgmq, as it is now. */
  readonly tasker: Origin
  readonly pgmq: Origin
}

/** Any number that nothing else locks. */
const lockKey = 7_305_511_805
const extensionMigration = 'extension pgmq'

/**
 * Runs the files of `migrations/` that are missing, each in a transaction of its own under an advisory lock: two migrators at
 * once share the work. Where the extension pgmq is available it is created and takes the place of our SQL for schema pgmq.
 * Rejects with DATABASE_DENIED, naming the right that is missing, or another HostError; what ran before stays.
 */
export async function migrate(
  database: Database,
  options: { log?: (line: string) => void } = {},
): Promise<MigrationReport> {
  const applied: string[] = []
  for (;;) {
    const step = await database
      .transaction(runNext)
      .catch(async (error) => Promise.reject(await explained(database, error)))
    if (step === null) break
    applied.push(step)
    options.log?.(`Applied ${step}`)
  }
  const { tasker, pgmq } = await schemaState(database)
  return { applied, tasker, pgmq }
}

/** Resolves with what it ran, null when nothing is left. */
async function runNext(q: Queryable): Promise<string | null> {
  await q.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [lockKey] })
  const state = await schemaState(q)
  if (state.tasker !== 'foreign' && state.pgmq === 'missing' && state.pgmqAvailable) {
    await q.query({ text: 'CREATE EXTENSION pgmq CASCADE' })
    return extensionMigration
  }
  const [file] = state.pending
  if (file === undefined) return null
  const text = await readFile(join(migrationsDirectory, file), 'utf8')
  await q.query({ text }).catch((error) => {
    throw isHostError(error)
      ? new HostError(error.code, `Migration ${file}: ${error.message}`, { cause: error })
      : error
  })
  await q.query({ text: 'INSERT INTO stephost.migrations (file) VALUES ($1)', values: [file] })
  return file
}

/** PostgreSQL says what it denied, not what would help. */
async function explained(database: Database, error: unknown): Promise<unknown> {
  if (!isHostError(error, 'DATABASE_DENIED') || sqlStateOf(error) !== '42501') return error
  const text = `SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user) AS statement,
                       has_database_privilege(current_database(), 'CREATE') AS granted`
  const [right] = await database.query<{ statement: string; granted: boolean }>({ text })
  const cure = right?.granted === false ? `; an administrator grants the missing right with: ${right.statement}` : ''
  return new HostError('DATABASE_DENIED', `${messageOf(error)}${cure}`, { cause: error })
}
