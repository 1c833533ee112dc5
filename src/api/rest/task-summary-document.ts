// GET /v1/tasks/{uuid}/summary: a task at a glance. Source: orchestration-semantics §6.5.

import type { JsonText } from '../../model/json-text.ts'
import type { TaskBackground } from '../../model/orchestration-reads.ts'
import type { StepView, TaskView } from '../../model/task.ts'
import { summarize } from '../../model/task-summary.ts'

export function summaryDocument(task: TaskView, { templateSteps, dlq }: TaskBackground): JsonText {
  const steps = JSON.stringify(task.steps.map(stepSummary))
  const links = JSON.stringify({
    task: `/v1/tasks/${task.taskId}`,
    steps: `/v1/tasks/${task.taskId}/workflow_steps`,
    dlq: '/v1/dlq',
  })
  return `{"task":${taskPart(task)},"template":{"steps":${templateSteps}},"steps":${steps},"dlq":${dlq},"links":${links}}` as JsonText
}

function taskPart(task: TaskView): string {
  const { counts } = task
  const summary = summarize(counts)
  return JSON.stringify({
    task_uuid: task.taskId,
    name: task.name,
    namespace: task.namespace,
    version: task.version,
    status: task.state,
    created_at: task.createdAt,
    updated_at: task.updatedAt,
    completed_at: task.completedAt,
    initiator: task.initiator,
    source_system: task.sourceSystem,
    // Elsewhere Tasker says `unknown`.
    reason: task.reason ?? '',
    correlation_id: task.correlationId,
    total_steps: counts.total,
    pending_steps: counts.pending,
    in_progress_steps: counts.inProgress,
    completed_steps: counts.completed,
    failed_steps: counts.failed,
    completion_percentage: summary.completionPercentage,
    health_status: summary.healthStatus,
    execution_status: summary.executionStatus,
    recommended_action: summary.recommendedAction,
  })
}

function stepSummary(step: StepView): Readonly<Record<string, unknown>> {
  return {
    step_uuid: step.stepId,
    name: step.name,
    current_state: step.state,
    created_at: step.createdAt,
    completed_at: step.completedAt,
    last_attempted_at: step.lastAttemptedAt,
    attempts: step.attempts,
    max_attempts: step.attemptsMax,
    dependencies_satisfied: step.dependenciesSatisfied,
    retry_eligible: step.retryEligible,
    error: step.error === null ? null : errorSummary(step.error),
  }
}

/** Tasker leaves it null by mistake. Only these three are read of the document, and none is a number of the handler's. */
function errorSummary(error: JsonText): Readonly<Record<string, unknown>> {
  const {
    error_type = null,
    retryable = null,
    status_code = null,
  } = Object(JSON.parse(error)) as Record<string, unknown>
  return { error_type, retryable, status_code }
}
