// Reads and settles messages of a pgmq queue whose steps are in another database.

import type { Queryable } from '../statement.ts'
import type { LookedAt } from './claim-from-pgmq.ts'
import type { OnClaim } from './claim-statement.ts'

export interface QueuedMessage {
  readonly msg_id: string
  readonly vt: string
  readonly body: string
}

/**
 * The oldest visible messages of a queue, by the index of its visibility. They are not hidden: the claim decides between workers that look at the same ones, and a worker that
 * dies between the look and the claim leaves nothing to wait for.
 */
export function lookAtQueue(
  database: Queryable,
  queue: string,
  { behind, window }: LookedAt,
): Promise<QueuedMessage[]> {
  const table = tableOf(queue)
  const where = behind === null ? '' : 'AND vt >= $2::timestamptz AND (vt, msg_id) > ($2::timestamptz, $3::bigint)'
  return database.query<QueuedMessage>({
    name: `look:${table}${behind === null ? '' : ':behind'}`,
    text: `
SELECT msg_id, vt, message::text AS body FROM pgmq."q_${table}"
 WHERE vt <= statement_timestamp() ${where} ORDER BY vt, msg_id LIMIT $1::int`,
    values: [window, ...(behind === null ? [] : [behind.vt, behind.messageId])],
  })
}

export interface SettledMessages {
  /** Of claimed steps: these alone may be deleted instead of archived. */
  readonly claimed: readonly string[]
  readonly setAside: readonly string[]
  readonly foreign: readonly string[]
}

/** Messages that have done their work leave the queue; those of foreign steps are hidden for a while. Messages that others took are skipped. */
export async function settleInQueue(
  database: Queryable,
  queue: string,
  settled: SettledMessages,
  options: { readonly onClaim: OnClaim; readonly foreignRetryMs: number },
): Promise<void> {
  if (settled.claimed.length + settled.setAside.length + settled.foreign.length === 0) return
  const table = tableOf(queue)
  await database.query({
    name: `settle:${table}:${options.onClaim}`,
    text: settleText(table, options.onClaim),
    values: [settled.claimed, settled.setAside, settled.foreign, options.foreignRetryMs],
  })
}

/** pgmq folds the names of its tables. */
function tableOf(queue: string): string {
  return queue.toLowerCase()
}

function settleText(table: string, onClaim: OnClaim): string {
  return `
WITH finished AS MATERIALIZED (
  SELECT q.msg_id FROM pgmq."q_${table}" q
   WHERE q.msg_id = ANY ($1::bigint[] || $2::bigint[]) ORDER BY q.msg_id FOR UPDATE SKIP LOCKED
), consumed AS (
  DELETE FROM pgmq."q_${table}" q USING finished f WHERE q.msg_id = f.msg_id
  RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers
), archived AS (
  INSERT INTO pgmq."a_${table}" (msg_id, read_ct, enqueued_at, vt, message, headers)
  SELECT msg_id, read_ct, enqueued_at, vt, message, headers
    FROM consumed${onClaim === 'delete' ? ' WHERE NOT msg_id = ANY ($1::bigint[])' : ''}
), left_alone AS MATERIALIZED (
  SELECT q.msg_id FROM pgmq."q_${table}" q WHERE q.msg_id = ANY ($3::bigint[]) ORDER BY q.msg_id FOR UPDATE SKIP LOCKED
)
UPDATE pgmq."q_${table}" q SET vt = clock_timestamp() + $4::int * interval '1 ms'
  FROM left_alone l WHERE q.msg_id = l.msg_id`
}
