// Statements and transactions on a pool of connections, with conflicts retried and faults named.
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { HostError, isHostError } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import { ConnectionPool, type PoolUse, type SlowAcquire } from './connection-pool.ts'
import { type ConnectionSettings, connectionSettings } from './connection-settings.ts'
import { isSilence, sqlStateOf, statementFault } from './database-fault.ts'
import { checkSession } from './session-check.ts'
import type { OpenTransaction, Queryable, Statement } from './statement.ts'
import { Transaction } from './transaction.ts'

export { sqlStateOf } from './database-fault.ts'
export type { Queryable, Statement } from './statement.ts'

export interface DatabaseOptions {
  readonly url: string
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  /** Each transaction may get another backend: no settings in the startup packet, and no statements that are prepared by name. */
  readonly transactionPooler?: boolean
  readonly connectionsMax: number
  /** All rows are looked up by keys: plans never read a table whole. Default false. */
  readonly byKey?: boolean
  /** How long a statement waits for a connection, new or freed. */
  readonly acquireTimeoutMs: number
  /** Connections that stay open once they were needed. Default 0. */
  readonly connectionsMin?: number
  /** A connection that is idle for longer is closed. Default 30 s. */
  readonly idleTimeoutMs?: number
  /** A connection is replaced after this. Default: never. */
  readonly lifetimeMaxMs?: number
  /** The longest a single statement may take. Default 60 s. */
  readonly statementTimeoutMs?: number
  /** The longest that a transaction may wait for its next statement. Default: as long as a statement may take. */
  readonly silenceMaxMs?: number
  /** How much longer nothing may come back before the connection counts as dead. Default 5 s. */
  readonly answerGraceMs?: number
  /** A longer wait for a connection is counted and told. Default 100 ms. */
  readonly slowAcquireMs?: number
  readonly onSlowAcquire?: (slow: SlowAcquire) => void
}

/** Deadlock and serialization failure: the transaction had no effect and may run again (design D5). */
const conflictStates = new Set(['40P01', '40001'])
const conflictRetriesMax = 5
const conflictDelayMs = 10
const statementTimeoutDefaultMs = 60_000
/** A standby, or a server that was demoted: a new connection may lead to the one that takes writes. */
const readOnlyState = '25006'

export class Database implements Queryable, Lifecycle {
  readonly #options: DatabaseOptions
  readonly #settings: ConnectionSettings
  #pool: ConnectionPool | null = null
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

  get connectionsMax(): number {
    return this.#options.connectionsMax
  }

  /** null while it is stopped. */
  get poolUse(): PoolUse | null {
    return this.#pool?.use() ?? null
  }

  async start(): Promise<void> {
    if (this.#pool !== null) return
    this.#pool = this.#openPool()
    try {
      await checkSession(this, this.#settings.target)
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
   * at COMMIT rejects with DATABASE_ANSWER_LOST: nobody knows whether it took place. Lost before, it did not. A transaction without statements costs nothing.
   */
  async transaction<T>(work: (transaction: OpenTransaction) => Promise<T>): Promise<T> {
    const { transactionPooler, statementTimeoutMs = statementTimeoutDefaultMs } = this.#options
    const { silenceMaxMs = statementTimeoutMs } = this.#options
    const options = { silenceMaxMs, pipelined: transactionPooler !== true }
    return this.#withRetries(() =>
      this.#withClient(async (client) => {
        const transaction = new Transaction((statement) => this.#run(client, statement), options)
        try {
          const result = await work(transaction)
          await transaction.commit()
          return result
        } catch (error) {
          throw await transaction.rollBack(error)
        }
      }),
    )
  }

  #openPool(): ConnectionPool {
    const { connectionsMax, acquireTimeoutMs, onSlowAcquire = () => {} } = this.#options
    const limits = {
      ...{ connectionsMax, acquireTimeoutMs },
      connectionsMin: this.#options.connectionsMin ?? 0,
      idleTimeoutMs: this.#options.idleTimeoutMs ?? 30_000,
      lifetimeMaxMs: this.#options.lifetimeMaxMs ?? null,
      slowAcquireMs: this.#options.slowAcquireMs ?? 100,
      statementTimeoutMs: this.#options.statementTimeoutMs ?? statementTimeoutDefaultMs,
      answerGraceMs: this.#options.answerGraceMs ?? 5_000,
      limitedByServer: this.#options.transactionPooler !== true,
      pipelined: this.#options.transactionPooler !== true,
    }
    return new ConnectionPool(this.#settings, limits, onSlowAcquire)
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
    const pool = this.#pool
    if (pool === null) throw new HostError('DATABASE_UNREACHABLE', `The connections to ${this.address} are closed`)
    const client = await pool.acquire()
    let broken = false
    try {
      return await work(client)
    } catch (error) {
      // A connection that may be dead, or still busy with the statement that timed out, is closed, not reused.
      broken = isHostError(error, 'DATABASE_UNREACHABLE', 'DATABASE_ANSWER_LOST') || sqlStateOf(error) === readOnlyState
      if (isSilence(error)) pool.renew(client)
      throw error
    } finally {
      client.release(broken)
    }
  }

  async #run<Row extends object>(client: pg.PoolClient, statement: Statement): Promise<Row[]> {
    const { name, text, values, rows, answerTimeoutMs } = statement
    const query = {
      text,
      ...(name === undefined || this.#options.transactionPooler === true ? {} : { name }),
      ...(values === undefined ? {} : { values: [...values] }),
      ...(rows === undefined ? {} : { rowMode: 'array' as const }),
      ...(answerTimeoutMs === undefined ? {} : { query_timeout: answerTimeoutMs }),
    }
    try {
      const result: unknown = await client.query(query)
      return rowsOf<Row>(result)
    } catch (error) {
      throw statementFault(error, this.#settings.target)
    }
  }
}

/** A text of several statements gives one result each; the last one counts. */
function rowsOf<Row>(result: unknown): Row[] {
  const last = Array.isArray(result) ? result.at(-1) : result
  return (last as { rows: Row[] }).rows
}
