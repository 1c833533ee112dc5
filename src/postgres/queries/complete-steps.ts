// Stores the results of a tick: transition, result, audit and the message to orchestration, in one statement.

import { hostname } from 'node:os'
import type { StepId, WorkerId } from '../../model/ids.ts'
import { emptyObject, nullDocument, toJsonText } from '../../model/json-text.ts'
import type { CompletionAnswer, FinishedStep } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'
import { resultEnvelope } from './result-envelope.ts'
import { stepEventMetadata } from './step-event.ts'

interface AnswerRow {
  step_uuid: StepId
  status: CompletionAnswer['status']
  reason: string | null
}

export interface CompleteStepsOptions {
  readonly workerId: WorkerId
  /** An orchestrator of ours whose heartbeat is younger counts as live. */
  readonly leaseMs: number
  /** False: the messages go another way, after the commit. */
  readonly sends: boolean
}

export async function completeSteps(
  database: Queryable,
  finished: readonly FinishedStep[],
  options: CompleteStepsOptions,
): Promise<readonly CompletionAnswer[]> {
  const rows = await database.query<AnswerRow>({
    name: options.sends ? 'complete-steps' : 'complete-steps-silently',
    text: completeText(options.sends ? sending : notSending),
    values: [...columnsOf(finished), options.workerId, hostname(), ...(options.sends ? [options.leaseMs] : [])],
  })
  return rows.map((row) => ({ stepId: row.step_uuid, status: row.status, reason: row.reason }))
}

/** One array per column. Plain texts lose what PostgreSQL cannot hold; documents are checked by the statement. */
function columnsOf(finished: readonly FinishedStep[]): unknown[][] {
  return [
    finished.map(({ step }) => step.stepId),
    finished.map(({ step }) => step.token),
    finished.map(({ result }) => result.success),
    finished.map(({ result }) => (result.success ? result.result : nullDocument)),
    finished.map(({ result }) => result.metadata),
    finished.map(({ result }) => (result.success ? emptyObject : result.context)),
    finished.map(({ result }) => Math.max(0, Math.round(result.executionTimeMs))),
    finished.map(({ result }) => (result.success ? null : storableText(result.message))),
    finished.map(({ result }) => (result.success ? null : storableText(result.errorType))),
    finished.map(({ result }) => (result.success || result.errorCode === null ? null : storableText(result.errorCode))),
    // SQL readiness asks the step too: retryable on a step that is not would wait for ever (wire-protocol §5.5).
    finished.map(({ step, result }) => !result.success && result.retryable && step.retryable),
    finished.map(({ result }) => (result.success ? null : result.retryAfterS)),
    finished.map(({ result }) => toJsonText(result.success ? [] : result.backtrace.map(storableText))),
    finished.map(({ runtime }) => runtime),
  ]
}

function storableText(text: string): string {
  return text
    .replaceAll('\u0000', '\ufffd')
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
}

interface SendFragment {
  /** What follows `updated`. */
  readonly ctes: string
  /** Asks for the messages, so that the planner may not drop them. */
  readonly count: string
}

const sending: SendFragment = {
  ctes: `), outgoing AS MATERIALIZED (
  SELECT jsonb_build_object('task_uuid', d.task_uuid, 'step_uuid', d.step_uuid, 'correlation_id', d.correlation_id) AS message
    FROM done d JOIN stored n ON n.workflow_step_uuid = d.step_uuid
), listener AS MATERIALIZED (
  SELECT EXISTS (SELECT FROM stephost.orchestrators
                  WHERE heartbeat_at > clock_timestamp() - $17::int * interval '1 ms') AS ours
), sent AS MATERIALIZED (
  SELECT pgmq.send_batch('orchestration_step_results', array_agg(message)) FROM outgoing, listener WHERE ours HAVING count(*) > 0
), woken AS MATERIALIZED (
  SELECT pg_notify('pgmq_message_ready.orchestration', '{"event_type":"wake_up"}') FROM sent LIMIT 1
), told AS MATERIALIZED (
  SELECT tasker.pgmq_send_with_notify('orchestration_step_results', message, 0) FROM outgoing, listener WHERE NOT ours
`,
  count: '(SELECT count(*) FROM woken) + (SELECT count(*) FROM told)',
}

