// The statement that stores the results of a tick: transition, result, audit and the message to orchestration, and the one that says what became of a result.

import { resultEnvelope } from './result-envelope.ts'
import { nowOnce, stepEventMetadata } from './step-event.ts'

/** Stands between the documents of a column, which come as one text each; JSON has it only as an escape. */
export const documentSeparator = '\u001f'

const documents = (parameter: string) =>
  `string_to_array(${parameter}::text, chr(${documentSeparator.charCodeAt(0)}), '')`

/**
 * How orchestration hears of the results: `messages` are sent with them; `silent`: another way, after the commit; `judged`: this transaction judges
 * them itself, and stores none whose task somebody else holds. That lock is not waited for, so the order of locks (design D5) cannot be wrong.
 */
export type HowToTell = 'messages' | 'silent' | 'judged'

/**
 * Compare-and-set on the claim's transition: what is no longer ours is missing from the answer. The locks are taken first, in step order
 * (design D5). Each part hands its columns on to the next: a join of two of them would have no index. A row that is locked stays in its place, and nobody
 * changes a transition in progress where it is, so it is found again there. Where migration 0011 ran, no trigger makes the audit rows of these results; each bears the
 * uuid of its transition, because another one for each result costs PostgreSQL a call of its generator of random numbers (one result alone keeps the column's default). The event's text is put together around
 * jsonb's own text; nothing of a handler is ever pasted.
 * Tasker's server handles only messages that it is told of one by one; ours is woken once per statement (design D2).
 */
export function completeStatement(how: HowToTell): string {
  const judged = how === 'judged'
  return `
WITH ${judged ? heldTasks : ''}g AS MATERIALIZED (
  SELECT step_uuid, token, task_uuid, correlation_id, result, coalesce(custom, '{}') AS custom, coalesce(context, '{}') AS context, execution_ms,
         runtime, failure IS NULL AS success, failure ->> 'message' AS message, failure ->> 'error_type' AS error_type,
         failure ->> 'error_code' AS error_code, coalesce((failure ->> 'retryable')::bool, false) AS retryable,
         failure ->> 'retry_after_s' AS retry_after_s, failure -> 'backtrace' AS backtrace,
         pg_input_is_valid(coalesce(result, 'null'), 'jsonb') AND (custom IS NULL OR pg_input_is_valid(custom, 'jsonb'))
           AND (context IS NULL OR pg_input_is_valid(context, 'jsonb')) AS valid${
             judged
               ? `,
         ${ofJudged}`
               : ''
           }
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], ${documents('$5')}, ${documents('$6')}, ${documents('$7')}, $8::bigint[], $9::text[], $10::jsonb[]${judged ? ', $13::uuid[], $14::text[]' : ''})
      AS given(step_uuid, token, task_uuid, correlation_id, result, custom, context, execution_ms, runtime, failure${judged ? ', named_task, plain_in' : ''})
), mine AS MATERIALIZED (
  SELECT g.*, t.sort_key, t.ctid AS transition_row
    FROM g
    JOIN tasker.workflow_step_transitions t ON t.workflow_step_transition_uuid = g.token
   WHERE g.valid AND t.most_recent AND t.to_state = 'in_progress'${judged ? ' AND g.held' : ''}
   ORDER BY g.step_uuid
     FOR UPDATE OF t
), closed AS (
  UPDATE tasker.workflow_step_transitions t SET most_recent = false, updated_at = now()
    FROM mine g WHERE t.ctid = g.transition_row
  RETURNING g.step_uuid, g.task_uuid, g.correlation_id, g.token, g.sort_key, g.success, g.execution_ms, uuid_generate_v7() AS transition_uuid,
         ${judged ? 'g.completes' : 'false AS completes'},
         ${resultEnvelope({ stepUuid: 'g.step_uuid', workerUuid: '$11::text', hostname: '$12::text' })} AS body
), stored AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT transition_uuid, step_uuid, CASE WHEN success THEN 'enqueued_for_orchestration' ELSE 'enqueued_as_error_for_orchestration' END, 'in_progress',
         jsonb_build_object(
           'event', CASE WHEN success THEN '{"type": "EnqueueForOrchestration", "data": '
                         ELSE '{"type": "EnqueueAsErrorForOrchestration", "data": ' END || body::text || '}',
           'timestamp', ${nowOnce}, 'worker_uuid', $11::text, 'correlation_id', correlation_id, 'claim_token', token,
           'execution_time_ms', execution_ms, 'audited', true),
         sort_key + 1, NOT completes, now(), now()
    FROM closed${judged ? completion : ''}
), audited AS (
  INSERT INTO tasker.workflow_step_result_audit (
         workflow_step_result_audit_uuid, workflow_step_uuid, workflow_step_transition_uuid, task_uuid, worker_uuid, correlation_id, success,
         execution_time_ms)
  SELECT transition_uuid, step_uuid, transition_uuid, task_uuid, $11::text::uuid, correlation_id, success, execution_ms
    FROM closed WHERE EXISTS (SELECT FROM stephost.migrations WHERE file = '0011_tasker_audit_beside_results.sql')
), updated AS (
  UPDATE tasker.workflow_steps s SET in_process = false, results = c.body, updated_at = now()${judged ? processed : ''}
    FROM closed c WHERE s.workflow_step_uuid = c.step_uuid
${how === 'messages' ? sent : unsent})
SELECT c.step_uuid, 'stored' AS status, NULL AS reason, c.completes FROM closed c, notified
 UNION ALL
SELECT g.step_uuid, 'invalid',
       (SELECT min(i.message) FROM (VALUES (g.result), (g.custom), (g.context)) AS doc(text), pg_input_error_info(doc.text, 'jsonb') AS i), false
  FROM g WHERE NOT g.valid${judged ? ` UNION ALL SELECT g.step_uuid, 'busy', NULL, false FROM g WHERE g.valid AND NOT g.held` : ''}`
}

