// Finds tasks that are stuck, ends them in `error` and puts them into the dead letter table. Source: orchestration-semantics §8.2.

import type { StaleLimits, StaleTask } from '../../../model/background-store.ts'
import type { TaskId } from '../../../model/ids.ts'
import type { Queryable } from '../../statement.ts'
import { lockTasks } from './task-counts.ts'

interface StaleRow {
  readonly task_uuid: TaskId
  readonly namespace: string
  readonly name: string
  readonly state: string
  readonly in_state_minutes: number
  readonly threshold_minutes: number | null
  readonly age_minutes: number
  readonly entered: boolean
  readonly failed: boolean
}

/**
 * Must run in a transaction. What is found is locked and looked at again under the lock, so a task that moved on meanwhile gets neither
 * entry nor state. In a dry run nothing is locked or written.
 */
export async function staleTasks(
  transaction: Queryable,
  options: StaleLimits & { max: number; dryRun: boolean },
): Promise<readonly StaleTask[]> {
  const limits = [
    options.waitingForDependenciesMinutes,
    options.waitingForRetryMinutes,
    options.stepsInProcessMinutes,
    options.taskLifetimeMaxHours * 60,
    options.max,
  ]
  const found = await transaction.query<StaleRow>({
    name: 'stale-tasks',
    text: `WITH ${stale} SELECT ${answer}, false AS entered, false AS failed FROM stale s ${order}`,
    values: [...limits, null],
  })
  if (options.dryRun || found.length === 0) return found.map(staleTask)
  const taskIds = found.map((row) => row.task_uuid)
  await lockTasks(transaction, taskIds)
  const moved = await transaction.query<StaleRow>({
    name: 'end-stale-tasks',
    text: endText,
    values: [...limits, taskIds],
  })
  return moved.map(staleTask)
}

function staleTask(row: StaleRow): StaleTask {
  return {
    taskId: row.task_uuid,
    namespace: row.namespace,
    name: row.name,
    state: row.state,
    inStateMinutes: row.in_state_minutes,
    thresholdMinutes: row.threshold_minutes,
    ageMinutes: row.age_minutes,
    inDeadLetters: row.entered,
    failed: row.failed,
  }
}

const minutesSince = (time: string) => `floor(extract(epoch FROM now()::timestamp - ${time}) / 60)::int`
/** A limit that is not a whole number is passed over, so that one bad template does not stop the detection for all. */
const ownMinutes = (key: string) =>
  `CASE WHEN pg_input_is_valid(c.lifecycle ->> ${key}, 'integer') THEN (c.lifecycle ->> ${key})::int END`

/** SQL: a worker that lives runs step transition `w`. A minute of grace, because nobody may be there to declare the last worker dead. */
export const heldByLivingWorker = `
(w.to_state = 'in_progress' AND EXISTS (
  SELECT FROM stephost.workers o
   WHERE o.worker_uuid::text = w.metadata ->> 'worker_uuid' AND o.declared_dead_at IS NULL
     AND o.heartbeat_at > clock_timestamp() - interval '60 s'))`

/** A living worker runs a step, or a retry is still to come: the task is slow, not stuck. */
const atWork = `
EXISTS (
  SELECT FROM tasker.workflow_steps step
    JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = step.workflow_step_uuid AND w.most_recent
   WHERE step.task_uuid = c.task_uuid
     AND (${heldByLivingWorker}
          OR (w.to_state = 'waiting_for_retry'
              AND step.last_attempted_at + make_interval(secs => step.backoff_request_seconds) > now()::timestamp)))`

