// Pages of tasks, newest first.

import type { TaskFilter, TaskPage } from '../../../model/orchestration-reads.ts'
import type { Queryable } from '../../statement.ts'
import { clientCounts } from './task-counts.ts'
import { type TaskRow, taskOf, tasksText } from './task-views.ts'

export async function listTasks(
  database: Queryable,
  filter: TaskFilter,
  page: { offset: number; limit: number },
): Promise<TaskPage> {
  const { namespace, initiator, sourceSystem, complete, state, executionStatus } = filter
  const values = [namespace, initiator, sourceSystem, complete, state]
  const byStatus = executionStatus !== null
  const [counted] = await database.query<{ total: number }>({
    name: byStatus ? 'count-tasks-by-status' : 'count-tasks',
    text: `SELECT count(*)::int AS total ${chosenText(byStatus)}`,
    values: byStatus ? [...values, executionStatus] : values,
  })
  const rows = await database.query<TaskRow>({
    name: byStatus ? 'list-tasks-by-status' : 'list-tasks',
    text: pageText(byStatus),
    values: byStatus ? [...values, executionStatus, page.limit, page.offset] : [...values, page.limit, page.offset],
  })
  return { tasks: rows.map((row) => ({ ...taskOf(row), steps: [] })), totalCount: counted?.total ?? 0 }
}

/** The ids of the page come first: the steps are counted of its tasks alone. */
function pageText(byStatus: boolean): string {
  const [limit, offset] = byStatus ? ['$7', '$8'] : ['$6', '$7']
  return `${tasksText}
 WHERE t.task_uuid = ANY (ARRAY(
   SELECT t.task_uuid ${chosenText(byStatus)}
    ORDER BY t.created_at DESC, t.task_uuid DESC LIMIT ${limit}::int OFFSET ${offset}::int))
 ORDER BY t.created_at DESC, t.task_uuid DESC`
}

function chosenText(byStatus: boolean): string {
  return `
  FROM tasker.tasks t
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN tasker.task_transitions tt ON tt.task_uuid = t.task_uuid AND tt.most_recent
  ${byStatus ? clientCounts.join : ''}
 WHERE ($1::text IS NULL OR ns.name = $1) AND ($2::text IS NULL OR t.initiator = $2)
   AND ($3::text IS NULL OR t.source_system = $3) AND ($4::bool IS NULL OR t.complete = $4)
   AND ($5::text IS NULL OR coalesce(tt.to_state, 'pending') = $5)
   ${byStatus ? `AND NOT t.complete AND ${executionStatus} = $6::text` : ''}`
}

/** The rule of `model/task-summary`, for tasks that are not complete. */
const executionStatus = `
   CASE WHEN c."failed_count" > 0 THEN 'blocked_by_failures' WHEN c."ready_count" > 0 THEN 'has_ready_steps'
        WHEN c."inProgress_count" > 0 OR c."enqueued_count" > 0 THEN 'processing'
        WHEN c."completed_count" = c."total_count" AND c."total_count" > 0 THEN 'all_complete'
        ELSE 'waiting_for_dependencies' END`
