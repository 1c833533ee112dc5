// The statement that makes tasks: each with its steps, edges, transitions and the messages of the steps that wait for nothing.

import type { TransitionHistory } from '../../../model/orchestration-store.ts'
import { eventOf, type TaskState, taskMoves } from '../../../model/task-state.ts'
import { highestFirst } from './load-template.ts'
import { enqueueMetadata } from './move-statement.ts'
import { sendToQueue } from './outbox.ts'
import { rfc3339 } from './step-readiness.ts'

/** The way of a new task to where its steps are under way; one without steps has nothing to do. */
const startPaths = {
  true: ['pending', 'initializing', 'enqueuing_steps', 'steps_in_process'],
  false: ['pending', 'initializing', 'complete'],
} as const satisfies Record<string, readonly TaskState[]>
const initial = `{"initial_state":"pending","from_service":"task_initializer"}`

/** One transition of a new task, as values of SQL: has steps, sort key, from, to, metadata, ours, the first, the last. */
function walkRows(hasSteps: boolean, history: TransitionHistory): readonly string[] {
  const path = startPaths[`${hasSteps}`]
  const moves = path.slice(1).map((to, index) => {
    const from = path[index] ?? 'pending'
    return { from, to, event: eventOf<TaskState>(taskMoves, from, to) }
  })
  const row = (sort: number, from: string | null, to: string, metadata: string, first: boolean, last: boolean) =>
    `(${hasSteps}, ${sort}, ${from === null ? 'NULL' : `'${from}'`}, '${to}', '${metadata}'::jsonb, ${from !== null}, ${first}, ${last})`
  if (history === 'full') {
    const walked = moves.map(({ from, to, event }, index) =>
      row(index + 2, from, to, JSON.stringify({ event }), false, index === moves.length - 1),
    )
    return [row(1, null, 'pending', initial, true, false), ...walked]
  }
  const [end] = moves.slice(-1)
  if (end === undefined) return []
  return [row(1, 'pending', end.to, JSON.stringify({ event: end.event, passed: path.slice(1, -1) }), true, true)]
}

/** The transitions of a step that waits for others, and of one that does not: root, sort key, from, to, metadata, the last. */
function entryRows(history: TransitionHistory): readonly string[] {
  const full = history === 'full'
  const pending = (root: boolean) => `(${root}, 1, NULL, 'pending', '${initial}'::jsonb, ${!root})`
  const enqueued = `(true, ${full ? 2 : 1}, 'pending', 'enqueued', ${enqueueMetadata}, true)`
  return full ? [pending(false), pending(true), enqueued] : [enqueued]
}

/**
 * $1 the namespace of all tasks; $2–$4 their kinds, each one revision of a template, which is compared where it is given, and `latest` where
 * it must be of the highest version too; $5–$11 the steps and $12–$14 the edges of the kinds, by their places there from 1 on; $15–$28 the
 * tasks; $29 the orchestrator.
 *
 * A kind whose template has changed makes no task, and unknown names of steps no task at all: the answer says so. The materialized rows keep
 * the planner from casting a parameter while it plans, which would raise before the test is asked. Identities are inserted in their order, so
 * that two creations of the same tasks cannot wait for each other in a ring. Each task brings the ids of its steps as an array, and what was
 * made is asked of a hash: with plans that use keys alone any join would compare all with all. Foreign workers get one notification per
 * message, because they handle only what they are told of; ours one wake-up for all (design D2).
 */
export function createStatement(namespace: string, history: TransitionHistory): string {
  return `
WITH ${decide}), ${write(history)}), ${outbox}, ${sendToQueue({ namespace, expression: '$1::text', woken: 'NULL' })}
SELECT d.problem, d.current, d.names_known, n.messages, made.*
  FROM decided d CROSS JOIN sent n
  LEFT JOIN LATERAL (
    SELECT d.task_uuid, ${rfc3339('now()')} AS created_at, d.document AS context, d.tags::jsonb AS tags, d.correlation_id, d.step_uuids,
           ARRAY(SELECT o.named_step_uuid FROM outline o WHERE o.kind = d.kind ORDER BY o.place) AS named_step_uuids
  ) made ON d.made
 ORDER BY d.place`
}

