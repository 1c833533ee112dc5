// `common.database` and `common.pgmq_database`: where PostgreSQL is and how many connections we hold.
import { boolean, databaseUrl, integerBetween, oneOf, setting, type Values } from './setting.ts'

export const databaseSettings = {
  url: setting(databaseUrl, 'PostgreSQL; empty: an embedded server', { env: 'DATABASE_URL' }),
  listen_url: setting(databaseUrl, 'The same database without a pooler, for LISTEN; empty: url', {
    env: 'STEPHOST_LISTEN_URL',
  }),
  pooler: setting(oneOf(['none', 'transaction']), 'What stands between url and PostgreSQL'),
  pool: {
    max_connections: setting(integerBetween(1, 1000), 'Most connections of one process'),
    min_connections: setting(integerBetween(0, 100), 'Connections that stay open'),
    acquire_timeout_seconds: setting(integerBetween(1, 300), 'Longest wait for a connection'),
    idle_timeout_seconds: setting(integerBetween(1, 3600), 'An idle connection is closed after this'),
    max_lifetime_seconds: setting(integerBetween(60, 86_400), 'A connection is replaced after this'),
    slow_acquire_threshold_ms: setting(integerBetween(10, 60_000), 'A longer wait for a connection is logged'),
  },
}

/** Our own table `database`. */
export const statementSettings = {
  statement_timeout_ms: setting(integerBetween(1000, 3_600_000), 'The server ends a statement that takes longer'),
  answer_grace_ms: setting(
    integerBetween(100, 600_000),
    'How much longer nothing may come back before the connection counts as dead',
  ),
}

export const queueDatabaseSettings = {
  url: setting(
    databaseUrl,
    'The queues, where they are in a database of their own (split mode); empty: in the main one',
    { env: 'PGMQ_DATABASE_URL' },
  ),
  enabled: setting(boolean, 'Without effect: the address decides'),
}

export interface DatabaseConfig {
  /** null: none is named, so an embedded server is used. */
  readonly url: string | null
  /** Where LISTEN goes; null: to `url`. */
  readonly listenUrl: string | null
  /** Something that gives each transaction another backend stands before PostgreSQL. */
  readonly transactionPooler: boolean
  readonly connectionsMax: number
  readonly connectionsMin: number
  readonly acquireTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly lifetimeMaxMs: number
  readonly slowAcquireMs: number
  readonly statementTimeoutMs: number
  readonly answerGraceMs: number
}

export function databaseConfig(
  values: Values<typeof databaseSettings>,
  own: Values<typeof statementSettings>,
): DatabaseConfig {
  return {
    url: values.url === '' ? null : values.url,
    listenUrl: values.listen_url === '' ? null : values.listen_url,
    transactionPooler: values.url !== '' && values.pooler === 'transaction',
    connectionsMax: values.pool.max_connections,
    connectionsMin: values.pool.min_connections,
    acquireTimeoutMs: values.pool.acquire_timeout_seconds * 1000,
    idleTimeoutMs: values.pool.idle_timeout_seconds * 1000,
    lifetimeMaxMs: values.pool.max_lifetime_seconds * 1000,
    slowAcquireMs: values.pool.slow_acquire_threshold_ms,
    statementTimeoutMs: own.statement_timeout_ms,
    answerGraceMs: own.answer_grace_ms,
  }
}
