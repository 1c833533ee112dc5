// The worker's ways to the database behind their circuit breakers; without breakers they are as they were.

import { type CircuitBreaker, through } from '../model/circuit-breaker.ts'
import type { ClaimSource } from '../model/claim-source.ts'
import type { StepStore } from '../model/step-store.ts'

export interface GuardedParts {
  readonly source: Pick<ClaimSource, 'claim'>
  readonly hydrating: Pick<StepStore, 'hydrate'>
  readonly completing: Pick<StepStore, 'complete'>
}

/** A claim and its hydration are one thing: a step that cannot be hydrated should not have been claimed. */
export function behindBreakers(parts: {
  readonly source: ClaimSource
  readonly store: StepStore
  readonly breakers: { readonly claims: CircuitBreaker; readonly completions: CircuitBreaker } | null
}): GuardedParts {
  const { source, store } = parts
  const { claims, completions } = parts.breakers ?? { claims: null, completions: null }
  return {
    source: { claim: (request) => through(claims, () => source.claim(request)) },
    hydrating: { hydrate: (steps) => through(claims, () => store.hydrate(steps)) },
    completing: { complete: (by, finished) => through(completions, () => store.complete(by, finished)) },
  }
}
