// Declares workers dead whose heartbeat stopped, and takes the steps of dead workers back.

import type { WorkerId } from '../../model/ids.ts'
import type { StepMessage } from '../../model/step-message.ts'
import { deathsUntilAlone } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'
import { forgetEndedClaims, openClaims } from './noted-claims.ts'
import { resultEnvelope } from './result-envelope.ts'
import { stepEventMetadata } from './step-event.ts'
import { type StepMessageRow, stepMessageOf } from './step-message-row.ts'
import { lostWorkers, recoveredFrom } from './workers-lost-with.ts'

/** After the sweeps of one lease a dead worker is looked at again this often: a claim may commit long after the death of its worker. */
const laterLookS = 600

/** SQL: whether the steps of the dead worker in this row of `stephost.workers` are looked for now. */
export function sweepIsDue(row: string): string {
  return `(${row}.swept_at IS NULL OR ${row}.swept_at < clock_timestamp() - interval '${laterLookS} s')`
}

/**
 * Nobody is judged across a restart of the server, nor by a worker whose own heartbeat is late: it may have slept through those of the
 * others (design D1). A heartbeat comes at least twice per lease, so whoever slept for long enough to be wrong is late by half a lease.
 */
export async function declareDeadWorkers(
  database: Queryable,
  { judge, leaseMs }: { judge: WorkerId; leaseMs: number },
): Promise<readonly WorkerId[]> {
  const rows = await database.query<{ worker_uuid: WorkerId }>({
    name: 'declare-dead-workers',
    text: `
UPDATE stephost.workers w SET declared_dead_at = clock_timestamp()
 WHERE w.declared_dead_at IS NULL
   AND w.heartbeat_at < clock_timestamp() - $1::int * interval '1 ms'
   AND pg_postmaster_start_time() < clock_timestamp() - $1::int * interval '1 ms'
   AND EXISTS (SELECT FROM stephost.workers judge
                WHERE judge.worker_uuid = $2::uuid AND judge.declared_dead_at IS NULL
                  AND judge.heartbeat_at > clock_timestamp() - $1::int * interval '0.5 ms')
RETURNING worker_uuid`,
    values: [leaseMs, judge],
  })
  return rows.map((row) => row.worker_uuid)
}

/**
 * False: another worker recovers right now. Held until the transaction ends; the server ends one whose worker says nothing for a lease, for
 * a worker that is paused in its midst would keep all others from recovering its own steps.
 */
export async function tryRecoveryLock(database: Queryable, leaseMs: number): Promise<boolean> {
  const rows = await database.query<{ locked: boolean }>({
    name: 'try-recovery-lock',
    text: `
SELECT pg_try_advisory_xact_lock(hashtext('stephost.recovery')) AS locked,
       set_config('idle_in_transaction_session_timeout', $1::int::text, true)`,
    values: [leaseMs],
  })
  return rows[0]?.locked === true
}

export interface Swept {
  readonly requeued: number
  readonly failed: number
  readonly messages: readonly StepMessage[]
}

/**
 * Takes the steps of dead workers back, `stepsMax` at a time. The attempt is spent: the handler may have run. Steps of workers that are not
 * ours stand in no claim and are never touched. A claim that committed after the declaration is found by a later sweep.
 */
export async function recoverSteps(
  database: Queryable,
  { stepsMax, sends }: { stepsMax: number; sends: boolean },
): Promise<Swept> {
  const rows = await database.query<StepMessageRow & { again: boolean; worker_uuid: WorkerId }>({
    name: sends ? 'recover-steps' : 'recover-steps-silently',
    text: recoverText(sends),
    values: [stepsMax],
  })
  if (rows.length > 0) {
    await database.query({
      name: 'note-found-steps',
      text: 'UPDATE stephost.workers SET last_found_at = clock_timestamp(), swept_at = NULL WHERE worker_uuid = ANY ($1::uuid[])',
      values: [[...new Set(rows.map((row) => row.worker_uuid))]],
    })
  }
  const requeued = rows.filter(({ again }) => again).length
  return { requeued, failed: rows.length - requeued, messages: rows.map(stepMessageOf) }
}

/** The sweep of a dead worker repeats until one whole lease finds nothing. */
export async function noteSweptWorkers(database: Queryable, leaseMs: number): Promise<void> {
  await forgetEndedClaims(database, sweepIsDue('w'))
  await database.query({
    name: 'note-swept-workers',
    text: `
UPDATE stephost.workers w SET swept_at = clock_timestamp()
 WHERE w.declared_dead_at IS NOT NULL AND ${sweepIsDue('w')}
   AND coalesce(w.last_found_at, w.declared_dead_at) < clock_timestamp() - $1::int * interval '1 ms'`,
    values: [leaseMs],
  })
}

