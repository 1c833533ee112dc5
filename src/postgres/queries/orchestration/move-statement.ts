// The statement that moves tasks and enqueues steps, made of the parts that a batch of moves needs: each part costs at every start.

import { stepEventMetadata } from '../step-event.ts'
import { sendOutbox, sendToQueue } from './outbox.ts'

/** Steps to enqueue, all of one namespace whose queue is there; null for the name: of any, whether there are queues or not. */
interface EnqueuePart {
  readonly namespace: string | null
}

export interface MoveParts {
  /** Some tasks may have no transition yet. */
  readonly begins: boolean
  /** Some tasks are complete afterwards. */
  readonly completes: boolean
  readonly enqueues: EnqueuePart | null
}

/**
 * Parameters: $1 to $4 are columns of the moves (task, state, path, events; path and events divided by commas), $5 is the orchestrator,
 * $6 says whether only end states are written; with `enqueues`, $7 to $10 are columns of the steps: step, task, correlation, namespace;
 * with one namespace $11 is the worker that is woken without a notification, or null.
 */
export function moveStatement(given: MoveParts): string {
  const { enqueues } = given
  const parts = [...walking(given), ...(enqueues === null ? [] : enqueueing(enqueues.namespace))]
  return `WITH ${parts.join(', ')}
SELECT ${enqueues === null ? '0' : '(SELECT messages FROM sent)'}::int AS enqueued`
}

/** The parts that move the tasks; they end with those that were moved, `begun`. */
export function walking({ begins, completes }: Omit<MoveParts, 'enqueues'>): readonly string[] {
  return [moves, begins ? begun : 'begun AS (SELECT * FROM closed)', walked, ...(completes ? [finished] : [])]
}

function enqueueing(namespace: string | null): readonly string[] {
  const send =
    namespace === null ? sendOutbox : sendToQueue({ namespace, expression: `'${namespace}'::text`, woken: '$11::uuid' })
  return [entering(namespace), enqueued, outbox(namespace), send]
}

// Each part hands all its columns on to the next: a join of two of them would have no index, and a task may have 10,000 steps. Of a history of
// end states the row names what it passed. A walk that ends where it began writes none: the time of the last one moves on as that of a new row
// would, because from it everybody tells whether a task is stuck.
const moves = `moves AS MATERIALIZED (
  SELECT m.task_uuid, m.from_state, p.path, string_to_array(m.events, ',') AS events,
         CASE WHEN $6::bool THEN cardinality(p.path) ELSE 1 END AS first, $6::bool AND p.path[cardinality(p.path)] = m.from_state AS stays
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS m(task_uuid, from_state, path, events)
   CROSS JOIN LATERAL (SELECT string_to_array(m.path, ',') AS path) p
), closed AS (
  UPDATE tasker.task_transitions t
     SET most_recent = m.stays, created_at = CASE WHEN m.stays THEN now() ELSE t.created_at END, updated_at = now()
    FROM moves m WHERE t.task_uuid = m.task_uuid AND t.most_recent AND t.to_state = m.from_state
  RETURNING m.*, t.sort_key
)`

const begun = `begun AS MATERIALIZED (
  SELECT * FROM closed
   UNION ALL
  SELECT m.*, 0 FROM moves m
   WHERE m.from_state = 'pending' AND NOT EXISTS (SELECT FROM tasker.task_transitions t WHERE t.task_uuid = m.task_uuid AND t.most_recent)
)`

const walked = `walked AS (
  INSERT INTO tasker.task_transitions
         (task_uuid, to_state, from_state, processor_uuid, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT b.task_uuid, b.path[p.n], CASE WHEN p.n = b.first THEN b.from_state ELSE b.path[p.n - 1] END, $5::uuid,
         jsonb_build_object('event', b.events[p.n]) || CASE WHEN b.first > 1 THEN jsonb_build_object('passed', b.path[1:b.first - 1]) ELSE '{}' END,
         b.sort_key + 1 + p.n - b.first, p.n = cardinality(b.path), now(), now()
    FROM begun b CROSS JOIN LATERAL generate_series(b.first, cardinality(b.path)) AS p(n)
   WHERE NOT b.stays
   ORDER BY b.task_uuid, p.n
)`

const finished = `finished AS (
  UPDATE tasker.tasks t SET complete = true, completed_at = now(), updated_at = now()
    FROM begun b WHERE t.task_uuid = b.task_uuid AND b.path[cardinality(b.path)] = 'complete'
)`

// A namespace whose queue is missing would fail the statement for all tasks: its steps stay pending.
const queueExists = `AND EXISTS (SELECT FROM pgmq.meta q WHERE lower(q.queue_name) = lower('worker_' || e.namespace || '_queue'))`

/** Takes the steps out of `pending`: `entering`. `IS TRUE` keeps the planner from making a join of it, which would compare all steps with all tasks. */
export const entering = (namespace: string | null) => `ready AS MATERIALIZED (
  SELECT * FROM unnest($7::uuid[], $8::uuid[], $9::uuid[], $10::text[]) AS e(step_uuid, task_uuid, correlation_id, namespace)
   WHERE (e.task_uuid IN (SELECT task_uuid FROM begun)) IS TRUE ${namespace === null ? queueExists : ''}
), left_pending AS (
  UPDATE tasker.workflow_step_transitions w SET most_recent = false, updated_at = now()
    FROM ready r WHERE w.workflow_step_uuid = r.step_uuid AND w.most_recent AND w.to_state = 'pending'
  RETURNING r.*, w.sort_key
), entering AS MATERIALIZED (
  SELECT * FROM left_pending
   UNION ALL
  SELECT r.*, 0 FROM ready r
   WHERE NOT EXISTS (SELECT FROM tasker.workflow_step_transitions w WHERE w.workflow_step_uuid = r.step_uuid AND w.most_recent)
)`

/** Worked out once for all steps of a statement. */
export const enqueueMetadata = `(SELECT ${stepEventMetadata(`'{"type":"Enqueue"}'`, `'from_service', 'stephost_orchestrator'`)})`

const enqueued = `enqueued AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT e.step_uuid, 'enqueued', 'pending', ${enqueueMetadata},
         e.sort_key + 1, true, now(), now()
    FROM entering e ORDER BY e.step_uuid
)`

export const message = `jsonb_build_object('task_uuid', e.task_uuid, 'step_uuid', e.step_uuid, 'correlation_id', e.correlation_id)`

function outbox(namespace: string | null): string {
  const place = namespace === null ? `'worker_' || e.namespace || '_queue' AS queue, e.namespace, ` : ''
  return `outbox AS MATERIALIZED (SELECT ${place}e.step_uuid AS position, ${message} AS message FROM entering e)`
}
