// What the counts of a task's steps say about it as a whole. Source: orchestration-semantics §3.3.

import type { StepCounts } from './task.ts'

export interface TaskSummary {
  readonly executionStatus:
    | 'blocked_by_failures'
    | 'has_ready_steps'
    | 'processing'
    | 'all_complete'
    | 'waiting_for_dependencies'
  readonly recommendedAction: string
  readonly completionPercentage: number
  readonly healthStatus: 'blocked' | 'healthy'
}

const recommendedActions = {
  blocked_by_failures: 'handle_failures',
  has_ready_steps: 'execute_ready_steps',
  processing: 'wait_for_completion',
  all_complete: 'finalize_task',
  waiting_for_dependencies: 'wait_for_dependencies',
} as const

export function summarize(counts: StepCounts): TaskSummary {
  const executionStatus = executionStatusOf(counts)
  return {
    executionStatus,
    recommendedAction: recommendedActions[executionStatus],
    completionPercentage: counts.total === 0 ? 0 : Math.round((counts.completed / counts.total) * 10_000) / 100,
    healthStatus: counts.failed > 0 ? 'blocked' : 'healthy',
  }
}

/** The first that holds wins: one failed step blocks the task even while siblings run. */
export function executionStatusOf(counts: StepCounts): TaskSummary['executionStatus'] {
  if (counts.failed > 0) return 'blocked_by_failures'
  if (counts.ready > 0) return 'has_ready_steps'
  if (counts.inProgress > 0 || counts.enqueued > 0) return 'processing'
  if (counts.completed === counts.total && counts.total > 0) return 'all_complete'
  return 'waiting_for_dependencies'
}
