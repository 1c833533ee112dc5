// Where claimed steps come from: one call takes ownership of as many steps as there is room for.

import type { ClaimId, NamedTaskId, WorkerId } from './ids.ts'
import type { ClaimedStep } from './step-request.ts'

/** A step of a template that this worker has a handler for. */
export interface RunnableStep {
  readonly namedTaskId: NamedTaskId
  readonly templateStep: string
}

/** A limit narrower than the worker's, as far as it bears on one claim: in steps for a handler, in tokens for the others. */
export interface ClaimLane {
  /** May start at once. */
  readonly room: number
  /** May be claimed beyond that, to wait here; only steps with two or more attempts left. */
  readonly ahead: number
}

export interface LanePlace {
  /** Indexes into the lanes; null: no such limit. */
  readonly handler: number | null
  readonly language: number | null
  /** Tokens that the step takes of all. */
  readonly weight: number
  /** And of the lanes of its language and its namespace: never more than they have. */
  readonly languageWeight: number
  readonly namespaceWeight: number
}

/** What is full is left in the queue as it is, and does not stop what lies behind it. */
export interface ClaimLanes {
  readonly handlers: readonly ClaimLane[]
  readonly languages: readonly ClaimLane[]
  readonly namespaces: ReadonlyMap<string, ClaimLane>
  /** For each of the runnable steps, in their order. */
  readonly places: readonly LanePlace[]
}

export interface ClaimRequest {
  readonly workerId: WorkerId
  /** Written into every claim of this call, so that a claim whose answer got lost can be told apart. */
  readonly claimId: ClaimId
  /** Tokens at hand: steps that weigh so much together will start at once. */
  readonly free: number
  /** Steps beyond that, claimed but not started; only those with two or more attempts left (design D3). */
  readonly prefetch: number
  readonly runnable: readonly RunnableStep[]
  /** Absent or null: no step is limited more narrowly, or weighs more, than others. */
  readonly lanes?: ClaimLanes | null
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
  /** Why the look into a further queue failed: whether it claimed something is unknown (design D1). Absent: none failed. */
  readonly unknown?: { readonly error: unknown }
}

export interface ClaimSource {
  /** Never more than `free + prefetch` steps. Rejects with a HostError; the claim may then have happened (design D1: unknown). */
  claim(request: ClaimRequest): Promise<Claim>
  /** From the next claim on, these are the namespaces. Their queues exist. */
  serve(namespaces: readonly string[]): void
}
