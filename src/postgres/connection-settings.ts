// What every connection to PostgreSQL is opened with: the address, the session settings and how values are parsed.
import pg from 'pg'
import { HostError } from '../model/host-error.ts'
import type { DatabaseTarget } from './database-fault.ts'
import { valueTypes } from './value-types.ts'

/**
 * Tasker's functions name tables without a schema, and its times have no zone (wire-protocol §1.2); handlers get them in ISO form. Generic plans: our statements are prepared,
 * set-based and served by keys; planning them anew for every set of values took a third of a workflow's time. Compiling them never pays.
 * `stephost.keeps_keys`: what our rows refer to needs no look-up (migration 0018).
 */
const sessionSettings =
  '-c search_path=tasker,public -c TimeZone=UTC -c DateStyle=ISO -c plan_cache_mode=force_generic_plan -c jit=off -c stephost.keeps_keys=on'

/**
 * For statements that look up every row by a key. A plan that was made while the tables were small reads them whole, or a partial index, and is kept
 * until the next ANALYZE, however much they grow meanwhile.
 */
const byKeySettings =
  '-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off'

export interface ConnectionSettings {
  readonly config: pg.ClientConfig
  readonly target: DatabaseTarget
}

/**
 * Settings for `url`. They travel in the startup packet: no round trip, and `RESET ALL` comes back to them.
 * Throws CONFIG_INVALID, without quoting it, when `url` cannot be read.
 */
export function connectionSettings(options: {
  url: string
  applicationName: string
  /** All rows are looked up by keys. */
  byKey?: boolean
  /** Poolers refuse such settings; then the account has them. */
  transactionPooler?: boolean
}): ConnectionSettings {
  const url = readUrl(options.url)
  const own = url.searchParams.get('options')
  if (options.transactionPooler !== true) {
    const settings = [own ?? '', sessionSettings, options.byKey === true ? byKeySettings : '']
    url.searchParams.set('options', settings.filter((part) => part !== '').join(' '))
  }
  const config: pg.ClientConfig = {
    connectionString: url.toString(),
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: valueTypes,
  }
  return { config, target: targetOf(config) }
}

function readUrl(text: string): URL {
  // The parser's own error holds the whole input, password and all, so it is not passed on as the cause.
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new HostError(
      'CONFIG_INVALID',
      'DATABASE_URL is not of the form postgresql://user:password@host:port/database',
    )
  }
  return url
}

/** Asks `pg` itself, which also knows PGHOST and its kin. */
function targetOf(config: pg.ClientConfig): DatabaseTarget {
  const client = new pg.Client(config)
  const address = client.host.startsWith('/') ? client.host : `${client.host}:${client.port}`
  return { address, user: client.user ?? '', database: client.database ?? '' }
}
