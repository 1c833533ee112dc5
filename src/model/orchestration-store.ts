// What orchestration asks of the database. Every operation is set-based: its cost in statements does not grow with the number of steps.

import type { Claim, ClaimRequest } from './claim-source.ts'
import type { NamedTaskId, StepId, TaskId, WorkerId } from './ids.ts'
import type { JsonText } from './json-text.ts'
import type { DlqChange, DlqChangeAnswer, DlqResolution } from './orchestration-reads.ts'
import type { CompletionAnswer, FinishedStep } from './step-store.ts'
import type { InputSchemaCheck, StepCounts, StepView, TaskProgress, TaskRequest, TaskView } from './task.ts'
import type { StepState, TaskState } from './task-state.ts'
import type { BackoffKind, IdentityStrategy, StepType, TaskTemplate } from './template.ts'

export interface StoredStep {
  readonly name: string
  readonly type: StepType
  readonly dependencies: readonly string[]
  readonly retryable: boolean
  readonly attemptsMax: number
  /** `handler.callable`; null when there is none. */
  readonly callable: string | null
  /** `handler.initialization`; null when it is empty. */
  readonly initialization: JsonText | null
  /** `batch_config` of a batch worker; null when there is none. */
  readonly batch: { readonly cursorField: string | null; readonly failureStrategy: string | null } | null
}

/** A registered template as creation needs it. */
export interface StoredTemplate {
  readonly namedTaskId: NamedTaskId
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly steps: readonly StoredStep[]
  readonly inputSchema: JsonText | null
  /** null: whoever asks for the task says how. */
  readonly inputSchemaCheck: InputSchemaCheck | null
  readonly identityStrategy: IdentityStrategy
}

/** Which template a request means; `version` null: the highest one by its numeric parts. */
export type TemplateSelection = Pick<TaskRequest, 'namespace' | 'name' | 'version'>

/** A template as its row was when it was read: `revision` changes with the row. */
export interface TemplateRevision {
  readonly namedTaskId: NamedTaskId
  readonly revision: string
}

/** What a decision or an analyzer asks for; null: the result has no such key. `cursors`: the raw text of each of its `cursor_configs`. */
export interface OutcomeDocument {
  readonly stepId: StepId
  readonly decision: JsonText | null
  readonly batch: JsonText | null
  readonly cursors: readonly JsonText[]
}

export interface TaskStep {
  readonly taskId: TaskId
  readonly stepId: StepId
  readonly name: string
  /** Another than `name` for the workers of a batch. */
  readonly templateStep: string
  readonly state: StepState
}

/** A step to be made in a task that runs. */
export interface NewStep {
  readonly taskId: TaskId
  readonly name: string
  readonly retryable: boolean
  readonly attemptsMax: number
  readonly initialization: JsonText | null
  /** For a worker of a batch: its cursor as the analyzer gave it, and what else its inputs have. */
  readonly batch: { readonly cursor: JsonText; readonly extra: JsonText } | null
}

export interface NewEdge {
  readonly taskId: TaskId
  readonly from: string
  readonly to: string
  readonly name: 'provides' | 'batch_dependency' | 'worker_to_convergence'
}

/** What is written for one task, beyond its template. */
export interface NewTask {
  readonly template: StoredTemplate & TemplateRevision
  readonly request: TaskRequest
  /** The steps to create, dependencies first or not, the same for all tasks of one revision; edges among them only. */
  readonly steps: readonly StoredStep[]
  /** Nothing is written when the template has changed since it was read; false: it was read for this task. */
  readonly unlessOutdated: boolean
  /** What is odd about it, kept in the metadata of its first transition as `warning`; null: nothing. */
  readonly warning: string | null
}

export type NewTaskAnswer =
  | { readonly status: 'created'; readonly task: TaskView }
  | { readonly status: 'duplicate' }
  | { readonly status: 'invalid'; readonly reason: string }
  /** The template was registered anew, or a higher version of it where the request names none. */
  | { readonly status: 'outdated' }

export interface ResultMessage {
  readonly messageId: string
  readonly stepId: StepId
  readonly taskId: TaskId
}

export interface ResultMessages {
  /** How many were taken from the queue, those set aside included. */
  readonly taken: number
  readonly rejected: number
  readonly results: readonly ResultMessage[]
}

/** A step whose result waits to be judged, with everything the judgement depends on. */
export interface StepOutcome {
  readonly stepId: StepId
  readonly taskId: TaskId
  readonly state: 'enqueued_for_orchestration' | 'enqueued_as_error_for_orchestration'
  /** Of the envelope; null when it is missing or no boolean. */
  readonly success: boolean | null
  readonly status: string | null
  readonly errorMessage: string | null
  /** `metadata.retryable` of the envelope. */
  readonly resultRetryable: boolean
  /** `workflow_steps.retryable`. */
  readonly stepRetryable: boolean
  readonly template: TemplateRevision
  readonly templateStep: string
  /** Of a batch worker whose result is a failure; null for all others. */
  readonly failureStrategy: string | null
  readonly attempts: number
  readonly attemptsMax: number
  readonly retryAfter: string | null
  readonly backoff: { readonly kind: BackoffKind; readonly baseMs: number | null; readonly maxMs: number | null }
  /** The database's clock, milliseconds since 1970. */
  readonly nowMs: number
}

