// Where claimed steps come from: one call takes ownership of as many steps as there is room for.

import type { ClaimId, NamedTaskId, WorkerId } from './ids.ts'
import type { ClaimedStep } from './step-request.ts'

/** A step of a template that this worker has a handler for. */
export interface RunnableStep {
  readonly namedTaskId: NamedTaskId
  readonly templateStep: string
}

export interface ClaimRequest {
  readonly workerId: WorkerId
  /** Written into every claim of this call, so that a claim whose answer got lost can be told apart. */
  readonly claimId: ClaimId
  /** Permits at hand: so many steps will start at once. */
  readonly free: number
  /** Steps beyond that, claimed but not started; only those with two or more attempts left (design D3). */
  readonly prefetch: number
  readonly runnable: readonly RunnableStep[]
}

export interface Claim {
  /** Those with their last attempt first: they must start at once. */
  readonly steps: readonly ClaimedStep[]
  /** Another claim would find something new right now. */
  readonly more: boolean
  /** Claimable steps stayed in the queue; they are worth a claim when a permit is free again. */
  readonly leftBehind: boolean
  /** Messages of steps that no handler here can run. */
  readonly foreign: number
  /** Messages archived without a claim, by reason. */
  readonly setAside: { readonly malformed: number; readonly gone: number; readonly stale: number }
}

export interface ClaimSource {
  /** Never more than `free + prefetch` steps. Rejects with a HostError; the claim may then have happened (design D1: unknown). */
  claim(request: ClaimRequest): Promise<Claim>
}
