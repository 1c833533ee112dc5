// The names of task and step states as the database stores them. Source: wire-protocol §2.1, orchestration-semantics §2.1.

export const taskStates = [
  'pending',
  'initializing',
  'enqueuing_steps',
  'steps_in_process',
  'evaluating_results',
  'waiting_for_dependencies',
  'waiting_for_retry',
  'blocked_by_failures',
  'complete',
  'error',
  'cancelled',
  'resolved_manually',
] as const
export type TaskState = (typeof taskStates)[number]

export const stepStates = [
  'pending',
  'enqueued',
  'in_progress',
  'enqueued_for_orchestration',
  'enqueued_as_error_for_orchestration',
  'waiting_for_retry',
  'complete',
  'error',
  'cancelled',
  'resolved_manually',
] as const
export type StepState = (typeof stepStates)[number]

/** States that no result, timer or message leads out of. A blocked task waits for an operator. */
export const settledTaskStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'blocked_by_failures',
  'complete',
  'error',
  'cancelled',
  'resolved_manually',
])
