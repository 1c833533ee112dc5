// Takes tasks that finished long ago out of the tables, with all that hangs on them.

import type { FinishedTasksOptions, RemovedTasks } from '../../../model/background-store.ts'
import type { TaskId } from '../../../model/ids.ts'
import type { Queryable } from '../../statement.ts'
import { lockTasks } from './task-counts.ts'

interface PageRow {
  readonly chosen: readonly TaskId[]
  readonly next: TaskId | null
  readonly has_old: boolean
}

/** Tasks that one call looks at. */
const lookedMax = 500

/** Must run in a transaction. What is chosen is locked and looked at again, so a task that somebody reopens meanwhile stays. */
export async function removeFinishedTasks(
  transaction: Queryable,
  { olderThanDays, rowsMax, after, archive }: FinishedTasksOptions,
): Promise<RemovedTasks> {
  const [page] = await transaction.query<PageRow>({
    name: 'finished-tasks',
    text: pageText,
    values: [olderThanDays, after, rowsMax],
  })
  const next = page?.next ?? null
  const more = { after: page?.has_old === true ? next : null }
  if (page === undefined || page.chosen.length === 0) return { ...more, tasks: 0, rows: 0 }
  await lockTasks(transaction, page.chosen)
  await transaction.query({ name: 'lock-finished-steps', text: lockStepsText, values: [page.chosen] })
  const still = await transaction.query<{ task_uuid: TaskId }>({
    name: 'still-finished-tasks',
    text: `SELECT k.task_uuid FROM tasker.tasks k WHERE k.task_uuid = ANY ($2::uuid[]) AND ${removable}`,
    values: [olderThanDays, page.chosen],
  })
  const [removed] = await transaction.query<{ tasks: number; rows: number }>({
    name: 'remove-finished-tasks',
    text: removeText,
    values: [still.map((row) => row.task_uuid), archive],
  })
  return { ...more, tasks: removed?.tasks ?? 0, rows: removed?.rows ?? 0 }
}

// A pending dead letter is somebody's work. A step that is still with a worker, or whose result is still to be judged, would have nowhere to
// put what comes of it.
const removable = `
EXISTS (
  SELECT FROM tasker.task_transitions t
   WHERE t.task_uuid = k.task_uuid AND t.most_recent AND t.to_state IN ('complete', 'error', 'cancelled', 'resolved_manually')
     AND t.created_at < now()::timestamp - $1::int * interval '1 day')
AND NOT EXISTS (SELECT FROM tasker.tasks_dlq d WHERE d.task_uuid = k.task_uuid AND d.resolution_status = 'pending')
AND NOT EXISTS (
  SELECT FROM tasker.workflow_steps s
    JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
   WHERE s.task_uuid = k.task_uuid
     AND w.to_state IN ('in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration'))`

// Ids of tasks sort by the time of their creation, so behind a page without a task that is old enough there is none. A step stands for about
// five rows: itself, its transitions, an edge and an audit. One task goes in any case, however large.
const pageText = `
WITH looked AS MATERIALIZED (
  SELECT k.task_uuid, k.created_at FROM tasker.tasks k
   WHERE $2::uuid IS NULL OR k.task_uuid > $2::uuid
   ORDER BY k.task_uuid LIMIT ${lookedMax}
), aged AS MATERIALIZED (
  SELECT k.task_uuid, 1 + 5 * (SELECT count(*) FROM tasker.workflow_steps s WHERE s.task_uuid = k.task_uuid) AS weight
    FROM looked k WHERE ${removable}
), summed AS (
  SELECT a.task_uuid, sum(a.weight) OVER (ORDER BY a.task_uuid) - a.weight AS before FROM aged a
), chosen AS MATERIALIZED (
  SELECT task_uuid FROM summed WHERE before < $3::int
)
SELECT ARRAY(SELECT task_uuid FROM chosen ORDER BY task_uuid) AS chosen,
       CASE WHEN (SELECT count(*) FROM chosen) < (SELECT count(*) FROM aged) THEN (SELECT task_uuid FROM chosen ORDER BY task_uuid DESC LIMIT 1)
            WHEN (SELECT count(*) FROM looked) = ${lookedMax} THEN (SELECT task_uuid FROM looked ORDER BY task_uuid DESC LIMIT 1) END AS next,
       EXISTS (SELECT FROM looked WHERE created_at < now()::timestamp - $1::int * interval '1 day') AS has_old`

/** In the order of the steps (design D5). */
const lockStepsText = `
SELECT FROM tasker.workflow_steps s
  JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
 WHERE s.task_uuid = ANY ($1::uuid[])
 ORDER BY s.workflow_step_uuid
   FOR UPDATE OF w`

// One statement, since foreign keys are checked at its end.
const removeText = `
WITH steps AS MATERIALIZED (
  SELECT workflow_step_uuid AS step_uuid, task_uuid FROM tasker.workflow_steps WHERE task_uuid = ANY ($1::uuid[])
), audits AS (
  DELETE FROM tasker.workflow_step_result_audit a USING steps s WHERE a.workflow_step_uuid = s.step_uuid
  RETURNING s.task_uuid, 'workflow_step_result_audit' AS table_name, to_jsonb(a) AS row
), moves AS (
  DELETE FROM tasker.workflow_step_transitions w USING steps s WHERE w.workflow_step_uuid = s.step_uuid
  RETURNING s.task_uuid, 'workflow_step_transitions' AS table_name, to_jsonb(w) AS row
), edges AS (
  DELETE FROM tasker.workflow_step_edges e USING steps s WHERE e.from_step_uuid = s.step_uuid
  RETURNING s.task_uuid, 'workflow_step_edges' AS table_name, to_jsonb(e) AS row
), work AS (
  DELETE FROM tasker.workflow_steps s WHERE s.task_uuid = ANY ($1::uuid[]) RETURNING s.task_uuid, 'workflow_steps' AS table_name, to_jsonb(s) AS row
), states AS (
  DELETE FROM tasker.task_transitions t WHERE t.task_uuid = ANY ($1::uuid[]) RETURNING t.task_uuid, 'task_transitions' AS table_name, to_jsonb(t) AS row
), letters AS (
  DELETE FROM tasker.tasks_dlq d WHERE d.task_uuid = ANY ($1::uuid[]) RETURNING d.task_uuid, 'tasks_dlq' AS table_name, to_jsonb(d) AS row
), openings AS (
  DELETE FROM stephost.reopened_tasks o WHERE o.task_uuid = ANY ($1::uuid[])
), gone AS (
  DELETE FROM tasker.tasks k WHERE k.task_uuid = ANY ($1::uuid[]) RETURNING k.task_uuid, 'tasks' AS table_name, to_jsonb(k) AS row
), removed AS MATERIALIZED (
  SELECT * FROM gone UNION ALL SELECT * FROM states UNION ALL SELECT * FROM work UNION ALL SELECT * FROM edges
   UNION ALL SELECT * FROM moves UNION ALL SELECT * FROM audits UNION ALL SELECT * FROM letters
), archived AS (
  INSERT INTO stephost.archived_rows (task_uuid, table_name, row)
  SELECT r.task_uuid, r.table_name, r.row FROM removed r WHERE $2::bool
)
SELECT (SELECT count(*) FROM gone)::int AS tasks, (SELECT count(*) FROM removed)::int AS rows`
