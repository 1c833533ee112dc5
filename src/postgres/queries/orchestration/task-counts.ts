// Locks tasks, and counts their steps by what they are doing.

import type { StepId, TaskId } from '../../../model/ids.ts'
import type { TaskCounts } from '../../../model/orchestration-store.ts'
import type { StepCounts } from '../../../model/task.ts'
import type { TaskState } from '../../../model/task-state.ts'
import type { Queryable } from '../../statement.ts'
import { readyForExecution, readyToEnqueue, stepReadiness } from './step-readiness.ts'

export type CountsRow = { readonly [Name in keyof StepCounts as `${Name}_count`]: number }

export function stepCounts(row: CountsRow): StepCounts {
  return {
    total: row.total_count,
    pending: row.pending_count,
    inProgress: row.inProgress_count,
    completed: row.completed_count,
    failed: row.failed_count,
    ready: row.ready_count,
    enqueued: row.enqueued_count,
  }
}

/**
 * A statement of its own, before anything is read: lock and read in one statement would see a diamond's branches as they were before the
 * lock was granted (design D5).
 */
export async function lockTasks(transaction: Queryable, taskIds: readonly TaskId[]): Promise<void> {
  await transaction.query({
    name: 'lock-tasks',
    text: 'SELECT FROM tasker.tasks WHERE task_uuid = ANY ($1::uuid[]) ORDER BY task_uuid FOR NO KEY UPDATE',
    values: [taskIds],
  })
}

/** `ready` counts what can be enqueued now: a step that waits for its retry is not among it until it is woken. */
export async function taskCounts(transaction: Queryable, taskIds: readonly TaskId[]): Promise<readonly TaskCounts[]> {
  const rows = await transaction.query<CountedTaskRow>({ name: 'task-counts', text: countsText, values: [taskIds] })
  return rows.map((row) => ({
    taskId: row.task_uuid,
    state: row.state,
    counts: stepCounts(row),
    ready: { namespace: row.namespace, correlationId: row.correlation_id, steps: row.ready ?? [] },
  }))
}

interface CountedTaskRow extends CountsRow {
  readonly task_uuid: TaskId
  readonly state: TaskState
  readonly namespace: string
  readonly correlation_id: string
  readonly ready: readonly StepId[] | null
}

const ownCountNames = ['total', 'pending', 'inProgress', 'completed', 'failed', 'enqueued']
const clientCountNames = [...ownCountNames, 'ready']

function countColumns(alias: string, names: readonly string[]): string {
  return names.map((name) => `${alias}."${name}_count"`).join(', ')
}

function countsOfTask(readiness: string): string {
  return `CROSS JOIN LATERAL (
    SELECT count(*)::int AS "total_count",
           (count(*) FILTER (WHERE r.state = 'pending'))::int AS "pending_count",
           (count(*) FILTER (WHERE r.state = 'in_progress'))::int AS "inProgress_count",
           (count(*) FILTER (WHERE r.state IN ('complete', 'resolved_manually')))::int AS "completed_count",
           (count(*) FILTER (WHERE r.state = 'error'))::int AS "failed_count",
           ${readiness},
           (count(*) FILTER (WHERE r.state IN ('enqueued', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')))::int
             AS "enqueued_count"
      FROM tasker.workflow_steps s ${stepReadiness}
     WHERE s.task_uuid = t.task_uuid
  ) c`
}

/** For views: SQL that joins the counts as clients see them to task `t`, and the columns to select. */
export const clientCounts = {
  join: countsOfTask(`(count(*) FILTER (WHERE ${readyForExecution}))::int AS "ready_count"`),
  columns: countColumns('c', clientCountNames),
}

/** Their number is read off them: PostgreSQL would ask each step twice. */
const readySteps = `array_agg(s.workflow_step_uuid) FILTER (WHERE ${readyToEnqueue}) AS ready`

const countsText = `
SELECT t.task_uuid, coalesce(tt.to_state, 'pending') AS state, ns.name AS namespace, t.correlation_id, c.ready, coalesce(cardinality(c.ready), 0) AS "ready_count", ${countColumns('c', ownCountNames)}
  FROM tasker.tasks t
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN tasker.task_transitions tt ON tt.task_uuid = t.task_uuid AND tt.most_recent
  ${countsOfTask(readySteps)}
 WHERE t.task_uuid = ANY ($1::uuid[])
 ORDER BY t.task_uuid`
