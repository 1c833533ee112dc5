// What the APIs read of tasks beyond the work itself: lists, audit, templates, analytics and dead letters.

import type { JsonText } from './json-text.ts'
import type { StepView, TaskView } from './task.ts'
import type { TaskState } from './task-state.ts'
import type { TaskSummary } from './task-summary.ts'

/** null: any. All that are given must fit. */
export interface TaskFilter {
  readonly namespace: string | null
  readonly initiator: string | null
  readonly sourceSystem: string | null
  /** The flag `tasks.complete`. */
  readonly complete: boolean | null
  readonly state: TaskState | null
  /** Among the tasks that are not complete. */
  readonly executionStatus: TaskSummary['executionStatus'] | null
}

export interface TaskPage {
  /** Newest first; without their steps. */
  readonly tasks: readonly TaskView[]
  readonly totalCount: number
}

export interface TaskBackground {
  /** The steps of the template as it is registered now. */
  readonly templateSteps: JsonText
  readonly dlq: JsonText
}

export const dlqResolutions = ['pending', 'manually_resolved', 'permanently_failed', 'cancelled'] as const
export type DlqResolution = (typeof dlqResolutions)[number]

/** null: stays as it is. */
export interface DlqChange {
  readonly resolutionStatus: DlqResolution | null
  readonly resolutionNotes: string | null
  readonly resolvedBy: string | null
  /** One JSON object; its members replace those of the same name. */
  readonly metadata: JsonText | null
}

/** `invalid`: PostgreSQL cannot store the metadata. `pending`: the task has another entry that is pending. */
export type DlqChangeAnswer = 'changed' | 'missing' | 'invalid' | 'pending'

/** Minutes per state, where the template names none. Source: orchestration-semantics §8.3. */
export interface StalenessLimits {
  readonly waitingForDependenciesMinutes: number
  readonly waitingForRetryMinutes: number
  readonly stepsInProcessMinutes: number
}

/**
 * Documents are made by PostgreSQL in the shape that clients read, so numbers stay exact (design D13). Source of the shapes:
 * orchestration-semantics §6.5 to §6.9. All methods reject with what the database says.
 */
export interface OrchestrationReads {
  tasks(filter: TaskFilter, page: { offset: number; limit: number }): Promise<TaskPage>
  step(stepId: string): Promise<StepView | null>
  /** null: there is no such task. */
  taskBackground(taskId: string): Promise<TaskBackground | null>
  /** An array, newest first. */
  stepAudit(stepId: string): Promise<JsonText>
  templates(namespace: string | null): Promise<JsonText>
  template(key: { namespace: string; name: string; version: string }): Promise<JsonText | null>
  performance(hours: number): Promise<JsonText>
  /** slow_steps, slow_tasks and system_health. */
  bottlenecks(options: { limit: number; executionsMin: number }): Promise<JsonText>
  dlqEntries(options: { status: DlqResolution | null; limit: number; offset: number }): Promise<JsonText>
  /** The latest; null: none. */
  dlqEntryOf(taskId: string): Promise<JsonText | null>
  changeDlqEntry(entryId: string, change: DlqChange): Promise<DlqChangeAnswer>
  dlqStats(): Promise<JsonText>
  investigationQueue(limit: number): Promise<JsonText>
  staleness(options: { limit: number; limits: StalenessLimits }): Promise<JsonText>
  /** Messages in the queue of results; counts no further than `max`. */
  queueDepth(max: number): Promise<number>
}
