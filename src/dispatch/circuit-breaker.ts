// The circuit breaker: opens after failures in a row, lets single calls try after a while, and closes when they succeed.

import {
  type CircuitBreaker,
  CircuitOpenError,
  type CircuitReport,
  type CircuitState,
  isOutage,
} from '../model/circuit-breaker.ts'
import { messageOf } from '../model/host-error.ts'

export interface BreakerLimits {
  /** Failures in a row that open the circuit. */
  readonly failureThreshold: number
  /** How long it stays open before calls may try. */
  readonly openMs: number
  /** Successes that close it again; so many calls may try at once. */
  readonly successThreshold: number
  /** It opens, lets calls try and closes no sooner than this after the change before; a failed try opens it at once. */
  readonly changeIntervalMinMs: number
}

export interface BreakerParts {
  /** Default: outages of the database. */
  isFailure?(error: unknown): boolean
  changed?(change: { name: string; from: CircuitState; to: CircuitState; lastFailure: string | null }): void
  /** Monotonic milliseconds. */
  now?(): number
}

/** How soon a call that found all tries taken may ask again. */
const tryAgainMs = 100

export class Breaker implements CircuitBreaker {
  readonly name: string
  readonly #limits: BreakerLimits
  readonly #parts: BreakerParts
  #state: CircuitState = 'closed'
  #changedAt = Number.NEGATIVE_INFINITY
  #failuresInARow = 0
  #successes = 0
  #trying = 0
  /** Calls that began before a change say nothing about the state after it. */
  #era = 0
  #calls = 0
  #failures = 0
  #refused = 0
  #opened = 0
  #lastFailure: string | null = null

  constructor(name: string, limits: BreakerLimits, parts: BreakerParts = {}) {
    this.name = name
    this.#limits = limits
    this.#parts = parts
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    this.#follow()
    if (!this.#lets()) {
      this.#refused += 1
      const reason = this.#lastFailure ?? 'the calls before failed'
      throw new CircuitOpenError(`The circuit "${this.name}" is open: ${reason}`, this.#retryInMs() || tryAgainMs)
    }
    const era = this.#era
    this.#calls += 1
    this.#trying += 1
    try {
      const result = await call()
      this.#ended(era, null)
      return result
    } catch (error) {
      this.#ended(era, error)
      throw error
    }
  }

  report(): CircuitReport {
    this.#follow()
    return {
      name: this.name,
      state: this.#state,
      failuresInARow: this.#failuresInARow,
      calls: this.#calls,
      failures: this.#failures,
      refused: this.#refused,
      opened: this.#opened,
      lastFailure: this.#lastFailure,
      retryInMs: this.#retryInMs(),
    }
  }

  #lets(): boolean {
    if (this.#state === 'half_open') return this.#trying < this.#limits.successThreshold
    return this.#state === 'closed'
  }

  #ended(era: number, error: unknown): void {
    const failed = error !== null && (this.#parts.isFailure ?? isOutage)(error)
    if (failed) {
      this.#failures += 1
      this.#lastFailure = messageOf(error)
    }
    if (era !== this.#era) return
    this.#trying -= 1
    if (failed) this.#failedNow()
    else this.#answeredNow()
  }

  #failedNow(): void {
    this.#failuresInARow += 1
    const tooMany = this.#failuresInARow >= this.#limits.failureThreshold && this.#mayChange()
    if (this.#state === 'half_open' || tooMany) this.#change('open')
  }

  #answeredNow(): void {
    this.#failuresInARow = 0
    this.#successes += 1
    const enough = this.#successes >= this.#limits.successThreshold
    if (this.#state === 'half_open' && enough && this.#mayChange()) this.#change('closed')
  }

  /** Time alone makes one change: from open to half-open. */
  #follow(): void {
    if (this.#state === 'open' && this.#retryInMs() === 0) this.#change('half_open')
  }

  #retryInMs(): number {
    if (this.#state !== 'open') return 0
    const openMs = Math.max(this.#limits.openMs, this.#limits.changeIntervalMinMs)
    return Math.max(0, Math.ceil(this.#changedAt + openMs - this.#now()))
  }

  #mayChange(): boolean {
    return this.#now() - this.#changedAt >= this.#limits.changeIntervalMinMs
  }

  #change(to: CircuitState): void {
    const from = this.#state
    this.#state = to
    this.#changedAt = this.#now()
    this.#era += 1
    this.#trying = 0
    this.#successes = 0
    if (to === 'open') this.#opened += 1
    this.#parts.changed?.({ name: this.name, from, to, lastFailure: this.#lastFailure })
  }

  #now(): number {
    return this.#parts.now?.() ?? performance.now()
  }
}
