// What the recovery sweep looks for: lost messages, forgotten results, tasks that stand still.

import type { StepId, TaskId } from '../../../model/ids.ts'
import type { Queryable } from '../../statement.ts'
import { sendOutbox } from './outbox.ts'

interface Age {
  readonly olderThanMs: number
  readonly max: number
}

/**
 * Must run in a transaction. Steps `enqueued` for longer than the age whose message is in no queue get a new one; resolves with their number.
 * While another orchestrator is at it nothing happens.
 */
export async function resendSteps(transaction: Queryable, age: Age): Promise<number> {
  const lonely = await transaction.query<{ namespace: string }>({
    name: 'resend-namespaces',
    text: namespacesText,
    values: [age.olderThanMs],
  })
  let resent = 0
  for (const { namespace } of lonely) {
    const [row] = await transaction.query<{ resent: number }>({
      text: resendText(namespace),
      values: [namespace, age.olderThanMs, age.max],
    })
    resent += row?.resent ?? 0
  }
  return resent
}

/** Steps whose result was handed in longer ago than the age and still waits to be judged. */
export async function overdueResults(database: Queryable, age: Age): Promise<readonly StepId[]> {
  const rows = await database.query<{ step_uuid: StepId }>({
    name: 'overdue-results',
    text: overdueText,
    values: [age.olderThanMs, age.max],
  })
  return rows.map((row) => row.step_uuid)
}

/** Unsettled tasks that wait for no worker, no result and no retry, in the order of their ids. */
export async function stalledTasks(
  database: Queryable,
  age: Age & { after: TaskId | null },
): Promise<readonly TaskId[]> {
  const rows = await database.query<{ task_uuid: TaskId }>({
    name: 'stalled-tasks',
    text: stalledText,
    values: [age.olderThanMs, age.max, age.after],
  })
  return rows.map((row) => row.task_uuid)
}

const unfinished = `tt.most_recent AND tt.to_state NOT IN ('complete', 'error', 'cancelled', 'resolved_manually')`

const unsettled = `${unfinished} AND tt.to_state <> 'blocked_by_failures'`

/**
 * SQL: the steps of task transition `tt` go on. Those of a blocked task do as well, beside the one that failed; but such a task stays until somebody
 * helps, so that every search would go through ever more of them. After a day its lost messages wait for that help, which sends them anew.
 */
export const goingOn = `${unfinished} AND (tt.to_state <> 'blocked_by_failures' OR tt.created_at > now()::timestamp - interval '1 day')`

// A queue's table has to stand in the text of a statement, so only names that need no quoting get there.
const namespacesText = `
WITH alone AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtextextended('stephost.resend-steps', 0)) AS granted)
SELECT DISTINCT ns.name AS namespace
  FROM alone, tasker.task_transitions tt
  JOIN tasker.tasks t ON t.task_uuid = tt.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  JOIN pgmq.meta q ON lower(q.queue_name) = lower('worker_' || ns.name || '_queue')
  JOIN tasker.workflow_steps s ON s.task_uuid = t.task_uuid AND NOT s.processed AND NOT s.in_process
  JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
 WHERE alone.granted AND ${goingOn} AND ns.name ~ '^[A-Za-z_][A-Za-z0-9_]*$'
   AND w.to_state = 'enqueued' AND w.created_at < now() - make_interval(secs => $1::float8 / 1000)
 ORDER BY 1`

function resendText(namespace: string): string {
  return `
WITH lonely AS MATERIALIZED (
  SELECT s.workflow_step_uuid, s.task_uuid, t.correlation_id
    FROM tasker.task_transitions tt
    JOIN tasker.tasks t ON t.task_uuid = tt.task_uuid
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
    JOIN tasker.workflow_steps s ON s.task_uuid = t.task_uuid AND NOT s.processed AND NOT s.in_process
    JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
   WHERE ${goingOn} AND ns.name = $1::text
     AND w.to_state = 'enqueued' AND w.created_at < now() - make_interval(secs => $2::float8 / 1000)
     AND NOT EXISTS (SELECT FROM pgmq."q_worker_${namespace.toLowerCase()}_queue" q
                      WHERE q.message ->> 'step_uuid' = s.workflow_step_uuid::text)
   ORDER BY w.workflow_step_uuid
   LIMIT $3::int
     FOR UPDATE OF w SKIP LOCKED
), outbox AS MATERIALIZED (
  SELECT 'worker_' || $1::text || '_queue' AS queue, $1::text AS namespace, l.workflow_step_uuid AS position,
         jsonb_build_object('task_uuid', l.task_uuid, 'step_uuid', l.workflow_step_uuid, 'correlation_id', l.correlation_id) AS message
    FROM lonely l
), ${sendOutbox}
SELECT messages::int AS resent FROM sent`
}

const overdueText = `
SELECT s.workflow_step_uuid AS step_uuid
  FROM tasker.task_transitions tt
  JOIN tasker.workflow_steps s ON s.task_uuid = tt.task_uuid AND NOT s.processed
  JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
 WHERE ${unfinished}
   AND w.to_state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')
   AND w.created_at < now() - make_interval(secs => $1::float8 / 1000)
 ORDER BY w.created_at
 LIMIT $2::int`

const stalledText = `
SELECT tt.task_uuid
  FROM tasker.task_transitions tt
 WHERE ${unsettled} AND ($3::uuid IS NULL OR tt.task_uuid > $3::uuid)
   AND tt.created_at < now() - make_interval(secs => $1::float8 / 1000)
   AND NOT EXISTS (
     SELECT FROM tasker.workflow_steps s
       JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
      WHERE s.task_uuid = tt.task_uuid
        AND w.to_state IN ('enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration', 'waiting_for_retry'))
 ORDER BY tt.task_uuid
 LIMIT $2::int`