/** One compare-and-set move of a step. `event` is the stored event text (wire-protocol §2.3). */
export interface StepMove {
  readonly stepId: StepId
  readonly from: StepState
  readonly to: StepState
  readonly event: JsonText
  /** For `waiting_for_retry`: how long from now. */
  readonly backoffMs: number | null
  /** Why a result that came as a success is none after all; it becomes the error of the stored result. null: it stays as it is. */
  readonly failure: string | null
}

/** Pending steps of a task that may run now, and what their messages say of the task. */
export interface ReadySteps {
  readonly namespace: string
  readonly correlationId: string
  readonly steps: readonly StepId[]
}

export interface TaskCounts {
  readonly taskId: TaskId
  readonly state: TaskState
  readonly counts: StepCounts
  readonly ready: ReadySteps
}

/** What some completed steps have changed in a task. */
export interface TaskPulse {
  readonly taskId: TaskId
  readonly state: TaskState
  /** Those behind the completed ones. */
  readonly ready: ReadySteps
  /** A step is with a worker, or on its way there or back; not looked for where there are ready ones. */
  readonly working: boolean
}

/** Which transitions are written: all, or only those into the state where a transaction leaves a task or step. */
export const transitionHistories = ['full', 'end_states'] as const
export type TransitionHistory = (typeof transitionHistories)[number]

/** The states a task walks through, oldest first; never empty. */
export interface TaskMove {
  readonly taskId: TaskId
  readonly from: TaskState
  readonly path: readonly TaskState[]
  /** What is enqueued on the way; null: nothing. */
  readonly enqueue: ReadySteps | null
}

/** What an operator does to one step. */
export interface StepOperation {
  readonly stepId: string
  readonly from: StepState
  readonly to: StepState
  readonly event: 'ResetForRetry' | 'ResolveManually' | 'CompleteManually'
  readonly operator: string
  readonly reason: string
  /** For `CompleteManually`: what the handler would have returned, and what the operator adds; untrusted. */
  readonly completion: { readonly result: JsonText; readonly metadata: JsonText | null } | null
}

export interface CancelOptions {
  readonly taskIds: readonly TaskId[]
  readonly stepIds: readonly StepId[] | null
  readonly states: readonly StepState[] | null
}

export interface RedriveOptions {
  readonly taskId: TaskId
  readonly entryId: string
  readonly operator: string | null
}

export interface JudgedAnswer extends Omit<CompletionAnswer, 'status'> {
  readonly status: CompletionAnswer['status'] | 'busy'
  /** The step is complete, and only its task remains to be looked at. */
  readonly completes: boolean
}

export interface StepPlace {
  readonly stepId: StepId
  readonly taskId: TaskId
  readonly template: TemplateRevision
  readonly templateStep: string
}

