// Tasks and their steps as clients see them, and the service that makes and shows them. Source: orchestration-semantics §1.2, §3, §6.2, §6.6.

import type { CorrelationId, StepId, TaskId } from './ids.ts'
import type { JsonText } from './json-text.ts'
import type { StepState, TaskState } from './task-state.ts'

/** `enforce`: a violation refuses the task. `warn`: it is told and the task is made, as Tasker does. `off`: nobody looks. */
export const inputSchemaChecks = ['enforce', 'warn', 'off'] as const
export type InputSchemaCheck = (typeof inputSchemaChecks)[number]

export interface TaskRequest {
  readonly namespace: string
  readonly name: string
  /** null: the highest version that is registered. */
  readonly version: string | null
  /** The raw text as the client wrote it; must be one JSON object. */
  readonly context: JsonText
  readonly initiator: string
  readonly sourceSystem: string
  readonly reason: string
  readonly tags: readonly string[]
  readonly priority: number | null
  /** null: one is made. */
  readonly correlationId: string | null
  readonly parentCorrelationId: string | null
  /** The caller's own name for the task: with one, it is the identity instead of the context, whatever the template says. */
  readonly idempotencyKey?: string | null
  /** True: a task of its own even when one with this context exists; the context stays as it is. */
  readonly freshIdentity: boolean
  /** Where the template says nothing of its own. */
  readonly inputSchema: InputSchemaCheck
}

/** Times are RFC 3339 in UTC with microseconds and `Z`. */
export interface StepView {
  readonly stepId: StepId
  readonly taskId: TaskId
  readonly namedStepId: string
  readonly name: string
  /** `handler.callable` of the template step; null when the template has no such step any more. */
  readonly callable: string | null
  readonly state: StepState
  readonly createdAt: string
  readonly updatedAt: string
  /** When orchestration counted it as done (`processed_at`). */
  readonly completedAt: string | null
  /** The last claim by a worker. */
  readonly startedAt: string | null
  /** When the worker handed the last result in; null while it runs. */
  readonly finishedAt: string | null
  /** The language that ran it last; null when no handler did. */
  readonly runtime: string | null
  /** The stored envelope (wire-protocol §5.1). */
  readonly results: JsonText | null
  /** Of the envelope: what the handler returned; null when it failed or has not finished. */
  readonly result: JsonText | null
  /** Of the envelope: the error object; null when there is none. */
  readonly error: JsonText | null
  readonly dependenciesSatisfied: boolean
  readonly retryEligible: boolean
  readonly ready: boolean
  readonly totalParents: number
  readonly completedParents: number
  readonly attempts: number
  readonly attemptsMax: number
  readonly backoffRequestS: number | null
  readonly lastFailureAt: string | null
  readonly nextRetryAt: string | null
  readonly lastAttemptedAt: string | null
}

export interface StepCounts {
  readonly total: number
  readonly pending: number
  readonly inProgress: number
  readonly completed: number
  readonly failed: number
  readonly ready: number
  /** With a worker's queue or with orchestration's. */
  readonly enqueued: number
}

export interface TaskView {
  readonly taskId: TaskId
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly state: TaskState
  readonly createdAt: string
  readonly updatedAt: string
  readonly completedAt: string | null
  readonly context: JsonText
  readonly initiator: string
  readonly sourceSystem: string
  /** null: the row has none, as only others make them. */
  readonly reason: string | null
  readonly priority: number | null
  /** A JSON array of strings. */
  readonly tags: JsonText | null
  readonly correlationId: CorrelationId
  readonly parentCorrelationId: string | null
  readonly counts: StepCounts
  /** In the order in which they were created. */
  readonly steps: readonly StepView[]
}

/** What a live display needs again and again: no documents, one statement. */
export interface TaskProgress {
  readonly taskId: TaskId
  readonly state: TaskState
  readonly steps: readonly StepProgress[]
}

export type StepProgress = Pick<
  StepView,
  | 'stepId'
  | 'name'
  | 'callable'
  | 'state'
  | 'attempts'
  | 'attemptsMax'
  | 'startedAt'
  | 'finishedAt'
  | 'runtime'
  | 'nextRetryAt'
>

/** What an operator may do to a step that has not finished. Tagged like the interface. Source: orchestration-semantics §2.11. */
export type StepAction =
  /** From `error` only: the step runs again, with all its attempts. */
  | { readonly actionType: 'reset_for_retry'; readonly reason: string; readonly resetBy: string }
  /** Counts as done without a result; what the step left behind stays. */
  | { readonly actionType: 'resolve_manually'; readonly reason: string; readonly resolvedBy: string }
  /** As if the handler had returned `result`. */
  | {
      readonly actionType: 'complete_manually'
      readonly reason: string
      readonly completedBy: string
      readonly result: JsonText
      /** Any JSON; what is no object is stored under `operator_metadata`. null: none. */
      readonly metadata: JsonText | null
    }

export interface TaskService {
  /**
   * Makes a task and enqueues its first steps in one transaction; resolves with the task as it was made. Rejects with TEMPLATE_NOT_FOUND, TEMPLATE_INVALID, TASK_INVALID or
   * TASK_DUPLICATE, and with what the database says.
   */
  createTask(request: TaskRequest): Promise<TaskView>
  /** Rejects with TASK_NOT_FOUND. */
  task(taskId: string): Promise<TaskView>
  /** Empty for an unknown task. */
  steps(taskId: string): Promise<readonly StepView[]>
  /** Rejects with TASK_NOT_FOUND. */
  progress(taskId: string): Promise<TaskProgress>
  /**
   * Ends the task and every step that has not finished, in one transaction; handlers that run are told to stop. Rejects with TASK_NOT_FOUND,
   * or TASK_FINISHED when it is complete, in error, cancelled or resolved.
   */
  cancel(taskId: string): Promise<TaskView>
  /**
   * Does it, writes who and why into the step's history and audit, and moves the task on, in one transaction. Rejects with TASK_NOT_FOUND,
   * STEP_NOT_FOUND, TASK_FINISHED (a task in `error` is reopened, not refused), STEP_TRANSITION_INVALID or STEP_ACTION_INVALID.
   */
  actOnStep(taskId: string, stepId: string, action: StepAction): Promise<StepView>
}
