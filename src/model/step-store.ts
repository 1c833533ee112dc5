// What the flow asks of the database: hydrate, complete, release, and the worker's own lease.

import type { RunnableStep } from './claim-source.ts'
import type { ClaimId, ClaimToken, NamedTaskId, StepId, WorkerId } from './ids.ts'
import type { JsonText } from './json-text.ts'
import type { CheckpointAck } from './runtime-adapter.ts'
import type { ClaimedStep, StepRequest } from './step-request.ts'
import type { StepResult } from './step-result.ts'

/** A finished step on its way to the database. */
export interface FinishedStep {
  readonly step: ClaimedStep
  readonly result: StepResult
  /** The language that ran it; null when no handler did. Stored as `metadata.context.runtime`. */
  readonly runtime: string | null
  /** What the handler was given, where the template declares events of the step; else null, so that nothing large waits for PostgreSQL. */
  readonly request: StepRequest | null
}

/**
 * What became of one result. `stored` now; `already` by an earlier try of the same claim; `refused`: the claim is not ours any more;
 * `invalid`: the database cannot hold the documents, nothing was stored.
 */
export interface CompletionAnswer {
  readonly stepId: StepId
  readonly status: 'stored' | 'already' | 'refused' | 'invalid'
  readonly reason: string | null
}

/** A step `in_progress` under a worker's own id. */
export interface OwnedStep {
  readonly stepId: StepId
  readonly token: ClaimToken
  readonly claimId: ClaimId | null
}

/** A worker that died while it held a step; null where its row is gone. Times are RFC 3339. */
export interface LostWorker {
  readonly worker_uuid: string
  readonly host: string | null
  readonly started_at: string | null
  readonly heartbeat_at: string | null
  readonly declared_dead_at: string | null
}

export interface StepStore {
  /** One round trip for all; takes the documents away that came with the claim. A step whose template has no such step any more is missing from the answer. */
  hydrate(steps: readonly ClaimedStep[]): Promise<ReadonlyMap<StepId, StepRequest>>
  /** One statement for all; answers name the step, so there is one result of each. Rejects with a HostError when it is unknown whether anything was stored: call again. */
  complete(workerId: WorkerId, finished: readonly FinishedStep[]): Promise<readonly CompletionAnswer[]>
  /**
   * Stores how far a step has come, while the claim is still its owner's. `data` is an object `{cursor, items_processed, accumulated_results?}`
   * of a runtime: what the database cannot hold is answered, not thrown. Rejects with a HostError when it is unknown whether it was stored.
   */
  checkpoint(step: { stepId: StepId; token: ClaimToken }, data: JsonText): Promise<CheckpointAck>
  /** Gives claimed steps that never started back to the queue, with their attempt. Resolves with how many were still ours. */
  release(
    steps: readonly { stepId: StepId; token: ClaimToken }[],
    options: { delayMs: number; reason: string },
  ): Promise<number>
  /** From whom the step was taken back, in that order, since an operator last reopened it. Rejects with a HostError. */
  workersLostWith(step: StepId): Promise<readonly LostWorker[]>
}

export interface NamedTaskStep {
  readonly name: string
  readonly callable: string
  readonly resolver: string | null
}

/** The steps of the registered templates, for knowing which of them can run here. */
export interface NamedTaskSteps {
  readonly namedTaskId: NamedTaskId
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly steps: readonly NamedTaskStep[]
}

export interface EndedClaims {
  /** Those of the claims that are over: their steps were cancelled, resolved or recovered. */
  endedClaims(claims: readonly ClaimToken[]): Promise<readonly ClaimToken[]>
}

export interface NamedTaskSource {
  load(namespaces: readonly string[]): Promise<readonly NamedTaskSteps[]>
}

export interface Recovery {
  readonly declaredDead: readonly WorkerId[]
  /** Steps of dead workers that went back to the queue. */
  readonly requeued: number
  /** Steps of dead workers that had no attempt left and failed as `worker_lost`. */
  readonly failed: number
}

export interface WorkerRegistration {
  readonly workerId: WorkerId
  readonly host: string
  readonly namespaces: readonly string[]
  /** Steps that it has handlers for: nobody fails them as `handler_not_found` while it lives. */
  readonly runnable: readonly RunnableStep[]
}

/** The answer to a heartbeat of a worker that lives. */
export interface Heartbeat {
  /** Milliseconds since the one before, by PostgreSQL's clock. */
  readonly gapMs: number
  /** A worker is silent for longer than the lease, or the steps of a dead one are still looked for. */
  readonly recoveryDue: boolean
}

export interface RecoveryOptions {
  /** Who recovers. */
  readonly workerId: WorkerId
  readonly leaseMs: number
  /** Whether it may declare others dead; the steps of those that are dead are taken back in any case. */
  readonly mayJudge: boolean
}

/** What a worker tells the others while it runs. */
export interface WorkerAnnouncements {
  /** Messages of these namespaces that were hidden are visible again: whoever listens should look. */
  announceVisible(namespaces: readonly string[]): Promise<void>
  /** The worker serves these now. */
  updateNamespaces(workerId: WorkerId, namespaces: readonly string[]): Promise<void>
}

export interface WorkerRegistry {
  register(registration: WorkerRegistration): Promise<void>
  /** null: this worker was declared dead. Its claims are no longer its own. `runnable` is null when it is as before. */
  heartbeat(workerId: WorkerId, options: { runnable: readonly RunnableStep[] | null }): Promise<Heartbeat | null>
  ownSteps(workerId: WorkerId): Promise<readonly OwnedStep[]>
  /** Declares workers dead whose heartbeat is older than the lease, and takes the steps of all dead workers back. */
  recover(options: RecoveryOptions): Promise<Recovery>
  /**
   * The orderly end: the row goes. With steps still open, or when a claim may yet commit (`unknownClaims`), the worker is declared dead
   * instead, so that others take them at once.
   */
  leave(workerId: WorkerId, options: { unknownClaims: boolean }): Promise<void>
}
