// A circuit breaker as the rooms see it: calls go through it, and are refused at once while what they need is away.

import { HostError, isHostError } from './host-error.ts'

export type CircuitState = 'closed' | 'open' | 'half_open'

export interface CircuitBreaker {
  readonly name: string
  /**
   * Makes the call, or rejects with a `CircuitOpenError` without making it. What the call resolves and rejects with passes through.
   * Only outages count as failures: a call that was answered, with whatever error, shows that somebody is there.
   */
  run<T>(call: () => Promise<T>): Promise<T>
  report(): CircuitReport
}

export interface CircuitReport {
  readonly name: string
  readonly state: CircuitState
  readonly failuresInARow: number
  /** Calls made, of which failed by an outage; and calls refused because the circuit was open. */
  readonly calls: number
  readonly failures: number
  readonly refused: number
  /** How often the circuit opened. */
  readonly opened: number
  /** What the last outage said; null before the first. */
  readonly lastFailure: string | null
  /** Until the next call is let through; 0 unless the circuit is open. */
  readonly retryInMs: number
}

/** A call that was not made: nothing has reached the other side. */
export class CircuitOpenError extends HostError {
  readonly retryInMs: number

  constructor(message: string, retryInMs: number) {
    super('CIRCUIT_OPEN', message)
    this.retryInMs = retryInMs
  }
}

/** `call` as it is when nothing guards it. */
export function through<T>(breaker: CircuitBreaker | null, call: () => Promise<T>): Promise<T> {
  return breaker === null ? call() : breaker.run(call)
}

/** The other side is away, or takes no work: another try may succeed later, and it is no fault of what was sent. */
export function isOutage(error: unknown): boolean {
  return isHostError(error, 'DATABASE_UNREACHABLE', 'DATABASE_ANSWER_LOST', 'DATABASE_UNAVAILABLE', 'DATABASE_DENIED')
}