const notSending: SendFragment = { ctes: '', count: '0' }

/**
 * Compare-and-set on the claim's transition: what is no longer ours is refused, and a repeated call finds its own earlier work
 * (`already`) by the claim token in the transition's metadata. The locks are taken first, in step order (design D5).
 * Tasker's server handles only messages that it is told of one by one; ours is woken once per statement (design D2).
 */
const completeText = (send: SendFragment) => `
WITH g AS MATERIALIZED (
  SELECT *, pg_input_is_valid(result, 'jsonb') AND pg_input_is_valid(custom, 'jsonb') AND pg_input_is_valid(context, 'jsonb')
            AND pg_input_is_valid(backtrace, 'jsonb') AS valid
    FROM unnest($1::uuid[], $2::uuid[], $3::bool[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[],
                $10::text[], $11::bool[], $12::bigint[], $13::text[], $14::text[])
      AS given(step_uuid, token, success, result, custom, context, execution_ms, message, error_type,
               error_code, retryable, retry_after_s, backtrace, runtime)
), mine AS MATERIALIZED (
  SELECT t.workflow_step_transition_uuid AS token, t.workflow_step_uuid AS step_uuid, t.sort_key
    FROM g
    JOIN tasker.workflow_step_transitions t ON t.workflow_step_transition_uuid = g.token
   WHERE g.valid AND t.most_recent AND t.to_state = 'in_progress'
   ORDER BY t.workflow_step_uuid
     FOR UPDATE OF t
), done AS MATERIALIZED (
  SELECT m.*, s.task_uuid, k.correlation_id, g.success,
         CASE WHEN g.success THEN 'enqueued_for_orchestration' ELSE 'enqueued_as_error_for_orchestration' END AS to_state,
         ${resultEnvelope({ stepUuid: 'm.step_uuid', workerUuid: '$15::text', hostname: '$16::text' })} AS body
    FROM mine m
    JOIN g ON g.token = m.token
    JOIN tasker.workflow_steps s ON s.workflow_step_uuid = m.step_uuid
    JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
), closed AS (
  UPDATE tasker.workflow_step_transitions t SET most_recent = false, updated_at = now()
    FROM done d WHERE t.workflow_step_transition_uuid = d.token
  RETURNING t.workflow_step_transition_uuid
), stored AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT d.step_uuid, d.to_state, 'in_progress',
         ${stepEventMetadata(
           `jsonb_build_object('type', CASE WHEN d.success THEN 'EnqueueForOrchestration' ELSE 'EnqueueAsErrorForOrchestration' END, 'data', d.body)::text`,
           `'worker_uuid', $15::text, 'correlation_id', d.correlation_id, 'claim_token', d.token`,
         )},
         d.sort_key + 1, true, now(), now()
    FROM done d
    JOIN closed c ON c.workflow_step_transition_uuid = d.token
  RETURNING workflow_step_uuid
), updated AS (
  UPDATE tasker.workflow_steps s SET in_process = false, results = d.body, updated_at = now()
    FROM done d JOIN stored n ON n.workflow_step_uuid = d.step_uuid
   WHERE s.workflow_step_uuid = d.step_uuid
${send.ctes})
SELECT g.step_uuid,
       CASE WHEN NOT g.valid THEN 'invalid'
            WHEN n.workflow_step_uuid IS NOT NULL THEN 'stored'
            WHEN EXISTS (SELECT FROM tasker.workflow_step_transitions t
                          WHERE t.workflow_step_uuid = g.step_uuid AND t.metadata ->> 'claim_token' = g.token::text) THEN 'already'
            ELSE 'refused' END AS status,
       CASE WHEN NOT g.valid THEN (SELECT min(i.message) FROM (VALUES (g.result), (g.custom), (g.context)) AS doc(text),
                                          pg_input_error_info(doc.text, 'jsonb') AS i) END AS reason,
       -- Asked for, so that the planner may not drop the statements behind it.
       notified.messages
  FROM g
  LEFT JOIN stored n ON n.workflow_step_uuid = g.step_uuid
 CROSS JOIN (SELECT ${send.count} AS messages) AS notified`
