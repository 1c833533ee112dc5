// The states of tasks and steps as the database stores them, and every legal move between them. Source: wire-protocol §2, orchestration-semantics §2.

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

/** States that nothing leads out of but an operator, who may reopen what failed. */
export const finishedTaskStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'complete',
  'error',
  'cancelled',
  'resolved_manually',
])

/** What a cancelled task leaves alone. `error` is none of them. */
export const finishedStepStates: ReadonlySet<StepState> = new Set<StepState>([
  'complete',
  'cancelled',
  'resolved_manually',
])

/** from, event, to. */
export type Move<State extends string> = readonly [from: State, event: string, to: State]

const openTaskStates = taskStates.filter((state) => !finishedTaskStates.has(state))
const unsettledTaskStates = taskStates.filter((state) => !settledTaskStates.has(state))
const openStepStates = stepStates.filter((state) => !finishedStepStates.has(state))

/**
 * Every legal move of a task. Source: orchestration-semantics §2.2, without its legacy events. `Fail` ends a task that is stuck (§8.2), and is written
 * by the search for those alone. Ours are the last three: a task that an operator helped goes on, from `blocked_by_failures` and from `error`.
 */
export const taskMoves: readonly Move<TaskState>[] = [
  ['pending', 'Start', 'initializing'],
  ['initializing', 'ReadyStepsFound', 'enqueuing_steps'],
  ['initializing', 'NoStepsFound', 'complete'],
  ['initializing', 'NoDependenciesReady', 'waiting_for_dependencies'],
  ['enqueuing_steps', 'StepsEnqueued', 'steps_in_process'],
  ['enqueuing_steps', 'EnqueueFailed', 'error'],
  ['steps_in_process', 'StepCompleted', 'evaluating_results'],
  ['steps_in_process', 'StepFailed', 'waiting_for_retry'],
  ['evaluating_results', 'AllStepsSuccessful', 'complete'],
  ['evaluating_results', 'ReadyStepsFound', 'enqueuing_steps'],
  ['evaluating_results', 'NoDependenciesReady', 'waiting_for_dependencies'],
  ['evaluating_results', 'PermanentFailure', 'blocked_by_failures'],
  ['waiting_for_dependencies', 'DependenciesReady', 'evaluating_results'],
  ['waiting_for_retry', 'RetryReady', 'enqueuing_steps'],
  ['blocked_by_failures', 'GiveUp', 'error'],
  ['blocked_by_failures', 'ManualResolution', 'resolved_manually'],
  ...openTaskStates.map((from): Move<TaskState> => [from, 'Cancel', 'cancelled']),
  ...unsettledTaskStates.map((from): Move<TaskState> => [from, 'Fail', 'error']),
  ['blocked_by_failures', 'ReadyStepsFound', 'enqueuing_steps'],
  ['blocked_by_failures', 'StepCompleted', 'evaluating_results'],
  ['error', 'Reset', 'pending'],
]

/**
 * Every legal move of a step. Source: orchestration-semantics §2.4, without its legacy events. Where that allows an operator anything, a
 * step that is done is left alone; one that was cancelled because a sibling failed can be taken up again while its task goes on. The last one is
 * ours: a claimed step that did not run goes back to its queue.
 */
export const stepMoves: readonly Move<StepState>[] = [
  ['pending', 'Enqueue', 'enqueued'],
  ['enqueued', 'Start', 'in_progress'],
  ['in_progress', 'EnqueueForOrchestration', 'enqueued_for_orchestration'],
  ['in_progress', 'EnqueueAsErrorForOrchestration', 'enqueued_as_error_for_orchestration'],
  ['enqueued_for_orchestration', 'Complete', 'complete'],
  ['enqueued_for_orchestration', 'Fail', 'error'],
  ['enqueued_as_error_for_orchestration', 'WaitForRetry', 'waiting_for_retry'],
  ['enqueued_as_error_for_orchestration', 'Fail', 'error'],
  ['enqueued_as_error_for_orchestration', 'Complete', 'complete'],
  ['waiting_for_retry', 'Retry', 'pending'],
  ['error', 'ResetForRetry', 'pending'],
  ...openStepStates.flatMap((from): Move<StepState>[] => [
    [from, 'Cancel', 'cancelled'],
    [from, 'ResolveManually', 'resolved_manually'],
    [from, 'CompleteManually', 'complete'],
  ]),
  ['cancelled', 'ResetForRetry', 'pending'],
  ['cancelled', 'ResolveManually', 'resolved_manually'],
  ['cancelled', 'CompleteManually', 'complete'],
  ['in_progress', 'Enqueue', 'enqueued'],
]

/** The event that leads from one state to the other; null: nothing does. With several, the one that orchestration itself fires. */
export function eventOf<State extends string>(moves: readonly Move<State>[], from: State, to: State): string | null {
  return moves.find((move) => move[0] === from && move[2] === to)?.[1] ?? null
}
