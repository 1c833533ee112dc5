// One claim from its request to its answer: while it is open, what the database has under our name may be its steps.

import { randomUUID } from 'node:crypto'
import type { Claim, ClaimRequest } from '../model/claim-source.ts'
import type { ClaimId, WorkerId } from '../model/ids.ts'
import type { DispatchCounters } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'

export interface OpenClaimParts {
  readonly held: HeldSteps
  readonly counters: DispatchCounters
  workerId(): WorkerId
}

export class OpenClaim {
  readonly request: ClaimRequest
  readonly #parts: OpenClaimParts

  constructor(room: Omit<ClaimRequest, 'workerId' | 'claimId'>, parts: OpenClaimParts) {
    this.#parts = parts
    const claimId = randomUUID() as string as ClaimId
    this.request = { ...room, workerId: parts.workerId(), claimId }
    parts.held.claimBegins(claimId)
  }

  /** From now on its steps are held. */
  took(claim: Claim): Claim {
    const { held, counters } = this.#parts
    // Declared dead meanwhile: these steps belong to nobody, and recovery takes them.
    const steps = this.request.workerId === this.#parts.workerId() ? claim.steps : []
    held.claimEnds(this.request.claimId, steps)
    counters.claimed += steps.length
    counters.setAside.malformed += claim.setAside.malformed
    counters.setAside.gone += claim.setAside.gone
    counters.setAside.stale += claim.setAside.stale
    return { ...claim, steps }
  }

  /** Without an answer, or without having been asked for. */
  tookNothing(): void {
    this.#parts.held.claimEnds(this.request.claimId, [])
  }
}
