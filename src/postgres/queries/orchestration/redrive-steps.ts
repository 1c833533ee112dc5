// Lets the steps of a task run again that have not succeeded, for whoever takes it from the dead letters.

import type { TaskId } from '../../../model/ids.ts'
import type { DlqResolution } from '../../../model/orchestration-reads.ts'
import type { RedriveOptions } from '../../../model/orchestration-store.ts'
import { takenBackChannel } from '../../../model/wake-ups.ts'
import type { Queryable } from '../../statement.ts'
import { closesWhatWaits, stepEventMetadata } from '../step-event.ts'
import { sendOutbox } from './outbox.ts'
import { noteReopened } from './reopened-tasks.ts'
import { heldByLivingWorker } from './stale-tasks.ts'

/** null: there is no such entry. */
export async function deadLetter(
  transaction: Queryable,
  entryId: string,
): Promise<{ readonly taskId: TaskId; readonly resolution: DlqResolution } | null> {
  const [row] = await transaction.query<{ task_uuid: TaskId; resolution: DlqResolution }>({
    name: 'dead-letter',
    text: 'SELECT task_uuid, resolution_status AS resolution FROM tasker.tasks_dlq WHERE dlq_entry_uuid = $1::uuid',
    values: [entryId],
  })
  return row === undefined ? null : { taskId: row.task_uuid, resolution: row.resolution }
}

/** The task must be locked in this transaction. Resolves with the number of steps that moved or got a new message. */
export async function redriveSteps(
  transaction: Queryable,
  { taskId, entryId, operator }: RedriveOptions,
): Promise<number> {
  const [row] = await transaction.query<{ steps: number }>({
    name: 'redrive-steps',
    text: redriveText,
    values: [taskId, entryId, operator],
  })
  return row?.steps ?? 0
}

// A step whose worker is gone goes back to its queue; one that lies there already gets a second message, because the first may be lost and
// duplicates are harmless. All others become pending, and those that are ready are enqueued when the task moves.
const redriveText = `
WITH held AS MATERIALIZED (
  SELECT s.workflow_step_uuid AS step_uuid, w.workflow_step_transition_uuid AS transition_uuid, w.to_state AS state, w.sort_key
    FROM tasker.workflow_steps s
    JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid
   WHERE s.task_uuid = $1::uuid AND w.most_recent
     AND (w.to_state IN ('error', 'cancelled', 'waiting_for_retry', 'enqueued') OR (w.to_state = 'in_progress' AND NOT ${heldByLivingWorker}))
   ORDER BY s.workflow_step_uuid
     FOR UPDATE OF w
), closed AS (
  UPDATE tasker.workflow_step_transitions w SET ${closesWhatWaits}
    FROM held h WHERE w.workflow_step_transition_uuid = h.transition_uuid AND h.state <> 'enqueued'
  RETURNING h.step_uuid, h.state, h.sort_key
), entered AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT c.step_uuid, CASE c.state WHEN 'in_progress' THEN 'enqueued' ELSE 'pending' END, c.state,
         ${stepEventMetadata(
           `jsonb_build_object('type', CASE c.state WHEN 'in_progress' THEN 'Enqueue' WHEN 'waiting_for_retry' THEN 'Retry' ELSE 'ResetForRetry' END)::text`,
           `'from_service', 'stephost_orchestrator', 'operator', $3::text, 'reason', 'redriven from the dead letters', 'dlq_entry_uuid', $2::text`,
         )},
         c.sort_key + 1, true, now(), now()
    FROM closed c ORDER BY c.step_uuid
  RETURNING workflow_step_uuid, workflow_step_transition_uuid, from_state
), audited AS (
  INSERT INTO tasker.workflow_step_result_audit
         (workflow_step_uuid, workflow_step_transition_uuid, task_uuid, correlation_id, success)
  SELECT e.workflow_step_uuid, e.workflow_step_transition_uuid, t.task_uuid, t.correlation_id, false
    FROM entered e JOIN tasker.tasks t ON t.task_uuid = $1::uuid
   WHERE e.from_state IN ('error', 'cancelled')
), given_back AS (
  UPDATE tasker.workflow_steps s
     SET attempts = 0, in_process = false, processed = false, processed_at = NULL, backoff_request_seconds = NULL, last_attempted_at = NULL,
         updated_at = now()
   WHERE s.task_uuid = $1::uuid
     AND (s.workflow_step_uuid IN (SELECT step_uuid FROM held)
          OR (s.attempts > 0 AND EXISTS (SELECT FROM tasker.workflow_step_transitions w
                                          WHERE w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent AND w.to_state = 'pending')))
), reopened AS (${noteReopened('SELECT $1::uuid AS task_uuid')}
), told_workers AS MATERIALIZED (
  SELECT pg_notify('${takenBackChannel}', '') FROM held WHERE state = 'in_progress' LIMIT 1
), outbox AS MATERIALIZED (
  SELECT 'worker_' || ns.name || '_queue' AS queue, ns.name AS namespace, h.step_uuid AS position,
         jsonb_build_object('task_uuid', t.task_uuid, 'step_uuid', h.step_uuid, 'correlation_id', t.correlation_id) AS message
    FROM held h
    JOIN tasker.tasks t ON t.task_uuid = $1::uuid
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
   WHERE h.state IN ('enqueued', 'in_progress')
     AND EXISTS (SELECT FROM pgmq.meta q WHERE lower(q.queue_name) = lower('worker_' || ns.name || '_queue'))
), ${sendOutbox}
SELECT (SELECT count(*) FROM held)::int + 0 * (SELECT messages FROM sent)::int + 0 * (SELECT count(*) FROM told_workers)::int AS steps`
