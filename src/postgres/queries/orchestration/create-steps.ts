// Makes steps in tasks that run, with their edges and first transitions; the number of statements does not depend on how many.

import type { NewEdge, NewStep, TransitionHistory } from '../../../model/orchestration-store.ts'
import type { Queryable } from '../../statement.ts'
import { insertNamedSteps } from './named-steps.ts'

/** Must run in a transaction that holds the tasks' locks. In a history of end states a step that waits for others has no transition yet. */
export async function createSteps(
  transaction: Queryable,
  steps: readonly NewStep[],
  edges: readonly NewEdge[],
  history: TransitionHistory,
): Promise<void> {
  if (steps.length > 0) {
    await insertNamedSteps(
      transaction,
      steps.map((step) => step.name),
    )
    await transaction.query({
      name: 'create-steps',
      text: stepsText,
      values: [
        steps.map((step) => step.taskId),
        steps.map((step) => step.name),
        steps.map((step) => step.retryable),
        steps.map((step) => step.attemptsMax),
        steps.map((step) => step.initialization),
        steps.map((step) => step.batch?.cursor ?? null),
        steps.map((step) => step.batch?.extra ?? null),
        history === 'full',
      ],
    })
  }
  if (edges.length === 0) return
  await transaction.query({
    name: 'create-edges',
    text: edgesText,
    values: [
      edges.map((edge) => edge.taskId),
      edges.map((edge) => edge.from),
      edges.map((edge) => edge.to),
      edges.map((edge) => edge.name),
    ],
  })
}

const stepsText = `
WITH placed AS (
  INSERT INTO tasker.workflow_steps
         (task_uuid, named_step_uuid, retryable, max_attempts, in_process, processed, inputs, created_at, updated_at)
  SELECT w.task_uuid, n.named_step_uuid, w.retryable, w.attempts_max, false, false,
         CASE WHEN w.cursor IS NULL THEN w.initialization::jsonb
              ELSE coalesce(w.initialization::jsonb, '{}') || jsonb_build_object('cursor', w.cursor::jsonb) || w.extra::jsonb END,
         now(), now()
    FROM unnest($1::uuid[], $2::text[], $3::bool[], $4::int[], $5::text[], $6::text[], $7::text[])
         WITH ORDINALITY AS w(task_uuid, name, retryable, attempts_max, initialization, cursor, extra, position)
    JOIN tasker.named_steps n ON n.name = w.name
   ORDER BY w.position
  RETURNING workflow_step_uuid
)
INSERT INTO tasker.workflow_step_transitions
       (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT workflow_step_uuid, 'pending', NULL,
       jsonb_build_object('initial_state', 'pending', 'from_service', 'stephost_orchestrator'), 1, true, now(), now()
  FROM placed WHERE $8::bool`

// Each end is looked up by its keys: a join with the steps of the tasks would have no index, and there may be thousands of batches.
const edgesText = `
INSERT INTO tasker.workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
SELECT parent.workflow_step_uuid, child.workflow_step_uuid, w.name, now(), now()
  FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS e(task_uuid, parent, child, name)) w
  JOIN tasker.named_steps np ON np.name = w.parent
  JOIN tasker.workflow_steps parent ON parent.task_uuid = w.task_uuid AND parent.named_step_uuid = np.named_step_uuid
  JOIN tasker.named_steps nc ON nc.name = w.child
  JOIN tasker.workflow_steps child ON child.task_uuid = w.task_uuid AND child.named_step_uuid = nc.named_step_uuid
ON CONFLICT (from_step_uuid, to_step_uuid, name) DO NOTHING`