/** Which tasks there can be, and their own rows. */
const decide = `
kinds AS MATERIALIZED (
  SELECT array_agg(g.revision IS NULL OR EXISTS (
           SELECT FROM tasker.named_tasks t JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = t.task_namespace_uuid
            WHERE t.named_task_uuid = g.named_task AND t.xmin::text = g.revision AND ns.name = $1::text
              AND (NOT g.latest OR t.named_task_uuid = (
                SELECT nt.named_task_uuid FROM tasker.named_tasks nt
                 WHERE nt.task_namespace_uuid = t.task_namespace_uuid AND nt.name = t.name ORDER BY ${highestFirst} LIMIT 1))
         ) ORDER BY g.place) AS current
    FROM unnest($2::uuid[], $3::text[], $4::bool[]) WITH ORDINALITY AS g(named_task, revision, latest, place)
), outline AS MATERIALIZED (
  SELECT g.kind, g.place, n.named_step_uuid, g.retryable, g.attempts_max, g.inputs::jsonb AS inputs, g.root
    FROM unnest($5::int[], $6::int[], $7::text[], $8::bool[], $9::int[], $10::text[], $11::bool[])
           AS g(kind, place, name, retryable, attempts_max, inputs, root)
    LEFT JOIN tasker.named_steps n ON n.name = g.name
), names AS MATERIALIZED (
  SELECT NOT EXISTS (SELECT FROM outline WHERE named_step_uuid IS NULL) AS known
), given AS MATERIALIZED (
  SELECT uuidv7() AS task_uuid, ARRAY(SELECT uuidv7() FROM generate_series(1, g.steps)) AS step_uuids, g.*,
         k.current[g.kind] AS current, n.known AS names_known
    FROM kinds k, names n,
         unnest($15::int[], $16::uuid[], $17::int[], $18::text[], $19::bool[], $20::text[], $21::text[], $22::text[], $23::text[], $24::int[],
                $25::uuid[], $26::uuid[], $27::text[], $28::text[])
         WITH ORDINALITY AS g(kind, named_task, steps, context, fresh, initiator, source_system, reason, tags, priority,
                              correlation, parent_correlation, key, warning, place)
), checked AS MATERIALIZED (
  SELECT g.*, coalesce(g.correlation, uuidv7()) AS correlation_id,
         CASE WHEN pg_input_is_valid(g.context, 'jsonb') THEN g.context::jsonb END AS document,
         CASE WHEN NOT pg_input_is_valid(g.context, 'jsonb')
              THEN (SELECT concat_ws(': ', i.message, i.detail) FROM pg_input_error_info(g.context, 'jsonb') i) END AS problem
    FROM given g
), identified AS MATERIALIZED (
  SELECT c.*, encode(sha256(convert_to(CASE WHEN c.fresh THEN gen_random_uuid()::text WHEN c.key IS NOT NULL THEN c.named_task || ':key:' || c.key
                                            ELSE c.named_task || ':' || c.document::text END, 'UTF8')), 'hex') AS identity
    FROM checked c WHERE c.problem IS NULL AND c.current AND c.names_known
), inserted AS (
  INSERT INTO tasker.tasks
         (task_uuid, named_task_uuid, complete, completed_at, requested_at, initiator, source_system, reason, tags, context, identity_hash,
          priority, correlation_id, parent_correlation_id, created_at, updated_at)
  SELECT i.task_uuid, i.named_task, i.steps = 0, CASE WHEN i.steps = 0 THEN now() END, now(), i.initiator, i.source_system, i.reason,
         i.tags::jsonb, i.document, i.identity, i.priority, i.correlation_id, i.parent_correlation, now(), now()
    FROM identified i ORDER BY i.identity, i.place
  ON CONFLICT (identity_hash) DO NOTHING
  RETURNING task_uuid
), decided AS MATERIALIZED (
  SELECT c.task_uuid, c.step_uuids, c.kind, c.steps, c.place, c.correlation_id, c.warning, c.document, c.tags, c.problem, c.current, c.names_known,
         c.task_uuid IN (SELECT task_uuid FROM inserted) AS made
    FROM checked c`

const write = (history: TransitionHistory) => `
walk AS MATERIALIZED (
  SELECT * FROM (VALUES ${[...walkRows(true, history), ...walkRows(false, history)].join(', ')})
             AS w(has_steps, sort_key, from_state, to_state, metadata, ours, first, last)
), walked AS (
  INSERT INTO tasker.task_transitions
         (task_uuid, to_state, from_state, processor_uuid, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT d.task_uuid, w.to_state, w.from_state, CASE WHEN w.ours THEN $29::uuid END,
         CASE WHEN w.first AND d.warning IS NOT NULL THEN w.metadata || jsonb_build_object('warning', d.warning) ELSE w.metadata END,
         w.sort_key, w.last, now(), now()
    FROM decided d, walk w WHERE d.made AND w.has_steps = (d.steps > 0) ORDER BY d.place, w.sort_key
), laid AS MATERIALIZED (
  SELECT d.task_uuid, d.correlation_id, d.step_uuids[o.place] AS step_uuid, o.named_step_uuid, o.retryable, o.attempts_max, o.inputs, o.root
    FROM decided d JOIN outline o ON o.kind = d.kind WHERE d.made ORDER BY d.place, o.place
), placed AS (
  INSERT INTO tasker.workflow_steps
         (workflow_step_uuid, task_uuid, named_step_uuid, retryable, max_attempts, in_process, processed, inputs, created_at, updated_at)
  SELECT step_uuid, task_uuid, named_step_uuid, retryable, attempts_max, false, false, inputs, now(), now() FROM laid
), edges AS (
  INSERT INTO tasker.workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
  SELECT d.step_uuids[e.parent], d.step_uuids[e.child], 'provides', now(), now()
    FROM decided d JOIN unnest($12::int[], $13::int[], $14::int[]) AS e(kind, parent, child) ON e.kind = d.kind WHERE d.made
), entry AS MATERIALIZED (
  SELECT * FROM (VALUES ${entryRows(history).join(', ')}) AS w(root, sort_key, from_state, to_state, metadata, last)
), entered AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT s.step_uuid, w.to_state, w.from_state, w.metadata, w.sort_key, w.last, now(), now()
    FROM laid s JOIN entry w ON w.root = s.root ORDER BY s.step_uuid, w.sort_key`

const outbox = `
outbox AS MATERIALIZED (
  SELECT s.step_uuid AS position, jsonb_build_object('task_uuid', s.task_uuid, 'step_uuid', s.step_uuid, 'correlation_id', s.correlation_id) AS message
    FROM laid s WHERE s.root
)`
