// The shapes of the larger documents, for the OpenAPI document. Source: orchestration-semantics §1.2, §6.2, §6.3, §6.6.

import type { Schema } from './route.ts'

const text = { type: 'string' }
const uuid = { type: 'string', format: 'uuid' }
const time = { type: 'string', format: 'date-time' }
const flag = { type: 'boolean' }
const count = { type: 'integer', minimum: 0 }
const json = { description: 'Any JSON' }
const textOrNull = { type: 'string', nullable: true }
const timeOrNull = { ...time, nullable: true }
const naiveTimeOrNull = { type: 'string', nullable: true, description: 'UTC, without a zone' }

function object(properties: Readonly<Record<string, Schema>>, required = Object.keys(properties)): Schema {
  return { type: 'object', properties, required }
}

function list(items: Schema): Schema {
  return { type: 'array', items }
}

export const taskRequestSchema = object(
  {
    ...{ name: text, namespace: text, version: text, context: { type: 'object' } },
    ...{ initiator: text, source_system: text, reason: text, tags: list(text) },
    priority: { type: 'integer', nullable: true },
    correlation_id: { ...uuid, nullable: true },
    parent_correlation_id: { ...uuid, nullable: true },
    idempotency_key: textOrNull,
  },
  ['name', 'namespace', 'version', 'context', 'initiator', 'source_system', 'reason'],
)

const readinessSchema = object({
  ...{ workflow_step_uuid: uuid, task_uuid: uuid, named_step_uuid: uuid, name: text, current_state: text },
  ...{ dependencies_satisfied: flag, retry_eligible: flag, ready_for_execution: flag },
  ...{ last_failure_at: naiveTimeOrNull, next_retry_at: naiveTimeOrNull, last_attempted_at: naiveTimeOrNull },
  ...{ total_parents: count, completed_parents: count, attempts: count, max_attempts: count },
  backoff_request_seconds: { type: 'integer', nullable: true },
})

export const taskSchema = object({
  ...{ task_uuid: uuid, name: text, namespace: text, version: text, status: text },
  ...{ created_at: time, updated_at: time, completed_at: timeOrNull, context: { type: 'object' } },
  ...{ initiator: text, source_system: text, reason: text, priority: { type: 'integer', nullable: true } },
  tags: { ...list(text), nullable: true },
  ...{ correlation_id: uuid, parent_correlation_id: { ...uuid, nullable: true } },
  ...{ total_steps: count, pending_steps: count, in_progress_steps: count, completed_steps: count },
  ...{ failed_steps: count, ready_steps: count, execution_status: text, recommended_action: text },
  completion_percentage: { type: 'number', minimum: 0, maximum: 100 },
  ...{ health_status: text, steps: list(readinessSchema) },
})

export const taskListSchema = object({
  tasks: list(taskSchema),
  pagination: object({
    ...{ page: count, per_page: count, total_count: count, total_pages: count, has_next: flag, has_previous: flag },
  }),
})

export const stepSchema = object({
  ...{ step_uuid: uuid, task_uuid: uuid, name: text, created_at: time, updated_at: time, completed_at: timeOrNull },
  ...{ results: { ...json, nullable: true }, current_state: text, dependencies_satisfied: flag, retry_eligible: flag },
  ...{
    ready_for_execution: flag,
    total_parents: count,
    completed_parents: count,
    attempts: count,
    max_attempts: count,
  },
  ...{ last_failure_at: timeOrNull, next_retry_at: timeOrNull, last_attempted_at: timeOrNull },
})

export const stepListSchema = list(stepSchema)

export const auditListSchema = list(
  object(
    {
      ...{ audit_uuid: uuid, workflow_step_uuid: uuid, transition_uuid: uuid, task_uuid: uuid, recorded_at: time },
      ...{ worker_uuid: uuid, correlation_id: uuid, success: flag, execution_time_ms: count, result: json },
      ...{ step_name: text, from_state: text, to_state: text },
    },
    [
      'audit_uuid',
      'workflow_step_uuid',
      'transition_uuid',
      'task_uuid',
      'recorded_at',
      'success',
      'step_name',
      'to_state',
    ],
  ),
)

export const stepActionSchema: Schema = {
  oneOf: [
    object({ action_type: { type: 'string', enum: ['reset_for_retry'] }, reason: text, reset_by: text }),
    object({ action_type: { type: 'string', enum: ['resolve_manually'] }, reason: text, resolved_by: text }),
    object({
      ...{ action_type: { type: 'string', enum: ['complete_manually'] }, reason: text, completed_by: text },
      completion_data: object({ result: json, metadata: json }, ['result']),
    }),
  ],
}
