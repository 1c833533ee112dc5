// The database of a production part: it must be named and hold the schema; nothing is created on the way.
import type { Config } from '../config/config.ts'
import { requireSchemaAt } from '../host-database.ts'
import { HostError } from '../model/host-error.ts'

/** Rejects with DATABASE_UNREACHABLE when none is named, with SCHEMA_MISSING when it was never migrated. */
export async function productionDatabase(config: Config): Promise<{ url: string; stop(): Promise<void> }> {
  const { url } = config.database
  if (url === null)
    throw new HostError('DATABASE_UNREACHABLE', 'DATABASE_URL is not set; only dev and run work without it')
  await requireSchemaAt(config, url)
  return { url, stop: async () => {} }
}
