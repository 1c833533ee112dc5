// The statement that claims from one pgmq queue where all messages are steps that can be claimed; it counts the others and leaves them alone.

import { look, type OnClaim, runnableHere, stepRows, templateStep, waitsWell, writeClaims } from './claim-statement.ts'
import { claimedColumns, claimedRows } from './claimed-columns.ts'

/** Of the messages of the window; they stand behind the claimed columns in every row, in this order. */
export const leanCounts = ['looked', 'claimable'] as const

export interface LeanParts {
  readonly locksMessages: boolean
  /** The answer has the results of ancestors, too. */
  readonly ancestors: boolean
}

/**
 * The same claims as those of `claimStatement`, in fewer parts: for a single step most of a claim's price is the start of its parts. What
 * is malformed, gone, stale or foreign is for that statement, as are further messages of a step: they are stale when they are seen again.
 * A message is locked together with its step, SKIP LOCKED as all else; with `locksMessages` the look has locked it.
 */
export function leanClaimStatement(queue: string, onClaim: OnClaim, parts: LeanParts): string {
  const { locksMessages, ancestors } = parts
  const message = locksMessages ? '' : `JOIN pgmq."q_${queue}" q ON q.ctid = j.message_row`
  return `
WITH judged AS MATERIALIZED (
  SELECT l.msg_id, l.message_row, s.workflow_step_uuid AS step_uuid, k.priority, n.name AS step_name, ${templateStep} AS template_step, ${waitsWell} AS may_wait,
         s.ctid AS step_row, k.ctid AS task_row, t.ctid AS transition_row, t.sort_key,
         t.to_state = 'enqueued' AND ${runnableHere} AS claimable
    FROM (${look(queue, { lock: locksMessages ? 'FOR UPDATE OF q SKIP LOCKED' : '' })}) AS l${stepRows}
), locked AS MATERIALIZED (
  SELECT j.*, uuid_generate_v7() AS token
    FROM judged j
    JOIN tasker.workflow_step_transitions t ON t.ctid = j.transition_row ${message}
   WHERE j.claimable AND t.most_recent AND t.to_state = 'enqueued'
   ORDER BY j.priority DESC, j.msg_id
   LIMIT $3::int + $4::int
     FOR UPDATE OF t${locksMessages ? '' : ', q'} SKIP LOCKED
), chosen AS MATERIALIZED (
  SELECT * FROM (SELECT DISTINCT ON (step_uuid) * FROM locked ORDER BY step_uuid, msg_id) AS once
   ORDER BY may_wait, priority DESC, msg_id
   LIMIT CASE WHEN (SELECT count(*) FROM locked WHERE NOT may_wait) > $3::int THEN $3::int END
), ${writeClaims}
), consumed AS (
  DELETE FROM pgmq."q_${queue}" q USING chosen c WHERE q.ctid = c.message_row AND q.msg_id = c.msg_id
  RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers
)${onClaim === 'delete' ? '' : archive(queue)}
SELECT ${claimedColumns({ ancestors })}, ${leanCounts.map((count) => `seen.${count}`).join(', ')}
  FROM (SELECT count(*)::int AS looked, (count(*) FILTER (WHERE claimable))::int AS claimable FROM judged) AS seen
  LEFT JOIN chosen c ON true${claimedRows}
 ORDER BY c.may_wait, c.priority DESC, c.msg_id`
}

const archive = (queue: string) => `, archived AS (
  INSERT INTO pgmq."a_${queue}" (msg_id, read_ct, enqueued_at, vt, message, headers)
  SELECT msg_id, read_ct, enqueued_at, vt, message, headers FROM consumed
)`
