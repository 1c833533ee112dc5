// The connections of one Database: handed out, counted, and replaced together when one of them has fallen silent.
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { HostError, messageOf } from '../model/host-error.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { databaseFault } from './database-fault.ts'

export interface PoolLimits {
  readonly connectionsMax: number
  /** Connections that stay open once they were needed. */
  readonly connectionsMin: number
  readonly acquireTimeoutMs: number
  readonly idleTimeoutMs: number
  /** null: a connection lives as long as it is used. */
  readonly lifetimeMaxMs: number | null
  readonly slowAcquireMs: number
  /** The server ends a statement that takes longer. */
  readonly statementTimeoutMs: number
  /** How much longer nothing may come back before the connection counts as dead. */
  readonly answerGraceMs: number
  /** The server ends a statement itself; else only we stop waiting for it. */
  readonly limitedByServer: boolean
  /** Statements may be sent before those before them are answered, as those of a transaction are. */
  readonly pipelined: boolean
}

/** Source of the numbers: worker-api-and-config §1.3, `pool_utilization`. */
export interface PoolUse {
  readonly active: number
  readonly idle: number
  readonly max: number
  readonly acquires: number
  readonly slowAcquires: number
  readonly acquireErrors: number
  readonly acquireAverageMs: number
  readonly acquireMaxMs: number
}

export interface SlowAcquire {
  readonly waitedMs: number
  /** All that were slow so far; only one in ten seconds is told. */
  readonly slowAcquires: number
}

interface Generation {
  readonly pool: pg.Pool
  readonly sockets: Set<Socket>
  readonly clients: WeakSet<pg.PoolClient>
}

const farewellMs = 1_000
const slowAcquireToldMs = 10_000

export class ConnectionPool {
  readonly #settings: ConnectionSettings
  readonly #limits: PoolLimits
  readonly #onSlowAcquire: (slow: SlowAcquire) => void
  readonly #retired = new Set<Promise<void>>()
  #current: Generation
  #ending = false
  #acquires = 0
  #slowAcquires = 0
  #acquireErrors = 0
  #acquiredMs = 0
  #acquireMaxMs = 0
  #slowToldAt = Number.NEGATIVE_INFINITY

  /** Opens nothing yet. */
  constructor(settings: ConnectionSettings, limits: PoolLimits, onSlowAcquire: (slow: SlowAcquire) => void) {
    this.#settings = settings
    this.#limits = limits
    this.#onSlowAcquire = onSlowAcquire
    this.#current = this.#open()
  }

  /** Rejects with DATABASE_UNREACHABLE or another HostError; then nothing was sent. The connection is given back by its `release`. */
  async acquire(): Promise<pg.PoolClient> {
    const { pool } = this.#current
    const startedAt = performance.now()
    this.#acquires += 1
    try {
      return await pool.connect()
    } catch (error) {
      this.#acquireErrors += 1
      throw this.#acquireFault(error, pool)
    } finally {
      this.#took(performance.now() - startedAt)
    }
  }

  /**
   * A connection has fallen silent: the idle ones may be as dead, and each would cost a statement to find out. Busy ones finish; those of them
   * that are silent too say nothing of the connections that were opened since.
   */
  renew(silent: pg.PoolClient): void {
    const old = this.#current
    if (this.#ending || !old.clients.has(silent)) return
    this.#current = this.#open()
    const ended = this.#end(old)
      // Nobody waits for it by then, and what is to close is closed in any case.
      .catch(() => {})
      .finally(() => this.#retired.delete(ended))
    this.#retired.add(ended)
  }

  use(): PoolUse {
    const { pool } = this.#current
    return {
      active: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      max: this.#limits.connectionsMax,
      acquires: this.#acquires,
      slowAcquires: this.#slowAcquires,
      acquireErrors: this.#acquireErrors,
      acquireAverageMs: this.#acquires === 0 ? 0 : this.#acquiredMs / this.#acquires,
      acquireMaxMs: this.#acquireMaxMs,
    }
  }

  /** Waits for the statements under way. */
  async end(): Promise<void> {
    this.#ending = true
    await Promise.all([this.#end(this.#current), ...this.#retired])
  }

  async #end({ pool, sockets }: Generation): Promise<void> {
    await pool.end()
    // Each says goodbye and waits for the server to hang up, which a dead one never does.
    const until = performance.now() + farewellMs
    while (sockets.size > 0 && performance.now() < until) await delay(1)
    for (const socket of sockets) socket.destroy()
  }

  #open(): Generation {
    const limits = this.#limits
    const sockets = new Set<Socket>()
    const clients = new WeakSet<pg.PoolClient>()
    const pool = new pg.Pool({
      ...this.#settings.config,
      stream: () => {
        const socket = new Socket()
        sockets.add(socket)
        return socket.once('close', () => sockets.delete(socket))
      },
      pipeline: limits.pipelined,
      max: limits.connectionsMax,
      min: limits.connectionsMin,
      connectionTimeoutMillis: limits.acquireTimeoutMs,
      idleTimeoutMillis: limits.idleTimeoutMs,
      maxLifetimeSeconds: (limits.lifetimeMaxMs ?? 0) / 1000,
      ...(limits.limitedByServer ? { statement_timeout: limits.statementTimeoutMs } : {}),
      // The server's limit comes first; this one is for a server that has fallen silent.
      query_timeout: limits.statementTimeoutMs + limits.answerGraceMs,
    })
    // Without listeners the loss of a connection would end the process. The pool drops it; the next statement tells.
    pool.on('error', () => {})
    pool.on('connect', (client) => clients.add(client.on('error', () => {})))
    return { pool, sockets, clients }
  }

  #took(waitedMs: number): void {
    this.#acquiredMs += waitedMs
    this.#acquireMaxMs = Math.max(this.#acquireMaxMs, waitedMs)
    if (waitedMs < this.#limits.slowAcquireMs) return
    this.#slowAcquires += 1
    if (performance.now() - this.#slowToldAt < slowAcquireToldMs) return
    this.#slowToldAt = performance.now()
    this.#onSlowAcquire({ waitedMs, slowAcquires: this.#slowAcquires })
  }

  #acquireFault(error: unknown, pool: pg.Pool): HostError {
    const { connectionsMax, acquireTimeoutMs } = this.#limits
    const { target } = this.#settings
    if (!/timeout exceeded/.test(messageOf(error)) || pool.totalCount < connectionsMax) {
      return databaseFault(error, target)
    }
    const message = `No connection to PostgreSQL at ${target.address} became free within ${acquireTimeoutMs} ms (limit ${connectionsMax})`
    return new HostError('DATABASE_UNREACHABLE', message, { cause: error })
  }
}
