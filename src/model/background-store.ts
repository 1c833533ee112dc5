// What the orchestrator's background work asks of the database. Each call is one transaction, or does nothing while another orchestrator is at it.

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

export interface BackgroundStore {
  /** null: not due. Tasks that are stuck, longest in their state first; without `dryRun` they are moved. */
  staleTasks(options: Due & StaleLimits & { max: number; dryRun: boolean }): Promise<readonly StaleTask[] | null>
}
