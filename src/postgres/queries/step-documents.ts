// The documents that a handler gets of its task and step, as PostgreSQL writes them. Source: wire-protocol §4.3.

/** SQL for `task.task` of a row `k` of tasks, as JSON text. */
export const taskDocument = `(SELECT row_to_json(d) FROM (SELECT
         k.task_uuid, k.named_task_uuid, k.complete, k.requested_at, k.initiator, k.source_system, k.reason, k.tags, k.context,
         k.identity_hash, k.created_at, k.updated_at, k.priority, k.correlation_id, k.parent_correlation_id) AS d)`

/**
 * SQL for `workflow_step` of a row `s` of workflow_steps, as JSON text. Handlers see the values from before the claim (wire-protocol §4.2):
 * not in process, and `attempts` and `lastAttemptedAt` as they were then.
 */
export function stepDocument(given: { name: string; templateStep: string; attempts: string; lastAttemptedAt: string }) {
  return `(SELECT row_to_json(d) FROM (SELECT
         s.workflow_step_uuid, s.task_uuid, s.named_step_uuid, s.retryable, s.max_attempts, false AS in_process, s.processed, s.processed_at,
         ${given.attempts} AS attempts, ${given.lastAttemptedAt} AS last_attempted_at, s.backoff_request_seconds, s.inputs, s.results,
         s.created_at, s.updated_at, s.checkpoint, ${given.name} AS name, ${given.templateStep} AS template_step_name) AS d)`
}
