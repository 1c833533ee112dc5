// Moves tasks along their states and enqueues the steps that are ready, with messages and wake-ups, in one statement.

import { HostError } from '../../../model/host-error.ts'
import type { TaskMove, TransitionHistory } from '../../../model/orchestration-store.ts'
import { eventOf, taskMoves } from '../../../model/task-state.ts'
import type { Queryable } from '../../statement.ts'
import { stepEventMetadata } from '../step-event.ts'
import { readyToEnqueue, stepReadiness } from './step-readiness.ts'

const warningCharsMax = 2_000

/** Names what `move-tasks` and `resend-steps` share: messages in, queue and wake-ups out. `outbox` has queue, namespace, message. */
export const sendOutbox = `
audience AS MATERIALIZED (
  SELECT o.queue, o.namespace, array_agg(o.message ORDER BY o.position) AS messages,
         EXISTS (SELECT FROM stephost.workers w
                  WHERE w.declared_dead_at IS NULL AND w.heartbeat_at > now() - interval '15 seconds' AND o.namespace = ANY (w.namespaces)) AS ours
    FROM outbox o GROUP BY o.queue, o.namespace
), batched AS MATERIALIZED (
  SELECT sent.id FROM audience a CROSS JOIN LATERAL pgmq.send_batch(a.queue, a.messages) AS sent(id) WHERE a.ours
), woken AS MATERIALIZED (
  SELECT pg_notify('pgmq_message_ready.' || a.namespace,
                   json_build_object('event_type', 'wake_up', 'queue_name', a.queue, 'namespace', a.namespace)::text)
    FROM audience a WHERE a.ours
), told AS MATERIALIZED (
  SELECT tasker.pgmq_send_with_notify(a.queue, m.message, 0)
    FROM audience a CROSS JOIN LATERAL unnest(a.messages) AS m(message) WHERE NOT a.ours
), sent AS MATERIALIZED (
  SELECT (SELECT count(*) FROM batched) + (SELECT count(*) FROM told) + 0 * (SELECT count(*) FROM woken) AS messages
)`

export interface MoveOptions {
  readonly orchestratorId: string
  readonly history: TransitionHistory
}

/** The tasks must be locked in this transaction. Resolves with the number of steps enqueued. */
export async function moveTasks(
  transaction: Queryable,
  moves: readonly TaskMove[],
  { orchestratorId, history }: MoveOptions,
): Promise<number> {
  const [row] = await transaction.query<{ enqueued: number }>({
    name: 'move-tasks',
    text: moveText,
    values: [
      moves.map((move) => move.taskId),
      moves.map((move) => move.from),
      moves.map((move) => move.path.join(',')),
      moves.map((move) => move.enqueue),
      orchestratorId,
      moves.map((move) => eventsOf(move).join(',')),
      moves.map((move) => warningText(move.warning)),
      history === 'end_states',
      moves.map((move) => move.steps?.join(',') ?? null),
    ],
  })
  return row?.enqueued ?? 0
}

/** A warning that is stored. */
export function warningText(warning: string | null | undefined): string | null {
  return warning?.slice(0, warningCharsMax) ?? null
}

/** One event per move of the walk. Rejects what the table of moves does not have. */
function eventsOf({ taskId, from, path }: TaskMove): readonly string[] {
  return path.map((to, index) => {
    const before = path[index - 1] ?? from
    const event = eventOf(taskMoves, before, to)
    if (event === null)
      throw new HostError('TASK_TRANSITION_INVALID', `No move leads task ${taskId} from ${before} to ${to}`)
    return event
  })
}

