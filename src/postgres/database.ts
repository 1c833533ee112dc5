// The pool of connections: statements and transactions, with conflicts retried and faults named.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import { type ConnectionSettings, connectionSettings } from './connection-settings.ts'
import { databaseFault, sqlStateOf } from './database-fault.ts'
import type { Queryable, Statement } from './statement.ts'

export { sqlStateOf } from './database-fault.ts'
export type { Queryable, Statement } from './statement.ts'

export interface DatabaseOptions {
  readonly url: string
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  readonly connectionsMax: number
  /** How long a statement waits for a connection, new or freed. */
  readonly acquireTimeoutMs: number
  /** The longest a single statement may take. Default 60 s. */
  readonly statementTimeoutMs?: number
}

const statementTimeoutDefaultMs = 60_000
const idleConnectionMs = 30_000
/** Deadlock and serialization failure: the transaction had no effect and may run again (design D5). */
const conflictStates = new Set(['40P01', '40001'])
const conflictRetriesMax = 5
const conflictDelayMs = 10

export class Database implements Queryable, Lifecycle {
  readonly #options: DatabaseOptions
  readonly #settings: ConnectionSettings
  #pool: pg.Pool | null = null
  #conflictRetries = 0

  /** Opens nothing yet. Throws CONFIG_INVALID when the URL cannot be read. */
  constructor(options: DatabaseOptions) {
    this.#options = options
    this.#settings = connectionSettings(options)
  }

  /** `host:port` of the server, for messages. */
  get address(): string {
    return this.#settings.target.address
  }

  /** How often a statement or transaction ran again after a deadlock or a serialization failure. */
  get conflictRetries(): number {
    return this.#conflictRetries
  }

  async start(): Promise<void> {
    if (this.#pool !== null) return
    this.#pool = this.#openPool()
    try {
      await this.query({ text: 'SELECT 1' })
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Waits for the statements under way. */
  async stop(): Promise<void> {
    const pool = this.#pool
    this.#pool = null
    await pool?.end()
  }

  async query<Row extends object>(statement: Statement): Promise<Row[]> {
    return this.#withRetries(() => this.#withClient((client) => this.#run<Row>(client, statement)))
  }

  /**
   * Runs `work` between BEGIN and COMMIT on one connection; whatever `work` throws rolls back and passes on. On a deadlock or
   * serialization failure all of `work` runs again, so it must have no effects outside the database. A connection lost
   * at COMMIT rejects with DATABASE_UNREACHABLE, and then nobody knows whether it took place.
   */
  async transaction<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    return this.#withRetries(() =>
      this.#withClient(async (client) => {
        await this.#run(client, { text: 'BEGIN' })
        const result = await work({ query: (statement) => this.#run(client, statement) }).catch(async (error) => {
          // When this fails the connection is lost: the pool must know, and the server rolls back by itself.
          if (!isHostError(error, 'DATABASE_UNREACHABLE')) await this.#run(client, { text: 'ROLLBACK' })
          throw error
        })
        await this.#run(client, { text: 'COMMIT' })
        return result
      }),
    )
  }

  #openPool(): pg.Pool {
    const statementTimeoutMs = this.#options.statementTimeoutMs ?? statementTimeoutDefaultMs
    const pool = new pg.Pool({
      ...this.#settings.config,
      max: this.#options.connectionsMax,
      connectionTimeoutMillis: this.#options.acquireTimeoutMs,
      idleTimeoutMillis: idleConnectionMs,
      statement_timeout: statementTimeoutMs,
      // The server's limit comes first; this one is for a server that has fallen silent.
      query_timeout: statementTimeoutMs + 5_000,
    })
    // Without listeners the loss of a connection would end the process. The pool drops it; the next statement tells.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    return pool
  }

  async #withRetries<T>(attempt: () => Promise<T>): Promise<T> {
    for (let retries = 0; ; retries += 1) {
      try {
        return await attempt()
      } catch (error) {
        if (retries >= conflictRetriesMax || !conflictStates.has(sqlStateOf(error) ?? '')) throw error
        this.#conflictRetries += 1
        await delay(conflictDelayMs * 2 ** retries * (0.5 + Math.random()))
      }
    }
  }

  async #withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#acquire()
    let broken = false
    try {
      return await work(client)
    } catch (error) {
      // A connection that may be dead, or still busy with the statement that timed out, is closed, not reused.
      broken = isHostError(error, 'DATABASE_UNREACHABLE')
      throw error
    } finally {
      client.release(broken)
    }
  }

  async #acquire(): Promise<pg.PoolClient> {
    const pool = this.#pool
    if (pool === null) throw new HostError('DATABASE_UNREACHABLE', `The connections to ${this.address} are closed`)
    try {
      return await pool.connect()
    } catch (error) {
      if (/timeout exceeded/.test(messageOf(error)) && pool.totalCount >= this.#options.connectionsMax) {
        const { connectionsMax, acquireTimeoutMs } = this.#options
        const message = `No connection to PostgreSQL at ${this.address} became free within ${acquireTimeoutMs} ms (limit ${connectionsMax})`
        throw new HostError('DATABASE_UNREACHABLE', message, { cause: error })
      }
      throw databaseFault(error, this.#settings.target)
    }
  }

  async #run<Row extends object>(client: pg.PoolClient, statement: Statement): Promise<Row[]> {
    const { name, text, values } = statement
    try {
      const result: unknown = await client.query({
        text,
        ...(name === undefined ? {} : { name }),
        ...(values === undefined ? {} : { values: [...values] }),
      })
      return rowsOf<Row>(result)
    } catch (error) {
      throw databaseFault(error, this.#settings.target)
    }
  }
}

/** A text of several statements gives one result each; the last one counts. */
function rowsOf<Row>(result: unknown): Row[] {
  const last = Array.isArray(result) ? result.at(-1) : result
  return (last as { rows: Row[] }).rows
}
