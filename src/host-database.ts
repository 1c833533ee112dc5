// The database a command works with: the one that DATABASE_URL names, else an embedded PostgreSQL, migrated.

import { join } from 'node:path'
import type { Config } from './config/config.ts'
import type { Lifecycle } from './model/lifecycle.ts'
import { Database } from './postgres/database.ts'
import { findBinaries } from './postgres/embedded/binaries.ts'
import { EmbeddedPostgres } from './postgres/embedded/embedded-postgres.ts'
import { type MigrationReport, migrate } from './postgres/migrate.ts'
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

/** Creates what is missing; a schema that Tasker's own migrations made stays as it is. */
export function migrateAt(config: Config, url: string): Promise<MigrationReport> {
  return withConnection(config, url, (database) => migrate(database))
}

/** Rejects with SCHEMA_MISSING: production workers never migrate. */
export function requireSchemaAt(config: Config, url: string): Promise<void> {
  return withConnection(config, url, requireSchema)
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

async function withConnection<T>(config: Config, url: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database: Database & Lifecycle = new Database({
    url,
    applicationName: 'stephost migrate',
    connectionsMax: 2,
    acquireTimeoutMs: config.database.acquireTimeoutMs,
  })
  await database.start()
  try {
    return await work(database)
  } finally {
    await database.stop()
  }
}
