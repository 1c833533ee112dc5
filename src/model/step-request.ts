// The stations of a step on its way to a handler: message, claim, request. Each needs the one before it.

import type { ClaimId, ClaimToken, CorrelationId, NamedTaskId, StepId, TaskId } from './ids.ts'
import type { JsonText } from './json-text.ts'

/** What a queue holds. Source: wire-protocol §4.1. */
export interface StepMessage {
  readonly taskId: TaskId
  readonly stepId: StepId
  readonly correlationId: CorrelationId
}

/** A step that this worker owns, from the claim to the completion. */
export interface ClaimedStep extends StepMessage {
  readonly namedTaskId: NamedTaskId
  readonly namespace: string
  /** The template's step: for batch workers not the name of the instance. */
  readonly templateStep: string
  /** Of its task: the higher one goes first. */
  readonly priority: number
  readonly token: ClaimToken
  readonly claimId: ClaimId
  /** Attempts before this claim: 0 on the first run. */
  readonly attempts: number
  readonly attemptsMax: number
  readonly retryable: boolean
  /** False: no worker took it within the grace, so it is claimed only to be failed as `handler_not_found`. */
  readonly runnable: boolean
  /** From how many dead workers it was taken back. */
  readonly recoveries: number
  /**
   * What the claim read of the step and its task; absent or null: they are read when the step is hydrated. Hydration takes them away, for the step
   * itself is held until its result is stored.
   */
  documents?: StepDocuments | null
}

/** Of a step, as they were before the claim. */
export interface StepDocuments {
  readonly stepName: string
  /** Changes whenever somebody registers the template anew. */
  readonly templateVersion: string
  /** `task.task` and `workflow_step` of wire-protocol §4.3. */
  readonly task: JsonText
  readonly workflowStep: JsonText
  /** Results of all ancestors that are done, by the names of their steps. */
  readonly dependencyResults: JsonText
}

/** A step that was taken back from so many dead workers runs alone on its worker; with the next death it fails. */
export const deathsUntilAlone = 2

export interface HandlerReference {
  readonly callable: string
  /** null: `call`. */
  readonly method: string | null
  readonly resolver: string | null
}

/** The hydrated step as given to a handler. The four documents together are Tasker's TaskSequenceStep (wire-protocol §4.3). */
export interface StepRequest {
  readonly stepId: StepId
  readonly taskId: TaskId
  readonly correlationId: CorrelationId
  readonly stepName: string
  readonly handler: HandlerReference
  /** Attempts before this run; the documents show the same value. */
  readonly attempts: number
  /** `timeout_seconds` of the template step; null: only the worker's own limit. */
  readonly timeoutMs: number | null
  readonly task: JsonText
  readonly workflowStep: JsonText
  readonly dependencyResults: JsonText
  readonly stepDefinition: JsonText
}

/** Whether the template's step declares domain events. */
export function declaresEvents({ stepDefinition }: StepRequest): boolean {
  return /"publishes_events"\s*:\s*\[\s*\{/.test(stepDefinition)
}
