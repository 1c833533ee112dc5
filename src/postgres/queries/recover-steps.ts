// Declares workers dead whose heartbeat stopped, and takes the steps of dead workers back.

import type { WorkerId } from '../../model/ids.ts'
import type { StepMessage } from '../../model/step-message.ts'
import type { Recovery } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'
import { resultEnvelope } from './result-envelope.ts'
import { stepEventMetadata } from './step-event.ts'
import { type StepMessageRow, stepMessageOf } from './step-message-row.ts'

/** One recoverer at a time, and nobody is judged across a restart of the server (design D1). Call it inside a transaction. */
export async function declareDeadWorkers(database: Queryable, leaseMs: number): Promise<readonly WorkerId[]> {
  const rows = await database.query<{ worker_uuid: WorkerId }>({
    name: 'declare-dead-workers',
    text: `
UPDATE stephost.workers SET declared_dead_at = clock_timestamp()
 WHERE declared_dead_at IS NULL
   AND heartbeat_at < clock_timestamp() - $1::int * interval '1 ms'
   AND pg_postmaster_start_time() < clock_timestamp() - $1::int * interval '1 ms'
RETURNING worker_uuid`,
    values: [leaseMs],
  })
  return rows.map((row) => row.worker_uuid)
}

/** False: another worker recovers right now. Held until the transaction ends. */
export async function tryRecoveryLock(database: Queryable): Promise<boolean> {
  const rows = await database.query<{ locked: boolean }>({
    name: 'try-recovery-lock',
    text: `SELECT pg_try_advisory_xact_lock(hashtext('stephost.recovery')) AS locked`,
  })
  return rows[0]?.locked === true
}

/**
 * Sweeps the steps of every declared worker, so a claim that committed after the declaration is found by a later sweep.
 * The attempt is spent: the handler may have run. Steps of workers that are not ours carry no id of `stephost.workers` and are never touched.
 */
export async function recoverSteps(
  database: Queryable,
  options: { stepsMax: number; sends: boolean },
): Promise<Omit<Recovery, 'declaredDead'> & { readonly messages: readonly StepMessage[] }> {
  const rows = await database.query<StepMessageRow & { again: boolean }>({
    name: options.sends ? 'recover-steps' : 'recover-steps-silently',
    text: recoverText(options.sends),
    values: [options.stepsMax],
  })
  const requeued = rows.filter(({ again }) => again).length
  return { requeued, failed: rows.length - requeued, messages: rows.map(stepMessageOf) }
}

/** Rows of dead workers go after seven days, once no step names them. */
export async function forgetDeadWorkers(database: Queryable): Promise<void> {
  await database.query({
    name: 'forget-dead-workers',
    text: `
DELETE FROM stephost.workers w
 WHERE w.declared_dead_at < clock_timestamp() - interval '7 days'
   AND NOT EXISTS (SELECT FROM tasker.workflow_step_transitions t
                    WHERE t.most_recent AND t.to_state = 'in_progress' AND t.metadata ->> 'worker_uuid' = w.worker_uuid::text)`,
  })
}

/** With `sends` every step moved has its message, else the answer tells which ones are to be sent. */
const recoverText = (sends: boolean) => `
WITH lost AS MATERIALIZED (
  SELECT t.workflow_step_transition_uuid AS token, t.workflow_step_uuid AS step_uuid, t.sort_key, s.task_uuid, w.worker_uuid,
         coalesce(s.attempts, 0) < coalesce(s.max_attempts, 3) AND s.retryable AS again
    FROM tasker.workflow_steps s
    JOIN tasker.workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid
    JOIN stephost.workers w ON w.worker_uuid::text = t.metadata ->> 'worker_uuid'
   WHERE t.most_recent AND t.to_state = 'in_progress' AND w.declared_dead_at IS NOT NULL
   ORDER BY t.workflow_step_uuid
   LIMIT $1::int
     FOR UPDATE OF t SKIP LOCKED
), closed AS (
  UPDATE tasker.workflow_step_transitions t SET most_recent = false, updated_at = now()
    FROM lost l WHERE t.workflow_step_transition_uuid = l.token
  RETURNING l.*
), g AS MATERIALIZED (
  SELECT c.*, k.correlation_id, 'worker_' || ns.name || '_queue' AS queue,
         false AS success, NULL AS result, '{}' AS custom, '{}' AS context, 0::bigint AS execution_ms,
         'worker ' || c.worker_uuid || ' died while it held this step, and no attempt is left' AS message,
         'worker_lost' AS error_type, NULL AS error_code, false AS retryable, NULL AS retry_after_s, '[]'::jsonb AS backtrace,
         NULL AS runtime
    FROM closed c
    JOIN tasker.tasks k ON k.task_uuid = c.task_uuid
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
), judged AS MATERIALIZED (
  SELECT g.*, ${resultEnvelope({ stepUuid: 'g.step_uuid', workerUuid: 'g.worker_uuid::text', hostname: 'NULL' })} AS body FROM g
), moved AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT step_uuid, CASE WHEN again THEN 'enqueued' ELSE 'enqueued_as_error_for_orchestration' END, 'in_progress',
         ${stepEventMetadata(
           `CASE WHEN again THEN '{"type":"Enqueue"}' ELSE jsonb_build_object('type', 'EnqueueAsErrorForOrchestration', 'data', body)::text END`,
           `'recovered_from', worker_uuid, 'correlation_id', correlation_id`,
         )},
         sort_key + 1, true, now(), now()
    FROM judged
  RETURNING workflow_step_uuid
), updated AS (
  UPDATE tasker.workflow_steps s
     SET in_process = false, results = CASE WHEN j.again THEN s.results ELSE j.body END, updated_at = now()
    FROM judged j JOIN moved m ON m.workflow_step_uuid = j.step_uuid
   WHERE s.workflow_step_uuid = j.step_uuid
), outgoing AS MATERIALIZED (
  SELECT j.again, CASE WHEN j.again THEN j.queue ELSE 'orchestration_step_results' END AS queue, j.task_uuid, j.step_uuid, j.correlation_id
    FROM judged j JOIN moved m ON m.workflow_step_uuid = j.step_uuid
)
SELECT o.*${sends ? sent : ''} FROM outgoing o`

const sent = `, tasker.pgmq_send_with_notify(o.queue,
           jsonb_build_object('task_uuid', o.task_uuid, 'step_uuid', o.step_uuid, 'correlation_id', o.correlation_id), 0)`
