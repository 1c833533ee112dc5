// Moves steps from state to state, each by compare-and-set on its current transition.

import { HostError } from '../../../model/host-error.ts'
import type { StepId } from '../../../model/ids.ts'
import type { StepMove } from '../../../model/orchestration-store.ts'
import { eventOf, stepMoves } from '../../../model/task-state.ts'
import type { Queryable } from '../../statement.ts'
import { closesWhatWaits, stepEventMetadata } from '../step-event.ts'

/** Resolves with the steps that moved. The columns of the step follow in the same statement. Source: orchestration-semantics §2.4. */
export async function moveSteps(transaction: Queryable, moves: readonly StepMove[]): Promise<readonly StepId[]> {
  for (const { stepId, from, to } of moves) {
    if (eventOf(stepMoves, from, to) !== null) continue
    throw new HostError('STEP_TRANSITION_INVALID', `No move leads step ${stepId} from ${from} to ${to}`)
  }
  const rows = await transaction.query<{ step_uuid: StepId }>({
    name: 'move-steps',
    text: moveText,
    values: [
      moves.map((move) => move.stepId),
      moves.map((move) => move.from),
      moves.map((move) => move.to),
      moves.map((move) => move.event),
      moves.map((move) => (move.backoffMs === null ? null : Math.round(move.backoffMs))),
      moves.map((move) => move.failure),
    ],
  })
  return rows.map((row) => row.step_uuid)
}

// The column holds whole seconds, so the wait is rounded up and the last attempt dated back by what was added: their sum, which everybody
// computes the next retry from, is exact to the millisecond.
const moveText = `
WITH wanted AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::text[])
                  AS m(step_uuid, from_state, to_state, event, backoff_ms, failure)
), held AS MATERIALIZED (
  SELECT w.workflow_step_transition_uuid AS transition_uuid, w.sort_key, m.*
    FROM wanted m
    JOIN tasker.workflow_step_transitions w
      ON w.workflow_step_uuid = m.step_uuid AND w.most_recent AND w.to_state = m.from_state
   ORDER BY w.workflow_step_uuid
     FOR UPDATE OF w
), closed AS (
  UPDATE tasker.workflow_step_transitions w SET ${closesWhatWaits}
    FROM held h WHERE w.workflow_step_transition_uuid = h.transition_uuid AND w.most_recent
  RETURNING h.*
), entered AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT c.step_uuid, c.to_state, c.from_state, ${stepEventMetadata('c.event', `'from_service', 'stephost_orchestrator'`)},
         c.sort_key + 1, true, now(), now()
    FROM closed c
)
UPDATE tasker.workflow_steps s
   SET in_process = false,
       processed = s.processed OR m.to_state = 'complete',
       processed_at = CASE WHEN m.to_state = 'complete' THEN now() ELSE s.processed_at END,
       results = CASE WHEN m.failure IS NULL THEN s.results ELSE coalesce(s.results, '{}') || jsonb_build_object(
         'success', false, 'status', 'failed', 'error', jsonb_build_object(
           'message', m.failure, 'error_type', 'invalid_outcome', 'error_code', NULL, 'backtrace', '[]'::jsonb, 'retryable', false,
           'context', '{}'::jsonb)) END,
       backoff_request_seconds = CASE WHEN m.backoff_ms IS NULL THEN s.backoff_request_seconds ELSE ceil(m.backoff_ms / 1000) END,
       last_attempted_at = CASE WHEN m.backoff_ms IS NULL THEN s.last_attempted_at
                                ELSE now() - make_interval(secs => ceil(m.backoff_ms / 1000) - m.backoff_ms / 1000) END,
       updated_at = now()
  FROM closed m
 WHERE s.workflow_step_uuid = m.step_uuid
RETURNING s.workflow_step_uuid AS step_uuid`
