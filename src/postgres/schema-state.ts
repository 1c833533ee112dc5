// What of our schemas a database has, and who made it.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { HostError } from '../model/host-error.ts'
import type { Queryable } from './statement.ts'

/** Of a part of the schema: made by our migrations, made by somebody else, or not there. */
export type Origin = 'ours' | 'foreign' | 'missing'

export interface SchemaState {
  /** The schemas are there, with Tasker's tables; a foreign one may be promised by a history of migrations alone. */
  readonly present: { readonly tasker: boolean; readonly pgmq: boolean }
  /** Schema tasker. Foreign: Tasker's own migrations made it, or will. */
  readonly tasker: Origin
  /** Schema pgmq. Foreign: the extension, or its functions loaded by hand. */
  readonly pgmq: Origin
  /** The pgmq extension can be created here. */
  readonly pgmqAvailable: boolean
  /** Migration files that ran. */
  readonly applied: readonly string[]
  /** Migration files that still have to run, in order. */
  readonly pending: readonly string[]
}

export const migrationsDirectory = join(import.meta.dirname, 'migrations')

/** Migrations M1 and M3 of Tasker: another program may use sqlx too, and its history says nothing about us (wire-protocol §0, §1.1). */
const taskerMigrations = ['20250810140001', '20260110000001']

/** Rejects with a HostError; DATABASE_DENIED when the account may not look. */
export async function schemaState(database: Queryable): Promise<SchemaState> {
  const [found] = await database.query<CatalogRow>({ text: catalogText })
  const applied = found?.migrations
    ? (await database.query<{ file: string }>({ text: 'SELECT file FROM stephost.migrations ORDER BY file' })).map(
        (row) => row.file,
      )
    : []
  const promised = found?.sqlx === true && (await isTaskerHistory(database))
  const origin = (present: boolean, kind: MigrationKind): Origin => {
    if (applied.some((file) => kindOf(file) === kind)) return 'ours'
    return present ? 'foreign' : 'missing'
  }
  const tasker = origin(found?.tasker === true || promised, 'tasker')
  const pgmq = origin(found?.pgmq === true, 'pgmq')
  const pgmqAvailable = found?.pgmq_available === true
  const present = { tasker: found?.tasker === true, pgmq: found?.pgmq === true }
  const state = { present, tasker, pgmq, pgmqAvailable, applied }
  const files = await migrationFiles()
  return { ...state, pending: files.filter((file) => !applied.includes(file) && isOurs(kindOf(file), state)) }
}

/**
 * Rejects with SCHEMA_MISSING, naming what is not there, when `worker` or `orchestrator` cannot run on this database. `stephost migrate`,
 * the cure in the code's hint, adds nothing to what Tasker's migrations make: those are named where they are what is missing.
 * `parts`: without pgmq where the queues are in another database.
 */
export async function requireSchema(
  database: Queryable,
  parts: readonly ('tasker' | 'pgmq')[] = ['tasker', 'pgmq'],
): Promise<void> {
  const { present, tasker, pending } = await schemaState(database)
  const missing = parts.filter((part) => !present[part]).map((part) => `schema ${part}`)
  if (missing.length > 0 && tasker === 'foreign') {
    const lacks = `The database lacks ${missing.join(' and ')}, which Tasker's own migrations make`
    throw new HostError('SCHEMA_MISSING', `${lacks}: run those first`)
  }
  const ours = pending.map((file) => (kindOf(file) === 'stephost' ? `schema stephost (${file})` : `migration ${file}`))
  const lacks = [...missing, ...ours]
  if (lacks.length > 0) throw new HostError('SCHEMA_MISSING', `The database lacks ${lacks.join(', ')}`)
}

export type MigrationKind = 'stephost' | 'pgmq' | 'tasker'

/** `0003_tasker_tables.sql` is of kind tasker: the word after the number says which schema a file makes. */
export function kindOf(file: string): MigrationKind {
  const kind = /^\d+_(stephost|pgmq|tasker)(_|\.)/.exec(file)?.[1]
  if (kind === undefined)
    throw new HostError('DATABASE_FAULT', `The migration ${file} does not say which schema it makes`)
  return kind as MigrationKind
}

/** Schema stephost is always ours; what somebody else made, or an extension makes, is left to them. */
function isOurs(kind: MigrationKind, state: Omit<SchemaState, 'pending'>): boolean {
  if (kind === 'stephost') return true
  if (state.tasker === 'foreign') return false
  return kind === 'tasker' || state.pgmq === 'ours' || (state.pgmq === 'missing' && !state.pgmqAvailable)
}

async function migrationFiles(): Promise<string[]> {
  return (await readdir(migrationsDirectory)).filter((file) => file.endsWith('.sql')).sort()
}

async function isTaskerHistory(database: Queryable): Promise<boolean> {
  const text = 'SELECT 1 FROM public._sqlx_migrations WHERE version::text = ANY ($1) LIMIT 1'
  return (await database.query({ text, values: [taskerMigrations] })).length > 0
}

interface CatalogRow {
  readonly migrations: boolean
  readonly sqlx: boolean
  readonly tasker: boolean
  readonly pgmq: boolean
  readonly pgmq_available: boolean
}

/** Read from the catalog, which needs no rights on the schemas themselves. */
const catalogText = `
SELECT bool_or(n.nspname = 'stephost' AND c.relname = 'migrations') IS TRUE AS migrations,
       bool_or(n.nspname = 'public' AND c.relname = '_sqlx_migrations') IS TRUE AS sqlx,
       bool_or(n.nspname = 'tasker' AND c.relname = 'workflow_steps') IS TRUE AS tasker,
       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'pgmq') AS pgmq,
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pgmq') AS pgmq_available
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('stephost', 'public', 'tasker') AND c.relkind IN ('r', 'p')`
