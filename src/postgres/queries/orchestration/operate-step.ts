// Does to one step what an operator wants, and writes down who and why.

import type { TaskId } from '../../../model/ids.ts'
import type { StepOperation } from '../../../model/orchestration-store.ts'
import type { StepState } from '../../../model/task-state.ts'
import { takenBackChannel } from '../../../model/wake-ups.ts'
import type { Queryable } from '../../statement.ts'
import { closesWhatWaits, nowOnce, stepEventMetadata } from '../step-event.ts'
import { noteReopened } from './reopened-tasks.ts'

const uuidPattern = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** null: the task has no such step. */
export async function stepState(
  transaction: Queryable,
  { taskId, stepId }: { taskId: TaskId; stepId: string },
): Promise<StepState | null> {
  if (!uuidPattern.test(stepId)) return null
  const [row] = await transaction.query<{ state: StepState }>({
    name: 'step-state',
    text: `
SELECT coalesce(w.to_state, 'pending') AS state
  FROM tasker.workflow_steps s
  LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
 WHERE s.workflow_step_uuid = $2::uuid AND s.task_uuid = $1::uuid`,
    values: [taskId, stepId],
  })
  return row?.state ?? null
}

/** The task must be locked in this transaction. `problem`: the database cannot hold a document, and nothing happened. */
export async function operateStep(
  transaction: Queryable,
  operation: StepOperation,
): Promise<{ readonly moved: boolean; readonly problem: string | null }> {
  const { stepId, from, to, event, operator, reason, completion } = operation
  const [row] = await transaction.query<{ moved: boolean; problem: string | null }>({
    name: 'operate-step',
    text: operateText,
    values: [
      ...[stepId, from, to, event, operator, reason],
      ...[completion !== null, completion?.result ?? null, completion?.metadata ?? null],
    ],
  })
  return { moved: row?.moved ?? false, problem: row?.problem ?? null }
}

/** Its task had failed; on a task that runs an operator only lends a hand. */
const takenUp = `
SELECT h.task_uuid
  FROM entered e
  JOIN held h ON h.step_uuid = e.workflow_step_uuid
  JOIN tasker.task_transitions t ON t.task_uuid = h.task_uuid AND t.most_recent
 WHERE t.to_state IN ('error', 'blocked_by_failures')`

// A reset gives the attempts back and forgets the wait; what the step left behind stays to be read. The audit has a row for each of these
// actions, beside those of results, with the transition that says who and why. Source of the envelope: orchestration-semantics §2.11.
const operateText = `
WITH given AS MATERIALIZED (
  SELECT $1::uuid AS step_uuid, $8::text AS result, $9::text AS metadata,
         (SELECT concat_ws(': ', i.message, i.detail)
            FROM (VALUES ($8::text), ($9::text)) AS doc(text), pg_input_error_info(doc.text, 'jsonb') i
           WHERE i.message IS NOT NULL LIMIT 1) AS problem
), held AS MATERIALIZED (
  SELECT g.step_uuid, g.result, g.metadata, s.task_uuid, w.workflow_step_transition_uuid AS transition_uuid, coalesce(w.sort_key, 0) AS sort_key
    FROM given g
    JOIN tasker.workflow_steps s ON s.workflow_step_uuid = g.step_uuid
    LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = g.step_uuid AND w.most_recent
   WHERE g.problem IS NULL AND coalesce(w.to_state, 'pending') = $2::text
), locked AS MATERIALIZED (
  SELECT w.workflow_step_transition_uuid AS transition_uuid
    FROM held h JOIN tasker.workflow_step_transitions w ON w.workflow_step_transition_uuid = h.transition_uuid
   WHERE w.most_recent FOR UPDATE OF w
), closed AS (
  UPDATE tasker.workflow_step_transitions w SET ${closesWhatWaits}
    FROM locked l WHERE w.workflow_step_transition_uuid = l.transition_uuid
  RETURNING w.workflow_step_transition_uuid AS transition_uuid
), entered AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT h.step_uuid, $3::text, $2::text,
         ${stepEventMetadata(`jsonb_build_object('type', $4::text)::text`, `'from_service', 'stephost_orchestrator', 'operator', $5::text, 'reason', $6::text`)},
         h.sort_key + 1, true, now(), now()
    FROM held h LEFT JOIN closed c USING (transition_uuid)
   WHERE h.transition_uuid IS NULL OR c.transition_uuid IS NOT NULL
  RETURNING workflow_step_uuid, workflow_step_transition_uuid
), audited AS (
  INSERT INTO tasker.workflow_step_result_audit
         (workflow_step_uuid, workflow_step_transition_uuid, task_uuid, correlation_id, success)
  SELECT e.workflow_step_uuid, e.workflow_step_transition_uuid, t.task_uuid, t.correlation_id, $4::text <> 'ResetForRetry'
    FROM entered e JOIN held h ON h.step_uuid = e.workflow_step_uuid JOIN tasker.tasks t ON t.task_uuid = h.task_uuid
), updated AS (
  UPDATE tasker.workflow_steps s
     SET in_process = false,
         processed = $4::text <> 'ResetForRetry',
         processed_at = CASE WHEN $4::text <> 'ResetForRetry' THEN now() END,
         attempts = CASE WHEN $4::text = 'ResetForRetry' THEN 0 ELSE s.attempts END,
         backoff_request_seconds = CASE WHEN $4::text <> 'ResetForRetry' THEN s.backoff_request_seconds END,
         last_attempted_at = CASE WHEN $4::text <> 'ResetForRetry' THEN s.last_attempted_at END,
         results = CASE WHEN $7::bool THEN jsonb_build_object(
           'step_uuid', h.step_uuid, 'success', true, 'status', 'completed', 'result', h.result::jsonb, 'error', NULL,
           'orchestration_metadata', NULL,
           'metadata', jsonb_build_object(
             'execution_time_ms', 0, 'handler_version', NULL, 'retryable', false, 'completed_at', ${nowOnce}, 'worker_id', 'operator',
             'worker_hostname', NULL, 'started_at', NULL, 'error_code', NULL, 'error_type', NULL, 'context', '{}'::jsonb,
             'custom', CASE WHEN h.metadata IS NULL THEN '{}'::jsonb WHEN jsonb_typeof(h.metadata::jsonb) = 'object' THEN h.metadata::jsonb
                            ELSE jsonb_build_object('operator_metadata', h.metadata::jsonb) END
               || jsonb_build_object('manually_completed', true, 'completed_by', $5::text, 'completion_reason', $6::text)))
           ELSE s.results END,
         updated_at = now()
    FROM entered e JOIN held h ON h.step_uuid = e.workflow_step_uuid
   WHERE s.workflow_step_uuid = e.workflow_step_uuid
  RETURNING s.workflow_step_uuid
), reopened AS (${noteReopened(takenUp)}
), told AS MATERIALIZED (
  SELECT pg_notify('${takenBackChannel}', '') FROM entered WHERE $2::text = 'in_progress'
)
SELECT (SELECT count(*) FROM updated) > 0 * (SELECT count(*) FROM told) AS moved, g.problem FROM given g`
