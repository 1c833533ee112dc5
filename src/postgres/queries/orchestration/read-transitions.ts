// Transitions for those who watch tasks: whether there are new ones, and which.

import type { StoredTransition, TaskVersion, TransitionReads } from '../../../model/task-events.ts'
import type { Queryable } from '../../statement.ts'
import { rfc3339 } from './step-readiness.ts'

export function transitionReads(database: Queryable): TransitionReads {
  return {
    versions: (taskIds) =>
      database.query<TaskVersion>({ name: 'task-versions', text: versionsText, values: [taskIds] }),
    transitionsBeyond: (taskId, known) =>
      database.query<StoredTransition>({
        name: 'transitions-beyond',
        text: transitionsText,
        values: [taskId, [...known.keys()], [...known.values()]],
      }),
  }
}

/** Every transition makes the last sort key of a step or of the task larger, and therefore their sum. */
const versionsText = `
SELECT t.task_uuid AS "taskId", coalesce(tt.to_state, 'pending') AS state,
       (coalesce(tt.sort_key, 0) + (
         SELECT coalesce(sum(w.sort_key), 0) FROM tasker.workflow_steps s
           JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
          WHERE s.task_uuid = t.task_uuid))::text AS version
  FROM tasker.tasks t
  LEFT JOIN tasker.task_transitions tt ON tt.task_uuid = t.task_uuid AND tt.most_recent
 WHERE t.task_uuid = ANY ($1::uuid[])`

const transitionsText = `
WITH known AS MATERIALIZED (
  SELECT k.id, k.sort_key FROM unnest($2::uuid[], $3::int[]) AS k(id, sort_key)
)
SELECT w.workflow_step_transition_uuid AS id, s.task_uuid AS "taskId", s.workflow_step_uuid AS "stepId", n.name AS "stepName",
       w.from_state AS "fromState", w.to_state AS "toState", ${rfc3339('w.created_at')} AS at, w.sort_key AS "sortKey"
  FROM tasker.workflow_steps s
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  LEFT JOIN known k ON k.id = s.workflow_step_uuid
  JOIN tasker.workflow_step_transitions w
    ON w.workflow_step_uuid = s.workflow_step_uuid AND w.sort_key > coalesce(k.sort_key, -1)
 WHERE s.task_uuid = $1::uuid
UNION ALL
SELECT t.task_transition_uuid, t.task_uuid, NULL, NULL, t.from_state, t.to_state, ${rfc3339('t.created_at')}, t.sort_key
  FROM tasker.task_transitions t LEFT JOIN known k ON k.id = t.task_uuid
 WHERE t.task_uuid = $1::uuid AND t.sort_key > coalesce(k.sort_key, -1)`
