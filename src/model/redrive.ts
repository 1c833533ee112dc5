// Taking a task from the dead letters: its steps run again, and the entry says who wanted it.

import type { DlqChange } from './orchestration-reads.ts'
import type { TaskState } from './task-state.ts'

export interface RedriveService {
  /**
   * One transaction: the entry is resolved as `manually_resolved` with what the change notes down beside that, every step that has not
   * succeeded gets its attempts back, and the task goes on. Steps that a living worker runs are left to it.
   */
  redrive(entryId: string, change: DlqChange): Promise<RedriveAnswer>
}

/** `invalid`: PostgreSQL cannot store the metadata. `resolved`: the entry is not pending any more. `finished`: nothing leads out of the task's state. */
export type RedriveAnswer =
  | { readonly status: 'redriven'; readonly steps: number }
  | { readonly status: 'missing' | 'invalid' | 'resolved' }
  | { readonly status: 'finished'; readonly state: TaskState }
