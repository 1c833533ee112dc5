// Cancels the steps of tasks that have not finished, and tells the workers that run one.

import type { StepId } from '../../../model/ids.ts'
import type { CancelOptions } from '../../../model/orchestration-store.ts'
import { finishedStepStates } from '../../../model/task-state.ts'
import { takenBackChannel } from '../../../model/wake-ups.ts'
import type { Queryable } from '../../statement.ts'
import { closesWhatWaits, stepEventMetadata } from '../step-event.ts'

interface PassRow {
  readonly open: number
  readonly cancelled: number
}

/** A worker can move one step a few times only while the others of the task are being locked. */
const passesMax = 100

/**
 * The tasks must be locked in this transaction. A step that a worker moves while its lock is awaited is missed by the statement, for its new
 * transition is younger than what the statement sees: so it is repeated until it got all that it saw.
 */
export async function cancelSteps(
  transaction: Queryable,
  { taskIds, stepIds, states }: CancelOptions,
): Promise<number> {
  let cancelled = 0
  for (let passes = 0; passes < passesMax; passes += 1) {
    const [pass] = await transaction.query<PassRow>({
      name: 'cancel-steps',
      text: cancelText,
      values: [taskIds, states, [...finishedStepStates], stepIds],
    })
    cancelled += pass?.cancelled ?? 0
    if (pass === undefined || pass.cancelled === pass.open) break
  }
  return cancelled
}

/** The other workers of the batches of these. */
export async function batchSiblings(transaction: Queryable, stepIds: readonly StepId[]): Promise<readonly StepId[]> {
  const rows = await transaction.query<{ step_uuid: StepId }>({
    name: 'batch-siblings',
    text: `
SELECT DISTINCT sibling.to_step_uuid AS step_uuid
  FROM tasker.workflow_step_edges own
  JOIN tasker.workflow_step_edges sibling ON sibling.from_step_uuid = own.from_step_uuid AND sibling.name = 'batch_dependency'
 WHERE own.to_step_uuid = ANY ($1::uuid[]) AND own.name = 'batch_dependency' AND sibling.to_step_uuid <> ALL ($1::uuid[])`,
    values: [stepIds],
  })
  return rows.map((row) => row.step_uuid)
}

// Locks in step order (design D5). A step without a transition is pending.
const cancelText = `
WITH open AS MATERIALIZED (
  SELECT s.workflow_step_uuid AS step_uuid, w.workflow_step_transition_uuid AS transition_uuid, coalesce(w.to_state, 'pending') AS state
    FROM tasker.workflow_steps s
    LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
   WHERE s.task_uuid = ANY ($1::uuid[]) AND coalesce(w.to_state, 'pending') <> ALL ($3::text[])
     AND ($2::text[] IS NULL OR coalesce(w.to_state, 'pending') = ANY ($2::text[]))
     AND ($4::uuid[] IS NULL OR s.workflow_step_uuid = ANY ($4::uuid[]))
), held AS MATERIALIZED (
  SELECT o.step_uuid, o.transition_uuid, o.state, w.sort_key
    FROM open o JOIN tasker.workflow_step_transitions w ON w.workflow_step_transition_uuid = o.transition_uuid
   WHERE w.most_recent
   ORDER BY o.step_uuid
     FOR UPDATE OF w
), closed AS (
  UPDATE tasker.workflow_step_transitions w SET ${closesWhatWaits}
    FROM held h WHERE w.workflow_step_transition_uuid = h.transition_uuid
  RETURNING h.step_uuid, h.state, h.sort_key
), entered AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT c.step_uuid, 'cancelled', c.state, ${stepEventMetadata(`'{"type":"Cancel"}'`, `'from_service', 'stephost_orchestrator'`)},
         c.sort_key + 1, true, now(), now()
    FROM (SELECT step_uuid, state, sort_key FROM closed
           UNION ALL SELECT step_uuid, state, 0 FROM open WHERE transition_uuid IS NULL) c
  RETURNING workflow_step_uuid
), updated AS (
  UPDATE tasker.workflow_steps s SET processed = true, in_process = false, processed_at = now(), updated_at = now()
    FROM entered e WHERE s.workflow_step_uuid = e.workflow_step_uuid
), told AS MATERIALIZED (
  SELECT pg_notify('${takenBackChannel}', '') FROM held WHERE state = 'in_progress' LIMIT 1
)
SELECT (SELECT count(*) FROM open)::int AS open, (SELECT count(*) FROM entered)::int + 0 * (SELECT count(*) FROM told)::int AS cancelled`
