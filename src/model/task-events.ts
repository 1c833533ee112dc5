// Transitions of tasks and steps as they happen, for those who watch a task.

import type { StepId, TaskId } from './ids.ts'
import type { TaskState } from './task-state.ts'

export interface TaskEvent {
  /** Of the transition: the same event always has the same id. */
  readonly id: string
  readonly taskId: TaskId
  /** null: the task itself moved. */
  readonly stepId: StepId | null
  readonly stepName: string | null
  readonly fromState: string | null
  readonly toState: string
  /** RFC 3339 in UTC. */
  readonly at: string
}

/** A transition as it is stored. */
export interface StoredTransition extends TaskEvent {
  /** Counts the transitions of one task or one step, without gaps. */
  readonly sortKey: number
}

export interface TaskVersion {
  readonly taskId: TaskId
  readonly state: TaskState
  /** Different after every transition of the task and of its steps. */
  readonly version: string
}

/** The last transition that is known of the task and of each step, by id. */
export type KnownTransitions = ReadonlyMap<string, number>

export interface TransitionReads {
  /** One statement for all tasks. */
  versions(taskIds: readonly TaskId[]): Promise<readonly TaskVersion[]>
  /** In no particular order. */
  transitionsBeyond(taskId: TaskId, known: KnownTransitions): Promise<readonly StoredTransition[]>
}

export interface TaskWatcher {
  /** False: it is busy with what it was given before and is asked again later. */
  isReady(): boolean
  events(events: readonly TaskEvent[]): void
  /** Nothing comes after it. */
  ended(state: TaskState): void
}

export interface TaskEventSource {
  /**
   * Tells the watcher of every transition of the task, those of the past first, until the task has settled. With `after`, the id of an
   * event, it tells of what came after it; some of what came before may come again. The task must exist. null: too many watch already.
   */
  watch(taskId: TaskId, after: string | null, watcher: TaskWatcher): { close(): void } | null
}
