// A new task as its view would be read just after it was made, put together from what was written: no statement has to read it again.

import type { CorrelationId, StepId, TaskId } from '../../../model/ids.ts'
import type { JsonText } from '../../../model/json-text.ts'
import type { NewTask, StoredStep } from '../../../model/orchestration-store.ts'
import type { StepView, TaskView } from '../../../model/task.ts'

/** What the database made of it. */
export interface CreatedRow {
  readonly task_uuid: TaskId
  /** Of all rows of the task: RFC 3339 in UTC. */
  readonly created_at: string
  readonly context: JsonText
  readonly tags: JsonText
  readonly correlation_id: CorrelationId
  readonly step_uuids: readonly StepId[]
  readonly named_step_uuids: readonly string[]
}

/** `parents`: of each step, how many it waits for. Plain literals: spreading objects into them took longer than all the rest of a creation here. */
export function newTaskView(
  row: CreatedRow,
  { template, request, steps }: NewTask,
  parents: readonly number[],
): TaskView {
  const enqueued = parents.filter((count) => count === 0).length
  const empty = steps.length === 0
  return {
    taskId: row.task_uuid,
    namespace: template.namespace,
    name: template.name,
    version: template.version,
    state: empty ? 'complete' : 'steps_in_process',
    createdAt: row.created_at,
    updatedAt: row.created_at,
    completedAt: empty ? row.created_at : null,
    context: row.context,
    initiator: request.initiator,
    sourceSystem: request.sourceSystem,
    reason: request.reason,
    priority: request.priority ?? 0,
    tags: row.tags,
    correlationId: row.correlation_id,
    parentCorrelationId: request.parentCorrelationId?.toLowerCase() ?? null,
    counts: {
      total: steps.length,
      pending: steps.length - enqueued,
      inProgress: 0,
      completed: 0,
      failed: 0,
      ready: 0,
      enqueued,
    },
    steps: steps.map((step, index) => newStepView(row, step, index, parents[index] ?? 0)),
  }
}

function newStepView(row: CreatedRow, step: StoredStep, index: number, totalParents: number): StepView {
  const free = totalParents === 0
  return {
    stepId: row.step_uuids[index] ?? ('' as StepId),
    taskId: row.task_uuid,
    namedStepId: row.named_step_uuids[index] ?? '',
    name: step.name,
    callable: step.callable,
    state: free ? 'enqueued' : 'pending',
    createdAt: row.created_at,
    updatedAt: row.created_at,
    completedAt: null,
    startedAt: null,
    finishedAt: null,
    runtime: null,
    results: null,
    result: null,
    error: null,
    dependenciesSatisfied: free,
    retryEligible: true,
    ready: false,
    totalParents,
    completedParents: 0,
    attempts: 0,
    attemptsMax: step.attemptsMax,
    backoffRequestS: null,
    lastFailureAt: null,
    nextRetryAt: null,
    lastAttemptedAt: null,
  }
}
