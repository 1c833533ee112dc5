// What the orchestrator's background work asks of the database. Each call is one bounded transaction.

import type { TaskId } from './ids.ts'

/** Minutes in a state, and of life, where the template's `lifecycle` names none. */
export interface StaleLimits {
  readonly waitingForDependenciesMinutes: number
  readonly waitingForRetryMinutes: number
  readonly stepsInProcessMinutes: number
  readonly taskLifetimeMaxHours: number
}

export interface StaleTask {
  readonly taskId: TaskId
  readonly namespace: string
  readonly name: string
  readonly state: string
  readonly inStateMinutes: number
  /** null: the state has no limit, the lifetime was exceeded. */
  readonly thresholdMinutes: number | null
  readonly ageMinutes: number
  /** Whether an entry in the dead letter table was made, and whether the task went to `error`. Both false in a dry run. */
  readonly inDeadLetters: boolean
  readonly failed: boolean
}

/** `everyMs`: nothing happens if any orchestrator did the same within this time. 0: now. */
export interface Due {
  readonly everyMs: number
}

export interface FinishedTasksOptions {
  readonly olderThanDays: number
  /** Of all tables together; a larger task goes alone. */
  readonly rowsMax: number
  /** Where the walk through the tasks stands; null: at the first one. */
  readonly after: TaskId | null
  /** Keeps the rows in `stephost.archived_rows`. */
  readonly archive: boolean
}

export interface RemovedTasks {
  /** Where the walk goes on; null: it is at its end. */
  readonly after: TaskId | null
  readonly tasks: number
  readonly rows: number
}

export interface OrphanPage {
  /** The last message that was looked at; null: there are no more. */
  readonly after: string | null
  readonly setAside: number
}

export interface BackgroundStore {
  /** True for one of all orchestrators within `everyMs`: it is its turn to do what the name says. */
  takeTurn(name: string, everyMs: number): Promise<boolean>
  /** Rejects with DATABASE_FAULT, saying what to do, where indexes are missing that are not ours to make. */
  prepareRemoval(): Promise<void>
  /** Tasks that finished longer ago than that leave the tables, with steps, edges, transitions, audit and dead letters. */
  removeFinishedTasks(options: FinishedTasksOptions): Promise<RemovedTasks>
  /** Names of the queues that are ours. */
  queues(): Promise<readonly string[]>
  /** Resolves with the number removed from the archive of the queue. */
  removeArchivedMessages(options: { queue: string; olderThanDays: number; max: number }): Promise<number>
  /** Archives messages whose step or task does not exist, and keeps each in `stephost.rejected_messages` with its reason. */
  setAsideOrphans(options: { queue: string; olderThanMs: number; after: string; max: number }): Promise<OrphanPage>
  /** null: not due. Tasks that are stuck, longest in their state first; without `dryRun` they are moved. */
  staleTasks(options: Due & StaleLimits & { max: number; dryRun: boolean }): Promise<readonly StaleTask[] | null>
}
