// The counters of `system_health`, as clients expect them: one of each state, written out, and the totals. Source: orchestration-semantics §6.8, §2.

export const noneInAnyState: Readonly<Record<string, number>> = {
  ...{ pending_tasks: 0, initializing_tasks: 0, enqueuing_steps_tasks: 0, steps_in_process_tasks: 0 },
  ...{ evaluating_results_tasks: 0, waiting_for_dependencies_tasks: 0, waiting_for_retry_tasks: 0 },
  ...{
    blocked_by_failures_tasks: 0,
    complete_tasks: 0,
    error_tasks: 0,
    cancelled_tasks: 0,
    resolved_manually_tasks: 0,
  },
  ...{ pending_steps: 0, enqueued_steps: 0, in_progress_steps: 0, enqueued_for_orchestration_steps: 0 },
  ...{ enqueued_as_error_for_orchestration_steps: 0, waiting_for_retry_steps: 0, complete_steps: 0, error_steps: 0 },
  ...{ cancelled_steps: 0, resolved_manually_steps: 0, total_tasks: 0, total_steps: 0 },
}
