// The statement that claims from one pgmq queue, in the order in which it works: look, take, settle, answer.

import { chooseInLanes, nextWeight } from './choose-in-lanes.ts'
import { allClaimedColumns, claimedRows } from './claimed-columns.ts'
import { stepEventMetadata } from './step-event.ts'

export type OnClaim = 'archive' | 'delete'

/**
 * Nothing here may raise on data: one bad message would stop its queue for ever. Hence `pg_input_is_valid` before the casts.
 * Locks are taken with SKIP LOCKED only (the step by its current transition row, then its message), so claimers never wait for
 * each other and no lock order can be wrong. LIMIT stands above the lock: a claimer beside others takes the next free steps
 * instead of losing a race for the first. With `locksMessages` it also looks at other messages than they do. Each part hands all its columns on to the next: a join of two of them would have no index.
 */
export function claimStatement(queue: string, onClaim: OnClaim, locksMessages = false): string {
  const lock = locksMessages ? 'FOR UPDATE OF q SKIP LOCKED' : ''
  return `${judgeQueue(queue, { lock })}), ${take}), ${settle(queue, onClaim, locksMessages)})\n${answer('')}`
}

/**
 * The same with limits: $10 are their rows. `behind` a message that was looked at, $11 is its `vt` and $12 its id. The answer names the last
 * message of the window in the same way, and what the next step weighs.
 */
export function claimInLanesStatement(queue: string, onClaim: OnClaim, behind: boolean): string {
  const where = behind ? 'AND q.vt >= $11::timestamptz AND (q.vt, q.msg_id) > ($11::timestamptz, $12::bigint)' : ''
  // By its table's name, since the text of the same name would be put in order else, and 99 comes behind 100 there.
  const last = (column: string) =>
    `(SELECT ${column}::text FROM looked l ORDER BY l.vt DESC, l.msg_id DESC LIMIT 1) AS last_${column}, `
  const work = `${takeInLanes('$10')}), ${settle(queue, onClaim)}`
  return `${judgeQueue(queue, { where, order: ', q.msg_id' })}), ${work})\n${answer(`${last('vt')}${last('msg_id')}${nextWeight}, `)}`
}

/** Somebody has a handler for the step and is only busy, or its runtime is ill: then it waits, however long. */
const livingWorkerWithHandler = `
SELECT FROM stephost.workers o
 WHERE o.declared_dead_at IS NULL
   AND k.named_task_uuid || ':' || coalesce(s.inputs ->> '__template_step_name', n.name) = ANY (o.runnable)`

interface Look {
  readonly where?: string
  readonly order?: string
  readonly lock?: string
}

/**
 * The window: messages in the order in which they became visible, by their index. What was pushed away or is delayed costs nothing, however
 * much of it there is.
 */
export function look(queue: string, { where = '', order = '', lock = '' }: Look): string {
  return `
  SELECT q.msg_id, q.enqueued_at, q.vt, q.ctid AS message_row,
         CASE WHEN pg_input_is_valid(q.message ->> 'step_uuid', 'uuid') THEN (q.message ->> 'step_uuid')::uuid END AS step_uuid
    FROM pgmq."q_${queue}" q
   WHERE q.vt <= statement_timestamp() ${where}
     AND ${isAlive('$1')}
   ORDER BY q.vt${order}
   LIMIT $5::int
   ${lock}`
}

function judgeQueue(queue: string, given: Look): string {
  return `
WITH looked AS MATERIALIZED (${look(queue, given)}
), ${judge}`
}

/** The rows of a looked-at message `l`. */
export const stepRows = `
    LEFT JOIN tasker.workflow_steps s ON s.workflow_step_uuid = l.step_uuid
    LEFT JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
    LEFT JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
    LEFT JOIN tasker.workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent`

export const templateStep = `coalesce(s.inputs ->> '__template_step_name', n.name)`

/** A last attempt is not claimed to wait. */
export const waitsWell = `coalesce(s.retryable AND coalesce(s.attempts, 0) < coalesce(s.max_attempts, 3)::bigint - 1, false)`

