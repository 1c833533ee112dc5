// Tasks and steps as Tasker's JSON. Documents of users are spliced in as text, so their numbers stay exact (design D13).

import { type JsonText, nullDocument } from '../../model/json-text.ts'
import type { StepView, TaskView } from '../../model/task.ts'
import { summarize } from '../../model/task-summary.ts'

/** Source: orchestration-semantics §6.2. */
export function taskDocument(task: TaskView, status: string = task.state): JsonText {
  return splice(taskFields(task, status), { context: task.context, tags: task.tags ?? nullDocument })
}

/** All but the documents. */
export function taskFields(task: TaskView, status: string) {
  const { counts } = task
  const summary = summarize(counts)
  return {
    task_uuid: task.taskId,
    name: task.name,
    namespace: task.namespace,
    version: task.version,
    status,
    created_at: task.createdAt,
    updated_at: task.updatedAt,
    completed_at: task.completedAt,
    initiator: task.initiator,
    source_system: task.sourceSystem,
    reason: task.reason ?? 'unknown',
    priority: task.priority,
    correlation_id: task.correlationId,
    parent_correlation_id: task.parentCorrelationId,
    total_steps: counts.total,
    pending_steps: counts.pending,
    in_progress_steps: counts.inProgress,
    completed_steps: counts.completed,
    failed_steps: counts.failed,
    ready_steps: counts.ready,
    execution_status: summary.executionStatus,
    recommended_action: summary.recommendedAction,
    completion_percentage: summary.completionPercentage,
    health_status: summary.healthStatus,
    steps: task.steps.map(readiness),
  }
}

/** In a list the status is one of two words, and the steps are left out. Source: orchestration-semantics §6.3. */
export function taskListDocument(tasks: readonly TaskView[], pagination: object): JsonText {
  const entries = tasks.map((task) => taskDocument(task, task.state === 'complete' ? 'completed' : 'pending'))
  return `{"tasks":[${entries.join(',')}],"pagination":${JSON.stringify(pagination)}}` as JsonText
}

/** Source: orchestration-semantics §6.6. */
export function stepListDocument(steps: readonly StepView[]): JsonText {
  return `[${steps.map(stepDocument).join(',')}]` as JsonText
}

/** One step of the list. */
export function stepDocument(step: StepView): JsonText {
  return splice(stepFields(step), { results: step.results ?? nullDocument })
}

/** All but the document. */
export function stepFields(step: StepView) {
  return {
    step_uuid: step.stepId,
    task_uuid: step.taskId,
    name: step.name,
    created_at: step.createdAt,
    updated_at: step.updatedAt,
    completed_at: step.completedAt,
    current_state: step.state,
    dependencies_satisfied: step.dependenciesSatisfied,
    retry_eligible: step.retryEligible,
    ready_for_execution: step.ready,
    total_parents: step.totalParents,
    completed_parents: step.completedParents,
    attempts: step.attempts,
    max_attempts: step.attemptsMax,
    last_failure_at: step.lastFailureAt,
    next_retry_at: step.nextRetryAt,
    last_attempted_at: step.lastAttemptedAt,
  }
}

/** An entry of a task's `steps`: its times have no zone, unlike all others. Source: orchestration-semantics §6.2. */
function readiness(step: StepView): Readonly<Record<string, unknown>> {
  return {
    workflow_step_uuid: step.stepId,
    task_uuid: step.taskId,
    named_step_uuid: step.namedStepId,
    name: step.name,
    current_state: step.state,
    dependencies_satisfied: step.dependenciesSatisfied,
    retry_eligible: step.retryEligible,
    ready_for_execution: step.ready,
    last_failure_at: naive(step.lastFailureAt),
    next_retry_at: naive(step.nextRetryAt),
    total_parents: step.totalParents,
    completed_parents: step.completedParents,
    attempts: step.attempts,
    max_attempts: step.attemptsMax,
    backoff_request_seconds: step.backoffRequestS,
    last_attempted_at: naive(step.lastAttemptedAt),
  }
}

function naive(time: string | null): string | null {
  return time?.replace(/Z$/, '') ?? null
}

/** One object of our own fields and of documents; there is at least one field. */
function splice(fields: Readonly<Record<string, unknown>>, documents: Readonly<Record<string, JsonText>>): JsonText {
  const members = Object.entries(documents).map(([key, text]) => `${JSON.stringify(key)}:${text}`)
  return `${JSON.stringify(fields).slice(0, -1)},${members.join(',')}}` as JsonText
}