const heldTasks = `held AS MATERIALIZED (
  SELECT task_uuid FROM tasker.tasks WHERE task_uuid = ANY ($3::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
), `

/** `plain_in`: the version of the template of which somebody knows that a success of the step makes no other steps. */
const ofJudged = `task_uuid IN (SELECT task_uuid FROM held) AS held,
         failure IS NULL AND plain_in IS NOT NULL
           AND plain_in = (SELECT nt.xmin::text FROM tasker.named_tasks nt WHERE nt.named_task_uuid = named_task) AS completes`

/** A success that has no other consequences is judged by its being stored: its second transition and its second change of the step come with the first. */
const completion = `
   UNION ALL
  SELECT uuid_generate_v7(), step_uuid, 'complete', 'enqueued_for_orchestration',
         (SELECT ${stepEventMetadata(`'{"type":"Complete","data":null}'`, `'from_service', 'stephost_orchestrator'`)}), sort_key + 2, true, now(), now()
    FROM closed WHERE completes`
const processed = `,
         processed = s.processed OR c.completes, processed_at = CASE WHEN c.completes THEN now() ELSE s.processed_at END`

/** `notified` is asked for, so that the planner may not drop the statements behind it. */
const sent = `), outgoing AS MATERIALIZED (
  SELECT jsonb_build_object('task_uuid', task_uuid, 'step_uuid', step_uuid, 'correlation_id', correlation_id) AS message FROM closed
), listener AS MATERIALIZED (
  SELECT EXISTS (SELECT FROM stephost.orchestrators
                  WHERE heartbeat_at > clock_timestamp() - $13::int * interval '1 ms') AS ours
), sent AS (
  INSERT INTO pgmq.q_orchestration_step_results (vt, message) SELECT clock_timestamp(), message FROM outgoing, listener WHERE ours
), woken AS MATERIALIZED (
  SELECT pg_notify('pgmq_message_ready.orchestration', '{"event_type":"wake_up"}') FROM listener WHERE ours AND EXISTS (SELECT FROM outgoing)
), told AS MATERIALIZED (
  SELECT tasker.pgmq_send_with_notify('orchestration_step_results', message, 0) FROM outgoing, listener WHERE NOT ours
), notified AS MATERIALIZED (
  SELECT (SELECT count(*) FROM woken) + (SELECT count(*) FROM told) AS messages
`

const unsent = '), notified AS (SELECT 0 AS messages'

/** For the results that were neither stored nor invalid: an earlier try of the same claim left its token in the history of the step. */
export const completedBeforeText = `
SELECT g.step_uuid,
       CASE WHEN EXISTS (SELECT FROM tasker.workflow_step_transitions t
                          WHERE t.workflow_step_uuid = g.step_uuid AND t.metadata ->> 'claim_token' = g.token::text)
            THEN 'already' ELSE 'refused' END AS status,
       NULL AS reason, false AS completes
  FROM unnest($1::uuid[], $2::uuid[]) AS g(step_uuid, token)`