/** PostgreSQL hashes what IN asks, once for the statement: a worker may run ten thousand steps, and a join would compare each message with all of them. */
export const runnableAmong = (tasks: string, steps: string) => `(k.named_task_uuid, ${templateStep}) IN (
              SELECT named_task, step FROM unnest(${tasks}::uuid[], ${steps}::text[]) AS known(named_task, step))`

export const runnableHere = runnableAmong('$6', '$7')

/**
 * Decides every message of the window: `claim`, `foreign` (left to others), or set aside as `malformed`, `gone`, `stale`. Before it stands
 * `looked` with msg_id, enqueued_at and step_uuid (null: malformed); $6 and $7 are what is runnable here, $9 the grace for foreign steps.
 */
export const judge = `judged AS MATERIALIZED (
  SELECT l.msg_id, l.step_uuid, k.named_task_uuid, k.priority, n.name AS step_name, ${templateStep} AS template_step, ${waitsWell} AS may_wait,
         s.ctid AS step_row, k.ctid AS task_row, t.ctid AS transition_row, t.sort_key,
         r.runnable,
         CASE WHEN l.step_uuid IS NULL THEN 'malformed'
              WHEN s.workflow_step_uuid IS NULL THEN 'gone'
              WHEN t.to_state IS DISTINCT FROM 'enqueued' THEN 'stale'
              WHEN r.runnable THEN 'claim'
              WHEN l.enqueued_at < clock_timestamp() - $9::int * interval '1 ms' AND NOT EXISTS (${livingWorkerWithHandler}) THEN 'claim'
              ELSE 'foreign' END AS verdict
    FROM looked l${stepRows}
   CROSS JOIN LATERAL (SELECT k.named_task_uuid IS NOT NULL AND ${runnableHere} AS runnable OFFSET 0) r
`

/**
 * Locks what can be claimed, keeps what there is room for ($3 at once, $4 ahead; nothing ahead of a last attempt that waits for a permit: it
 * would wait for as long as others are prefetched), and writes the claim of worker $1 under the claim id $2.
 */
const choose = `locked AS MATERIALIZED (
  SELECT j.*
    FROM judged j
    JOIN tasker.workflow_step_transitions t ON t.ctid = j.transition_row
   WHERE j.verdict = 'claim' AND t.most_recent AND t.to_state = 'enqueued'
   ORDER BY j.priority DESC, j.msg_id
   LIMIT $3::int + $4::int
     FOR UPDATE OF t SKIP LOCKED
), ranked AS (
  SELECT *, row_number() OVER (ORDER BY may_wait, priority DESC, msg_id) AS place
    FROM (SELECT DISTINCT ON (step_uuid) * FROM locked ORDER BY step_uuid, msg_id) AS once
), chosen AS MATERIALIZED (
  SELECT *, uuid_generate_v7() AS token FROM ranked
   WHERE place <= $3::int OR (may_wait AND NOT EXISTS (SELECT FROM ranked r WHERE NOT r.may_wait AND r.place > $3::int))
)`

export const startMetadata = (worker: string, claim: string) =>
  stepEventMetadata(`'{"type":"Start"}'`, `'worker_uuid', ${worker}::text, 'claim_id', ${claim}::text`)

export const attemptCounted =
  'in_process = true, attempts = least(coalesce(s.attempts, 0), 2147483646) + 1, last_attempted_at = now(), updated_at = now()'

export const isAlive = (worker: string) =>
  `EXISTS (SELECT FROM stephost.workers w WHERE w.worker_uuid = ${worker}::uuid AND w.declared_dead_at IS NULL)`

/** Without its last bracket. What a worker holds is found by it: one row for all steps of the statement, none where it claimed nothing. */
export const noteClaim = (worker: string, claim: string, tokens: string) => `noted AS (
  INSERT INTO stephost.claims (worker_uuid, claim_id, tokens)
  SELECT ${worker}::uuid, ${claim}::text, array_agg(token) FROM (${tokens}) AS taken HAVING count(*) > 0`

/**
 * Closes the transitions of `chosen`, whose rows are locked, and opens those of the claim: in one part, since each part that writes opens all
 * indexes and reads all constraints of its table. Rows without a place to close come last in each kind of join, so no step ever has two open ones.
 */
