// What a task of many steps does after some of them were completed, without a look at all of them.

import type { StepId, TaskId } from '../../../model/ids.ts'
import type { TaskPulse } from '../../../model/orchestration-store.ts'
import type { TaskState } from '../../../model/task-state.ts'
import type { Queryable } from '../../statement.ts'
import { readyToEnqueue, stepReadiness } from './step-readiness.ts'

interface PulseRow {
  readonly task_uuid: TaskId
  readonly state: TaskState
  readonly namespace: string
  readonly correlation_id: string
  readonly ready: readonly StepId[]
  readonly working: boolean
}

/** The tasks must be locked in this transaction. */
export async function taskPulses(
  transaction: Queryable,
  taskIds: readonly TaskId[],
  finished: readonly StepId[],
): Promise<readonly TaskPulse[]> {
  const rows = await transaction.query<PulseRow>({
    name: 'task-pulses',
    text: pulsesText,
    values: [taskIds, finished],
  })
  return rows.map(({ task_uuid: taskId, state, namespace, correlation_id: correlationId, ready: steps, working }) => {
    return { taskId, state, ready: { namespace, correlationId, steps }, working }
  })
}

// A step that a worker holds is found by its flag alone, others that are under way by their states; either search ends with the first. As scalar
// subqueries: EXISTS might be answered from a look at the steps of all tasks.
const pulsesText = `
WITH children AS MATERIALIZED (
  SELECT DISTINCT e.to_step_uuid AS step_uuid
    FROM unnest($2::uuid[]) AS f(step_uuid) JOIN tasker.workflow_step_edges e ON e.from_step_uuid = f.step_uuid
), ready AS MATERIALIZED (
  SELECT s.task_uuid, s.workflow_step_uuid AS step_uuid
    FROM children c JOIN tasker.workflow_steps s ON s.workflow_step_uuid = c.step_uuid
    ${stepReadiness}
   WHERE ${readyToEnqueue}
), looked AS MATERIALIZED (
  SELECT t.task_uuid, ARRAY(SELECT r.step_uuid FROM ready r WHERE r.task_uuid = t.task_uuid ORDER BY r.step_uuid) AS ready
    FROM unnest($1::uuid[]) AS t(task_uuid)
)
SELECT l.task_uuid, coalesce(tt.to_state, 'pending') AS state, ns.name AS namespace, k.correlation_id, l.ready,
       coalesce(CASE WHEN cardinality(l.ready) = 0 THEN coalesce(
         (SELECT true FROM tasker.workflow_steps s WHERE s.task_uuid = l.task_uuid AND s.in_process LIMIT 1),
         (SELECT true FROM tasker.workflow_steps s
            JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
           WHERE s.task_uuid = l.task_uuid AND NOT s.processed
             AND w.to_state IN ('enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration') LIMIT 1)) END,
         false) AS working
  FROM looked l
  JOIN tasker.tasks k ON k.task_uuid = l.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN tasker.task_transitions tt ON tt.task_uuid = l.task_uuid AND tt.most_recent
 ORDER BY l.task_uuid`