// The limits that a template names hold whatever its tasks do; the general ones, that of the lifetime too, spare those that are at work. In the
// states that an orchestrator passes through, and where only a crash leaves a task, the limit is that of `steps_in_process`. Who redrives a task
// or helps a failed one wants it to run, so both times begin anew then.
const stale = `
candidates AS (
  SELECT k.task_uuid, k.named_task_uuid, k.priority, k.context, k.correlation_id, k.requested_at, k.created_at, ns.name AS namespace, nt.name,
         t.task_transition_uuid, t.to_state AS state, t.sort_key, t.created_at AS since,
         ${minutesSince('greatest(t.created_at, o.reopened_at::timestamp)')} AS in_state_minutes,
         ${minutesSince('greatest(k.created_at, o.reopened_at::timestamp)')} AS open_minutes, ${minutesSince('k.created_at')} AS age_minutes,
         CASE WHEN jsonb_typeof(nt.configuration -> 'lifecycle') = 'object' THEN nt.configuration -> 'lifecycle' END AS lifecycle
    FROM tasker.task_transitions t
    JOIN tasker.tasks k ON k.task_uuid = t.task_uuid AND NOT k.complete
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
    LEFT JOIN stephost.reopened_tasks o ON o.task_uuid = k.task_uuid
   WHERE t.most_recent AND t.to_state NOT IN ('complete', 'error', 'cancelled', 'resolved_manually') AND t.to_state <> 'blocked_by_failures'
     AND ($6::uuid[] IS NULL OR t.task_uuid = ANY ($6::uuid[]))
     AND NOT EXISTS (SELECT FROM tasker.tasks_dlq d WHERE d.task_uuid = k.task_uuid AND d.resolution_status = 'pending')
), measured AS (
  SELECT c.*, ${ownMinutes(`('max_' || c.state || '_minutes')`)} AS own_minutes,
         CASE c.state WHEN 'waiting_for_dependencies' THEN $1::int WHEN 'waiting_for_retry' THEN $2::int WHEN 'pending' THEN NULL
                      ELSE $3::int END AS general_minutes,
         ${ownMinutes(`'max_duration_minutes'`)} AS own_lifetime_minutes,
         (c.lifecycle ->> 'auto_fail_on_timeout') IS DISTINCT FROM 'false' AS fails,
         (c.lifecycle ->> 'auto_dlq_on_timeout') IS DISTINCT FROM 'false' AS enters
    FROM candidates c
), stale AS MATERIALIZED (
  SELECT c.*, coalesce(c.own_minutes, c.general_minutes) AS threshold_minutes, coalesce(c.own_lifetime_minutes, $4::int) AS lifetime_minutes
    FROM measured c
   WHERE (c.fails OR c.enters)
     AND (c.in_state_minutes >= c.own_minutes OR c.open_minutes > c.own_lifetime_minutes
          OR (((c.own_minutes IS NULL AND c.in_state_minutes >= c.general_minutes)
               OR (c.own_lifetime_minutes IS NULL AND c.open_minutes > $4::int)) AND NOT ${atWork}))
   ORDER BY c.since, c.task_uuid
   LIMIT $5::int
)`

const answer = 's.task_uuid, s.namespace, s.name, s.state, s.in_state_minutes, s.threshold_minutes, s.age_minutes'
const order = 'ORDER BY s.since, s.task_uuid'
const snapshotStepsMax = 200

/** What an investigation wants to see of the steps: those that are not done, by name, and no more than it can read. */
const openSteps = `
(SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.step_uuid), '[]')
   FROM (SELECT step.workflow_step_uuid AS step_uuid, n.name, coalesce(w.to_state, 'pending') AS state, coalesce(step.attempts, 0) AS attempts,
                coalesce(step.max_attempts, 3) AS max_attempts, w.created_at AS since, left(step.results -> 'error' ->> 'message', 2000) AS last_error
           FROM tasker.workflow_steps step
           JOIN tasker.named_steps n ON n.named_step_uuid = step.named_step_uuid
           LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = step.workflow_step_uuid AND w.most_recent
          WHERE step.task_uuid = s.task_uuid AND coalesce(w.to_state, 'pending') NOT IN ('complete', 'resolved_manually')
          ORDER BY step.workflow_step_uuid LIMIT ${snapshotStepsMax}) o)`

// The entry's documents have what Tasker's functions write, and more. Steps and their messages stay as they are.
const endText = `
WITH ${stale}, closed AS (
  UPDATE tasker.task_transitions t SET most_recent = false, updated_at = now()
    FROM stale s WHERE s.fails AND t.task_transition_uuid = s.task_transition_uuid AND t.most_recent
  RETURNING t.task_uuid
), failed AS (
  INSERT INTO tasker.task_transitions (task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT s.task_uuid, 'error', s.state,
         jsonb_build_object('event', 'Fail', 'reason', 'staleness_timeout', 'namespace', s.namespace, 'task_name', s.name),
         s.sort_key + 1, true, now(), now()
    FROM stale s JOIN closed c ON c.task_uuid = s.task_uuid
   ORDER BY s.task_uuid
  RETURNING task_uuid
), entered AS (
  INSERT INTO tasker.tasks_dlq (task_uuid, original_state, dlq_reason, task_snapshot, metadata)
  SELECT s.task_uuid, s.state, 'staleness_timeout',
         jsonb_build_object(
           'task_uuid', s.task_uuid, 'named_task_uuid', s.named_task_uuid, 'namespace', s.namespace, 'task_name', s.name,
           'current_state', s.state, 'priority', s.priority, 'context', s.context, 'correlation_id', s.correlation_id,
           'requested_at', s.requested_at, 'created_at', s.created_at, 'open_steps', ${openSteps}),
         jsonb_build_object(
           'detection_method', 'automatic_staleness', 'time_in_state_minutes', s.in_state_minutes,
           'threshold_minutes', s.threshold_minutes, 'task_age_minutes', s.age_minutes, 'open_minutes', s.open_minutes,
           'lifetime_minutes', s.lifetime_minutes)
    FROM stale s
   WHERE s.enters AND (NOT s.fails OR EXISTS (SELECT FROM closed c WHERE c.task_uuid = s.task_uuid))
  ON CONFLICT (task_uuid) WHERE resolution_status = 'pending' DO NOTHING
  RETURNING task_uuid
)
SELECT ${answer}, EXISTS (SELECT FROM entered e WHERE e.task_uuid = s.task_uuid) AS entered,
       EXISTS (SELECT FROM failed f WHERE f.task_uuid = s.task_uuid) AS failed
  FROM stale s ${order}`
