// The documents that a handler gets of its task and step, as PostgreSQL writes them. Source: wire-protocol §4.3.

import { objectText, quoted, uuid, value } from './json-object.ts'

/** SQL for `task.task` of a row `k` of tasks, as JSON text. */
export const taskDocument = objectText({
  task_uuid: uuid('k.task_uuid'),
  named_task_uuid: uuid('k.named_task_uuid'),
  complete: value('k.complete'),
  requested_at: quoted('k.requested_at'),
  initiator: quoted('k.initiator'),
  source_system: quoted('k.source_system'),
  reason: quoted('k.reason'),
  tags: value('k.tags'),
  context: value('k.context'),
  identity_hash: quoted('k.identity_hash'),
  created_at: quoted('k.created_at'),
  updated_at: quoted('k.updated_at'),
  priority: value('k.priority'),
  correlation_id: uuid('k.correlation_id'),
  parent_correlation_id: quoted('k.parent_correlation_id'),
})

/**
 * SQL for `workflow_step` of a row `s` of workflow_steps, as JSON text. Handlers see the values from before the claim (wire-protocol §4.2):
 * not in process, and `attempts` and `lastAttemptedAt` as they were then.
 */
export function stepDocument(given: { name: string; templateStep: string; attempts: string; lastAttemptedAt: string }) {
  return objectText({
    workflow_step_uuid: uuid('s.workflow_step_uuid'),
    task_uuid: uuid('s.task_uuid'),
    named_step_uuid: uuid('s.named_step_uuid'),
    retryable: value('s.retryable'),
    max_attempts: value('s.max_attempts'),
    in_process: value('false'),
    processed: value('s.processed'),
    processed_at: quoted('s.processed_at'),
    attempts: value(given.attempts),
    last_attempted_at: quoted(given.lastAttemptedAt),
    backoff_request_seconds: value('s.backoff_request_seconds'),
    inputs: value('s.inputs'),
    results: value('s.results'),
    created_at: quoted('s.created_at'),
    updated_at: quoted('s.updated_at'),
    checkpoint: value('s.checkpoint'),
    name: quoted(given.name),
    template_step_name: quoted(given.templateStep),
  })
}