/** Rows of dead workers go after seven days, once no claim of theirs is left. */
export async function forgetDeadWorkers(database: Queryable): Promise<void> {
  await database.query({
    name: 'forget-dead-workers',
    text: `
DELETE FROM stephost.workers w
 WHERE w.declared_dead_at < clock_timestamp() - interval '7 days'
   AND NOT EXISTS (SELECT FROM stephost.claims c WHERE c.worker_uuid = w.worker_uuid)`,
  })
}

/** What is known of a step that nobody tries again, for whoever has to find out why. */
const whatIsKnown = `jsonb_build_object(
           'callable', (SELECT d #>> '{handler,callable}'
                          FROM jsonb_array_elements(CASE WHEN jsonb_typeof(nt.configuration -> 'steps') = 'array' THEN nt.configuration -> 'steps' ELSE '[]' END) AS d
                         WHERE d ->> 'name' = c.template_step LIMIT 1),
           'attempts', c.attempts, 'max_attempts', c.max_attempts,
           'workers', ${lostWorkers('c.earlier_workers || c.worker_uuid::text')})`

/** With `sends` every step moved has its message, else the answer tells which ones are to be sent. */
const recoverText = (sends: boolean) => `
WITH lost AS MATERIALIZED (
  SELECT t.workflow_step_transition_uuid AS token, t.workflow_step_uuid AS step_uuid, t.sort_key, s.task_uuid,
         w.worker_uuid, w.host, w.heartbeat_at, coalesce(s.attempts, 0) AS attempts, coalesce(s.max_attempts, 3) AS max_attempts, s.retryable AS may_retry,
         coalesce(s.inputs ->> '__template_step_name', n.name) AS template_step
    FROM ${openClaims}
    JOIN stephost.workers w ON w.worker_uuid = c.worker_uuid
    JOIN tasker.workflow_steps s ON s.workflow_step_uuid = t.workflow_step_uuid
    JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
   WHERE w.declared_dead_at IS NOT NULL AND ${sweepIsDue('w')}
   ORDER BY t.workflow_step_uuid
   LIMIT $1::int
     FOR UPDATE OF t SKIP LOCKED
), weighed AS MATERIALIZED (
  SELECT l.*, e.recoveries, e.workers AS earlier_workers,
         l.attempts < l.max_attempts AND l.may_retry AND e.recoveries < ${deathsUntilAlone} AS again
    FROM lost l CROSS JOIN LATERAL (${recoveredFrom('l.step_uuid')}) AS e
), closed AS (
  UPDATE tasker.workflow_step_transitions t SET most_recent = false, updated_at = now()
    FROM weighed l WHERE t.workflow_step_transition_uuid = l.token
  RETURNING l.*
), g AS MATERIALIZED (
  SELECT c.*, k.correlation_id, 'worker_' || ns.name || '_queue' AS queue,
         false AS success, NULL AS result, '{}' AS custom, 0::bigint AS execution_ms,
         CASE WHEN c.again THEN '{}' ELSE ${whatIsKnown}::text END AS context,
         format('worker %s on %s died while it held this step (attempt %s of %s), and %s', c.worker_uuid, c.host, c.attempts, c.max_attempts,
                CASE WHEN c.recoveries >= ${deathsUntilAlone} THEN format('so did %s workers before it: the step may be what ends them', c.recoveries)
                     WHEN NOT c.may_retry THEN 'the step is not retryable'
                     ELSE 'no attempt is left' END) AS message,
         'worker_lost' AS error_type, NULL AS error_code, false AS retryable, NULL AS retry_after_s, '[]'::jsonb AS backtrace,
         NULL AS runtime
    FROM closed c
    JOIN tasker.tasks k ON k.task_uuid = c.task_uuid
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
), judged AS MATERIALIZED (
  SELECT g.*, ${resultEnvelope({ stepUuid: 'g.step_uuid', workerUuid: 'g.worker_uuid::text', hostname: 'g.host' })} AS body FROM g
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
  SELECT j.again, j.worker_uuid, CASE WHEN j.again THEN j.queue ELSE 'orchestration_step_results' END AS queue, j.task_uuid, j.step_uuid, j.correlation_id
    FROM judged j JOIN moved m ON m.workflow_step_uuid = j.step_uuid
)
SELECT o.*${sends ? sent : ''} FROM outgoing o`

const sent = `, tasker.pgmq_send_with_notify(o.queue,
           jsonb_build_object('task_uuid', o.task_uuid, 'step_uuid', o.step_uuid, 'correlation_id', o.correlation_id), 0)`
