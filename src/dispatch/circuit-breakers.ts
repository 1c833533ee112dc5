// The circuit breakers of one host: made from the settings of their component, and told of together.

import type { CircuitBreaker, CircuitReport } from '../model/circuit-breaker.ts'
import type { HealthCheck, HealthFact } from '../model/health.ts'
import { Breaker, type BreakerLimits, type BreakerParts } from './circuit-breaker.ts'

/** What is configured apart: statements and messages of the step path, the orchestrator's loops, requests over REST. */
export type BreakerComponent = 'messaging' | 'taskReadiness' | 'web'

export class CircuitBreakers {
  readonly #limits: Readonly<Record<BreakerComponent, BreakerLimits>>
  readonly #changed: BreakerParts['changed']
  readonly #breakers: CircuitBreaker[] = []

  constructor(limits: Readonly<Record<BreakerComponent, BreakerLimits>>, changed?: BreakerParts['changed']) {
    this.#limits = limits
    this.#changed = changed
  }

  /** `isFailure`: which errors are outages of what is behind it; default those of the database. */
  make(name: string, component: BreakerComponent, isFailure?: (error: unknown) => boolean): CircuitBreaker {
    const breaker = new Breaker(name, this.#limits[component], {
      ...(isFailure === undefined ? {} : { isFailure }),
      ...(this.#changed === undefined ? {} : { changed: this.#changed }),
    })
    this.#breakers.push(breaker)
    return breaker
  }

  reports(): readonly CircuitReport[] {
    return this.#breakers.map((breaker) => breaker.report())
  }

  /** Any open: unhealthy; half-open: degraded; none at all: healthy. Source: worker-api-and-config §4.3. */
  check(): HealthCheck {
    const troubled = this.reports().filter(({ state }) => state !== 'closed')
    if (troubled.length === 0) return { status: 'healthy', message: null, durationMs: 0 }
    const status = troubled.some(({ state }) => state === 'open') ? 'unhealthy' : 'degraded'
    const message = troubled.map(({ name, state, lastFailure }) => `${name} is ${spoken[state]}: ${lastFailure}`)
    return { status, message: message.join('; '), durationMs: 0 }
  }

  /** For people and monitors: state and counts by name. */
  facts(): Readonly<Record<string, HealthFact>> {
    return Object.fromEntries(this.reports().map((report) => [report.name, factsOf(report)]))
  }
}

const spoken = { closed: 'closed', open: 'open', half_open: 'half-open' } as const

function factsOf(report: CircuitReport): HealthFact {
  return {
    state: report.state,
    failures_in_a_row: report.failuresInARow,
    calls: report.calls,
    failures: report.failures,
    refused: report.refused,
    opened: report.opened,
    last_failure: report.lastFailure,
    retry_in_ms: report.retryInMs,
  }
}