/** What is asked for together, before an answer came, takes effect in the order of asking and costs one round trip. */
export interface OrchestrationTransaction {
  /** Takes visible result messages for good; malformed ones are set aside with their reason. `only` limits it to those messages. */
  takeResults(options: { max: number; only: readonly string[] | null }): Promise<ResultMessages>
  /**
   * Stores results and locks their tasks, but for tasks that somebody else holds: those are answered `busy`. `plainIn` says for each result in which
   * version of its template its success makes no other steps; null: nobody knows. What is stored must be judged in this transaction.
   */
  completeSteps(
    workerId: WorkerId,
    finished: readonly FinishedStep[],
    plainIn: readonly (string | null)[],
  ): Promise<readonly JudgedAnswer[]>
  /** Locks the tasks in the order of their ids, before anything about them is read (design D5). */
  lockTasks(taskIds: readonly TaskId[]): Promise<void>
  /** The steps among these whose result waits to be judged. */
  outcomes(stepIds: readonly StepId[]): Promise<readonly StepOutcome[]>
  /** Resolves with the steps that really moved: each was still in its `from` state. */
  moveSteps(moves: readonly StepMove[]): Promise<readonly StepId[]>
  /** Those of these steps that wait for a retry which is due now. The tasks must be locked. */
  stillDue(stepIds: readonly StepId[]): Promise<readonly StepId[]>
  taskCounts(taskIds: readonly TaskId[]): Promise<readonly TaskCounts[]>
  /** For tasks that are too large to be counted after each result; `finished` are steps of theirs. */
  taskPulses(taskIds: readonly TaskId[], finished: readonly StepId[]): Promise<readonly TaskPulse[]>
  /**
   * Cancels what has not finished: of these tasks all steps; with `stepIds` only those, with `states` only those in one of them. Workers
   * that run one are told. The tasks must be locked. Resolves with how many.
   */
  cancelSteps(options: CancelOptions): Promise<number>
  /** The other workers of the same batches. */
  batchSiblings(stepIds: readonly StepId[]): Promise<readonly StepId[]>
  templates(ids: readonly NamedTaskId[]): Promise<readonly (StoredTemplate & TemplateRevision)[]>
  outcomeDocuments(stepIds: readonly StepId[]): Promise<readonly OutcomeDocument[]>
  taskSteps(taskIds: readonly TaskId[]): Promise<readonly TaskStep[]>
  /** Which template entry the step is of; null: there is no such step. */
  stepPlace(stepId: string): Promise<StepPlace | null>
  /** The tasks must be locked. Edges name steps that are there or among the new ones; those that are there already stay as they are. */
  createSteps(steps: readonly NewStep[], edges: readonly NewEdge[]): Promise<void>
  /** null: the task has no such step. */
  stepState(step: { taskId: TaskId; stepId: string }): Promise<StepState | null>
  /** One compare-and-set move by an operator, with its audit. `moved`: the step was still in `from`. */
  operateStep(operation: StepOperation): Promise<{ readonly moved: boolean; readonly problem: string | null }>
  /** null: there is no such entry. */
  deadLetter(entryId: string): Promise<{ readonly taskId: TaskId; readonly resolution: DlqResolution } | null>
  changeDlqEntry(entryId: string, change: DlqChange): Promise<DlqChangeAnswer>
  /** Steps that have not succeeded may run again with all their attempts, but for those that a living worker runs. Resolves with how many. */
  redriveSteps(options: RedriveOptions): Promise<number>
  /**
   * Writes the tasks' transitions and, where asked, enqueues ready steps: transition, message, wake-up. Resolves with the number enqueued.
   * `last`: nothing follows in this transaction, which is then committed on the way. `woken`: a worker that hears of it without a notification.
   */
  moveTasks(
    moves: readonly TaskMove[],
    options?: { readonly last: boolean; readonly woken?: WorkerId | null },
  ): Promise<number>
  /**
   * Moves tasks, starts for the worker of `request` what they enqueue, and commits: the steps are the worker's own when this resolves. All of them must be
   * of one namespace, and there must be some. What cannot run there goes into the queue, and so do steps with two attempts or more behind them, of which
   * a claim of its own asks whom they have killed.
   */
  startTasks(moves: readonly TaskMove[], request: ClaimRequest): Promise<StartedSteps>
}

export interface StartedSteps {
  /** Whether started or not. */
  readonly enqueued: number
  /** null: all of them are in the queue. */
  readonly claim: Claim | null
}

export interface DueRetries {
  readonly steps: readonly { readonly stepId: StepId; readonly taskId: TaskId }[]
  /** Until the next retry that is not due yet; null when none waits. */
  readonly nextMs: number | null
}

export interface OrchestrationStore {
  /** Namespaces, queues, templates; resolves with the keys of those that are new or changed. Rejects with TEMPLATE_INVALID when a name is over the limits. */
  registerTemplates(templates: readonly TaskTemplate[]): Promise<readonly string[]>
  /** The three queues of orchestration and those of the namespaces, where they are missing. */
  createQueues(namespaces: readonly string[]): Promise<void>
  template(key: TemplateSelection): Promise<(StoredTemplate & TemplateRevision) | null>
  /** `namespace/name@version` of what is registered, nearest first: same namespace before others. At most 20. */
  templateKeys(namespace: string): Promise<readonly string[]>
  /** All of one namespace, in one transaction; one answer for each, in their order. Rejects when none was made. */
  createTasks(tasks: readonly NewTask[]): Promise<readonly NewTaskAnswer[]>
  /** `work` may run more than once and has no effects outside the transaction. */
  transaction<T>(work: (transaction: OrchestrationTransaction) => Promise<T>): Promise<T>
  /** Archives one result message and keeps its reason in `stephost.rejected_messages`. */
  rejectResult(messageId: string, reason: string): Promise<void>
  /** True when the error lies in the data of a statement, so that a part of the batch may still go through. */
  isDataFault(error: unknown): boolean
  dueRetries(options: { max: number }): Promise<DueRetries>
  /** Steps enqueued for longer than `olderThanMs` whose message is gone get a new one; one orchestrator at a time. */
  resendSteps(options: { olderThanMs: number; max: number }): Promise<number>
  /** Results handed in longer ago than `olderThanMs` and still not judged. */
  overdueResults(options: { olderThanMs: number; max: number }): Promise<readonly StepId[]>
  /** Unsettled tasks beyond `after`, in the order of their ids, that have not moved for `olderThanMs` and wait for no worker and no timer. */
  stalledTasks(options: { olderThanMs: number; max: number; after: TaskId | null }): Promise<readonly TaskId[]>
  taskView(taskId: string): Promise<TaskView | null>
  stepViews(taskId: string): Promise<readonly StepView[]>
  taskProgress(taskId: string): Promise<TaskProgress | null>
  /** Says that this orchestrator is alive. */
  heartbeat(options: { host: string }): Promise<void>
  leave(): Promise<void>
  ping(): Promise<void>
}