export const writeClaims = `written AS (
  MERGE INTO tasker.workflow_step_transitions t
  USING (SELECT c.*, CASE WHEN w.closes THEN c.transition_row END AS closed FROM chosen c CROSS JOIN (VALUES (true), (false)) AS w(closes)) AS c
     ON t.ctid = c.closed
   WHEN MATCHED THEN UPDATE SET most_recent = false, updated_at = now()
   WHEN NOT MATCHED THEN
     INSERT (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
     VALUES (c.token, c.step_uuid, 'in_progress', 'enqueued',
             (SELECT ${startMetadata('$1', '$2')}),
             c.sort_key + 1, true, now(), now())
), counted AS (
  UPDATE tasker.workflow_steps s
     SET ${attemptCounted}
    FROM chosen c WHERE s.workflow_step_uuid = c.step_uuid
), ${noteClaim('$1', '$2', 'SELECT token FROM chosen')}
`

export const take = `${choose}, ${writeClaims}`

/** The same with the limits that stand in the parameter `lanes`. */
export function takeInLanes(lanes: string): string {
  return `${chooseInLanes(lanes)}, ${writeClaims}`
}

/** Messages of claimed and of dead steps leave the queue; those of foreign steps are hidden for a while. What is `locked` already is not locked again. */
function settle(queue: string, onClaim: OnClaim, locked = false): string {
  const settled = `SELECT j.msg_id FROM judged j
                                WHERE j.verdict IN ('malformed', 'gone', 'stale') OR j.step_uuid IN (SELECT step_uuid FROM chosen)`
  const lock = `
  SELECT q.msg_id FROM pgmq."q_${queue}" q
   WHERE q.msg_id = ANY (ARRAY(${settled}))
   ORDER BY q.msg_id
     FOR UPDATE OF q SKIP LOCKED`
  return `finished AS MATERIALIZED (${locked ? settled : lock}
), consumed AS (
  DELETE FROM pgmq."q_${queue}" q WHERE q.msg_id = ANY (ARRAY(SELECT msg_id FROM finished))
  RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers
), archived AS (
  INSERT INTO pgmq."a_${queue}" (msg_id, read_ct, enqueued_at, vt, message, headers)
  SELECT msg_id, read_ct, enqueued_at, vt, message, headers
    FROM consumed${onClaim === 'delete' ? ` WHERE msg_id NOT IN (SELECT msg_id FROM judged WHERE verdict = 'claim')` : ''}
), rejected AS (
  INSERT INTO stephost.rejected_messages (queue_name, msg_id, message, reason)
  SELECT '${queue}', msg_id, message, 'no valid step_uuid'
    FROM consumed WHERE pg_input_is_valid(message ->> 'step_uuid', 'uuid') IS NOT TRUE
), left_alone AS MATERIALIZED (
  SELECT q.msg_id FROM pgmq."q_${queue}" q
   WHERE q.msg_id = ANY (ARRAY(SELECT msg_id FROM judged WHERE verdict = 'foreign')) ORDER BY q.msg_id FOR UPDATE OF q SKIP LOCKED
), pushed AS (
  UPDATE pgmq."q_${queue}" q SET vt = clock_timestamp() + $8::int * interval '1 ms'
   WHERE q.msg_id = ANY (ARRAY(SELECT msg_id FROM left_alone))
`
}

/** One row for each claimed step, and one row without a step when there is none; the counts stand in every row. */
const answer = (more: string) => `SELECT seen.*, ${more}${allClaimedColumns}
  FROM (SELECT count(*)::int AS looked,
               count(*) FILTER (WHERE verdict = 'foreign')::int AS foreign_count,
               count(*) FILTER (WHERE verdict = 'malformed')::int AS malformed,
               count(*) FILTER (WHERE verdict = 'gone')::int AS gone,
               count(*) FILTER (WHERE verdict = 'stale')::int AS stale,
               (count(DISTINCT step_uuid) FILTER (WHERE verdict = 'claim'))::int - (SELECT count(*) FROM chosen)::int AS left_behind
          FROM judged) AS seen
  LEFT JOIN chosen c ON true${claimedRows}
 ORDER BY c.place`