// Each part hands all its columns on to the next: a join of two of them would have no index, and a task may have 10,000 steps.
// One message per notification for foreign workers, which handle only what they are told of; one bare wake-up while our own workers serve
// the namespace (design D2). A namespace whose queue is missing would fail the statement for all tasks: its steps stay pending.
// Of a history of end states the row names what it passed. A walk that ends where it began writes none: the time of the last one moves on as
// that of a new row would, because from it everybody tells whether a task is stuck.
const moveText = `
WITH moves AS MATERIALIZED (
  SELECT m.task_uuid, m.from_state, p.path, m.enqueue, m.steps, string_to_array(m.events, ',') AS events, m.warning,
         CASE WHEN $8::bool THEN cardinality(p.path) ELSE 1 END AS first, $8::bool AND p.path[cardinality(p.path)] = m.from_state AS stays
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $6::text[], $7::text[], $9::text[])
           AS m(task_uuid, from_state, path, enqueue, events, warning, steps)
   CROSS JOIN LATERAL (SELECT string_to_array(m.path, ',') AS path) p
), closed AS (
  UPDATE tasker.task_transitions t
     SET most_recent = m.stays, created_at = CASE WHEN m.stays THEN now() ELSE t.created_at END, updated_at = now()
    FROM moves m WHERE t.task_uuid = m.task_uuid AND t.most_recent AND t.to_state = m.from_state
  RETURNING m.*, t.sort_key
), begun AS MATERIALIZED (
  SELECT * FROM closed
   UNION ALL
  SELECT m.*, 0 FROM moves m
   WHERE m.from_state = 'pending' AND NOT EXISTS (SELECT FROM tasker.task_transitions t WHERE t.task_uuid = m.task_uuid AND t.most_recent)
), walked AS (
  INSERT INTO tasker.task_transitions
         (task_uuid, to_state, from_state, processor_uuid, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT b.task_uuid, b.path[p.n], CASE WHEN p.n = b.first THEN b.from_state ELSE b.path[p.n - 1] END, $5::uuid,
         jsonb_strip_nulls(jsonb_build_object('event', b.events[p.n], 'passed', CASE WHEN b.first > 1 THEN b.path[1:b.first - 1] END,
                                              'warning', CASE WHEN b.first > 1 THEN b.warning END)),
         b.sort_key + 1 + p.n - b.first, p.n = cardinality(b.path), now(), now()
    FROM begun b CROSS JOIN LATERAL generate_series(b.first, cardinality(b.path)) AS p(n)
   WHERE NOT b.stays
   ORDER BY b.task_uuid, p.n
), finished AS (
  UPDATE tasker.tasks t SET complete = true, completed_at = now(), updated_at = now()
    FROM begun b WHERE t.task_uuid = b.task_uuid AND b.path[cardinality(b.path)] = 'complete'
), ready AS MATERIALIZED (
  SELECT s.workflow_step_uuid, s.task_uuid, t.correlation_id, ns.name AS namespace, r.transition_uuid, r.sort_key
    FROM begun b
    JOIN tasker.tasks t ON t.task_uuid = b.task_uuid
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
   CROSS JOIN LATERAL (
     SELECT s.* FROM tasker.workflow_steps s WHERE b.steps IS NULL AND s.task_uuid = b.task_uuid
      UNION ALL
     SELECT s.* FROM unnest(string_to_array(b.steps, ',')::uuid[]) AS chosen(step_uuid)
       JOIN tasker.workflow_steps s ON s.workflow_step_uuid = chosen.step_uuid
   ) s
    ${stepReadiness}
   WHERE b.enqueue AND ${readyToEnqueue}
     AND EXISTS (SELECT FROM pgmq.meta q WHERE lower(q.queue_name) = lower('worker_' || ns.name || '_queue'))
   ORDER BY s.workflow_step_uuid
), left_pending AS (
  UPDATE tasker.workflow_step_transitions w SET most_recent = false, updated_at = now()
    FROM ready r WHERE w.workflow_step_transition_uuid = r.transition_uuid AND w.most_recent
  RETURNING r.*
), entering AS MATERIALIZED (
  SELECT * FROM left_pending UNION ALL SELECT * FROM ready WHERE transition_uuid IS NULL
), enqueued AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT e.workflow_step_uuid, 'enqueued', 'pending', ${stepEventMetadata(`'{"type":"Enqueue"}'`, `'from_service', 'stephost_orchestrator'`)},
         e.sort_key + 1, true, now(), now()
    FROM entering e ORDER BY e.workflow_step_uuid
), outbox AS MATERIALIZED (
  SELECT 'worker_' || e.namespace || '_queue' AS queue, e.namespace, e.workflow_step_uuid AS position,
         jsonb_build_object('task_uuid', e.task_uuid, 'step_uuid', e.workflow_step_uuid, 'correlation_id', e.correlation_id) AS message
    FROM entering e
), ${sendOutbox}
SELECT messages::int AS enqueued FROM sent`
