// Where a task goes next: one decision from its state and the counts of its steps, the same after a result, a retry and a crash.

import type { TaskCounts, TaskMove } from '../model/orchestration-store.ts'
import { settledTaskStates, type TaskState } from '../model/task-state.ts'
import { executionStatusOf } from '../model/task-summary.ts'

/** How an unsettled task gets to `evaluating_results`. Source: orchestration-semantics §2.2. */
const toEvaluation: Partial<Record<TaskState, readonly TaskState[]>> = {
  pending: ['initializing', 'enqueuing_steps', 'steps_in_process', 'evaluating_results'],
  initializing: ['enqueuing_steps', 'steps_in_process', 'evaluating_results'],
  enqueuing_steps: ['steps_in_process', 'evaluating_results'],
  steps_in_process: ['evaluating_results'],
  evaluating_results: [],
  waiting_for_dependencies: ['evaluating_results'],
  waiting_for_retry: ['enqueuing_steps', 'steps_in_process', 'evaluating_results'],
  blocked_by_failures: ['evaluating_results'],
  error: ['pending', 'initializing', 'enqueuing_steps', 'steps_in_process', 'evaluating_results'],
}

/** The shorter ways that the table knows. */
const toEnqueuing: Partial<Record<TaskState, readonly TaskState[]>> = {
  pending: ['initializing', 'enqueuing_steps'],
  initializing: ['enqueuing_steps'],
  enqueuing_steps: [],
  waiting_for_retry: ['enqueuing_steps'],
  blocked_by_failures: ['enqueuing_steps'],
  error: ['pending', 'initializing', 'enqueuing_steps'],
}

/** null: the task stays as it is. `reopen`: an operator helped, so a task that failed goes on unless another of its steps has failed. */
export function nextMove(task: TaskCounts, { reopen }: { reopen: boolean } = { reopen: false }): TaskMove | null {
  const { taskId, state, counts } = task
  const failed = state === 'blocked_by_failures' || state === 'error'
  if (failed ? !reopen || counts.failed > 0 : settledTaskStates.has(state)) return null
  const evaluated = toEvaluation[state] ?? []
  const enqueuing = toEnqueuing[state] ?? [...evaluated, 'enqueuing_steps']
  const move = (path: readonly TaskState[], enqueue: TaskMove['enqueue'] = null): TaskMove | null =>
    path.length === 0 ? null : { taskId, from: state, path, enqueue }
  // A template whose steps are all deferred starts a task that has nothing to do.
  if (counts.total === 0) {
    const created = state === 'pending' || state === 'initializing'
    return move(
      created ? [...(state === 'pending' ? (['initializing'] as const) : []), 'complete'] : [...evaluated, 'complete'],
    )
  }
  switch (executionStatusOf(counts)) {
    case 'blocked_by_failures':
      return move([...evaluated, 'blocked_by_failures'])
    case 'has_ready_steps':
      return move([...enqueuing, 'steps_in_process'], task.ready)
    case 'processing':
      // With workers busy the task belongs in `steps_in_process`; only a crashed orchestrator leaves it elsewhere.
      return state === 'steps_in_process' ? null : move([...enqueuing, 'steps_in_process'])
    case 'all_complete':
      return move([...evaluated, 'complete'])
    case 'waiting_for_dependencies':
      return state === 'waiting_for_dependencies' ? null : move([...evaluated, 'waiting_for_dependencies'])
  }
}
