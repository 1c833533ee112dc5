// A worker in plain SQL that takes all steps of a queue with one statement, and hands all their results in with one.
import type { Queryable } from '../../../src/postgres/statement.ts'
import { namespace } from './plan.ts'

/** Resolves with the ids of the steps that were enqueued and now are in progress. */
export async function claimAll(database: Queryable): Promise<readonly string[]> {
  const rows = await database.query<{ step_uuid: string }>({ name: 'bulk-claim', text: claimText })
  return rows.map((row) => row.step_uuid)
}

/** All of them succeed by one commit, so that their messages become visible in the same instant, in any order. */
export async function completeAll(database: Queryable, stepIds: readonly string[]): Promise<void> {
  await database.query({ name: 'bulk-complete', text: completeText, values: [stepIds] })
}

const claimText = `
WITH taken AS (
  DELETE FROM pgmq.q_worker_${namespace}_queue WHERE vt <= clock_timestamp() RETURNING (message ->> 'step_uuid')::uuid AS step_uuid
), closed AS (
  UPDATE tasker.workflow_step_transitions w SET most_recent = false, updated_at = now()
    FROM (SELECT DISTINCT step_uuid FROM taken) t WHERE w.workflow_step_uuid = t.step_uuid AND w.most_recent AND w.to_state = 'enqueued'
  RETURNING w.workflow_step_uuid AS step_uuid, w.sort_key
), entered AS (
  INSERT INTO tasker.workflow_step_transitions
    (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT step_uuid, 'in_progress', 'enqueued', '{}', sort_key + 1, true, now(), now() FROM closed
)
UPDATE tasker.workflow_steps s
   SET in_process = true, attempts = coalesce(s.attempts, 0) + 1, last_attempted_at = now(), updated_at = now()
  FROM closed c WHERE s.workflow_step_uuid = c.step_uuid
RETURNING s.workflow_step_uuid AS step_uuid`

const completeText = `
WITH closed AS (
  UPDATE tasker.workflow_step_transitions w SET most_recent = false, updated_at = now()
   WHERE w.workflow_step_uuid = ANY ($1::uuid[]) AND w.most_recent AND w.to_state = 'in_progress'
  RETURNING w.workflow_step_uuid AS step_uuid, w.sort_key
), entered AS (
  INSERT INTO tasker.workflow_step_transitions
    (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT step_uuid, 'enqueued_for_orchestration', 'in_progress', '{}', sort_key + 1, true, now(), now() FROM closed
), stored AS (
  UPDATE tasker.workflow_steps s
     SET in_process = false, updated_at = now(), results = jsonb_build_object(
           'step_uuid', s.workflow_step_uuid, 'success', true, 'result', '{}'::jsonb, 'status', 'completed', 'error', NULL,
           'metadata', jsonb_build_object('execution_time_ms', 1, 'retryable', false, 'completed_at', '2026-01-01T00:00:00Z', 'custom', '{}'::jsonb,
                                          'context', jsonb_build_object('runtime', 'ruby')),
           'orchestration_metadata', NULL)
    FROM closed c WHERE s.workflow_step_uuid = c.step_uuid
  RETURNING s.workflow_step_uuid AS step_uuid, s.task_uuid
)
SELECT pgmq.send('orchestration_step_results',
                 jsonb_build_object('task_uuid', task_uuid, 'step_uuid', step_uuid, 'correlation_id', task_uuid))
  FROM (SELECT * FROM stored ORDER BY random()) s`
