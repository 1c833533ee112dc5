// Upkeep of the queues: archives that grew old, and messages that speak of what does not exist any more.

import type { OrphanPage } from '../../../model/background-store.ts'
import type { Queryable } from '../../statement.ts'

/** Those that Tasker's names make ours: other applications may use pgmq in the same database. A queue's table has to stand in the text of a statement, so only names that need no quoting get there. */
export async function ownQueues(queues: Queryable): Promise<readonly string[]> {
  const rows = await queues.query<{ name: string }>({
    name: 'own-queues',
    text: `
SELECT lower(q.queue_name) AS name FROM pgmq.meta q
 WHERE q.queue_name ~ '^(worker_[A-Za-z0-9_]+_queue|[A-Za-z_][A-Za-z0-9_]*_domain_events(_dlq)?|orchestration_(step_results|task_requests|task_finalizations))$'
 ORDER BY 1`,
  })
  return rows.map((row) => row.name)
}

/** Resolves with the number removed. By the key, from its low end: ids rise with time, and an archive has no other index in every installation. */
export async function removeArchivedMessages(
  queues: Queryable,
  { queue, olderThanDays, max }: { queue: string; olderThanDays: number; max: number },
): Promise<number> {
  const rows = await queues.query({
    text: `
DELETE FROM pgmq."a_${queue}"
 WHERE msg_id IN (SELECT oldest.msg_id
                    FROM (SELECT msg_id, archived_at FROM pgmq."a_${queue}" ORDER BY msg_id LIMIT $2::int) AS oldest
                   WHERE oldest.archived_at < clock_timestamp() - $1::int * interval '1 day')
RETURNING 1`,
    values: [olderThanDays, max],
  })
  return rows.length
}

/** Domain events name steps, and outlive them. */
export function mayHoldOrphans(queue: string): boolean {
  return !/_domain_events(_dlq)?$/.test(queue)
}

/** Looks at the messages behind `after` that lie there for longer than the age, and sets those aside whose step or task is gone. */
export async function setAsideOrphans(
  database: Queryable,
  { queue, olderThanMs, after, max }: { queue: string; olderThanMs: number; after: string; max: number },
): Promise<OrphanPage> {
  const [row] = await database.query<{ looked: number; last: string | null; set_aside: number }>({
    text: orphansText(queue),
    values: [queue, olderThanMs, after, max],
  })
  return { after: row?.looked === max ? row.last : null, setAside: row?.set_aside ?? 0 }
}

// Nothing here may raise on what a message holds. A message that names no step is not judged: whoever reads the queue knows its form.
function orphansText(queue: string): string {
  const id = (name: string) =>
    `CASE WHEN pg_input_is_valid(l.message ->> '${name}', 'uuid') THEN (l.message ->> '${name}')::uuid END AS ${name}`
  return `
WITH looked AS MATERIALIZED (
  SELECT q.msg_id, q.message FROM pgmq."q_${queue}" q
   WHERE q.msg_id > $3::bigint AND q.enqueued_at < clock_timestamp() - $2::float8 * interval '1 ms'
   ORDER BY q.msg_id LIMIT $4::int
     FOR UPDATE SKIP LOCKED
), named AS MATERIALIZED (
  SELECT l.msg_id, l.message, ${id('step_uuid')}, ${id('task_uuid')} FROM looked l
), orphans AS MATERIALIZED (
  SELECT n.msg_id, n.message,
         CASE WHEN n.step_uuid IS NULL THEN 'there is no task with this id any more' ELSE 'there is no step with this id any more' END AS reason
    FROM named n
   WHERE (n.step_uuid IS NOT NULL AND NOT EXISTS (SELECT FROM tasker.workflow_steps s WHERE s.workflow_step_uuid = n.step_uuid))
      OR (n.message ->> 'step_uuid' IS NULL AND n.task_uuid IS NOT NULL AND NOT EXISTS (SELECT FROM tasker.tasks k WHERE k.task_uuid = n.task_uuid))
), rejected AS (
  INSERT INTO stephost.rejected_messages (queue_name, msg_id, message, reason, rejected_at)
  SELECT $1::text, o.msg_id, o.message, o.reason, clock_timestamp() FROM orphans o ORDER BY o.msg_id
), archived AS MATERIALIZED (
  SELECT pgmq.archive($1::text, ids.all_ids) FROM (SELECT array_agg(msg_id) AS all_ids FROM orphans) ids WHERE ids.all_ids IS NOT NULL
)
SELECT (SELECT count(*) FROM looked)::int AS looked, (SELECT max(msg_id) FROM looked)::text AS last,
       (SELECT count(*) FROM orphans)::int + 0 * (SELECT count(*) FROM archived)::int AS set_aside`
}
