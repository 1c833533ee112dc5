// Takes result messages from their queue for good and names the step and task of each; what is malformed is set aside.

import type { StepId, TaskId } from '../../../model/ids.ts'
import type { ResultMessages } from '../../../model/orchestration-store.ts'
import { resultQueue } from '../../../model/step-message.ts'
import type { Queryable } from '../../statement.ts'

interface TakenRow {
  readonly msg_id: string
  readonly step_uuid: StepId | null
  readonly task_uuid: TaskId | null
}

/**
 * Must run in a transaction: the messages are archived in it, so a rollback brings them back at once. Rows locked by another orchestrator
 * are skipped.
 */
export async function takeResults(
  transaction: Queryable,
  options: { max: number; only: readonly string[] | null },
): Promise<ResultMessages> {
  const rows = await transaction.query<TakenRow>({
    name: 'take-results',
    text: takeText,
    values: [options.max, options.only],
  })
  const results = rows.flatMap(({ msg_id, step_uuid, task_uuid }) =>
    step_uuid === null || task_uuid === null ? [] : [{ messageId: msg_id, stepId: step_uuid, taskId: task_uuid }],
  )
  return { taken: rows.length, rejected: rows.length - results.length, results }
}

/** Archives one message and keeps it with its reason. */
export async function rejectResult(database: Queryable, messageId: string, reason: string): Promise<void> {
  await database.query({
    name: 'reject-result',
    text: `
WITH kept AS (
  INSERT INTO stephost.rejected_messages (queue_name, msg_id, message, reason, rejected_at)
  SELECT '${resultQueue}', q.msg_id, q.message, $2::text, now()
    FROM pgmq.q_${resultQueue} q WHERE q.msg_id = $1::bigint
)
SELECT pgmq.archive('${resultQueue}', $1::bigint)`,
    values: [messageId, reason.slice(0, 2_000)],
  })
}

// Nothing here may raise on what a message holds: ids are tested before they are cast. A result for a step that exists but waits for none is
// no error: messages may come twice. pgmq's own function would have PostgreSQL parse and plan a statement at every call.
const takeText = `
WITH taken AS MATERIALIZED (
  SELECT q.msg_id, q.message, q.ctid AS message_row
    FROM pgmq.q_${resultQueue} q
   WHERE q.vt <= clock_timestamp() AND ($2::bigint[] IS NULL OR q.msg_id = ANY ($2::bigint[]))
   ORDER BY q.msg_id
   LIMIT $1::int
     FOR UPDATE SKIP LOCKED
), named AS MATERIALIZED (
  SELECT t.msg_id, t.message,
         CASE WHEN pg_input_is_valid(t.message ->> 'step_uuid', 'uuid') THEN (t.message ->> 'step_uuid')::uuid END AS step_uuid
    FROM taken t
), known AS MATERIALIZED (
  SELECT n.msg_id, n.message, n.step_uuid, s.task_uuid
    FROM named n LEFT JOIN tasker.workflow_steps s ON s.workflow_step_uuid = n.step_uuid
), consumed AS (
  DELETE FROM pgmq.q_${resultQueue} q USING taken t WHERE q.ctid = t.message_row AND q.msg_id = t.msg_id
  RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers
), archived AS (
  INSERT INTO pgmq.a_${resultQueue} (msg_id, read_ct, enqueued_at, vt, message, headers)
  SELECT msg_id, read_ct, enqueued_at, vt, message, headers FROM consumed
), rejected AS (
  INSERT INTO stephost.rejected_messages (queue_name, msg_id, message, reason, rejected_at)
  SELECT '${resultQueue}', k.msg_id, k.message,
         CASE WHEN k.step_uuid IS NULL THEN 'the message has no step_uuid that is a UUID' ELSE 'there is no step with this id' END, now()
    FROM known k WHERE k.task_uuid IS NULL
)
SELECT k.msg_id, k.step_uuid, k.task_uuid
  FROM known k
 ORDER BY k.msg_id`
