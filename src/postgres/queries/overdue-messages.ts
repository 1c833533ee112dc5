// Steps and results that wait for longer than their message should need, where the message is not in this database.

import type { ClaimToken } from '../../model/ids.ts'
import type { StepMessage } from '../../model/step-message.ts'
import type { Queryable } from '../statement.ts'
import { goingOn } from './orchestration/recovery.ts'
import { type StepMessageRow, stepMessageOf } from './step-message-row.ts'

export interface OverdueMessage extends StepMessage {
  /** The transition that the message should have told of. */
  readonly transition: ClaimToken
}

export interface OverdueOptions {
  readonly olderThanMs: number
  /** Those whose message was sent again within this time are left out; null: none is. */
  readonly notResentWithinMs: number | null
  readonly max: number
  /** Where the search goes on; null: from the beginning. */
  readonly after: ClaimToken | null
}

/** In the order of their transitions. Both directions: steps that no worker took, results that orchestration did not judge. */
export async function overdueMessages(
  database: Queryable,
  options: OverdueOptions,
): Promise<readonly OverdueMessage[]> {
  const rows = await database.query<StepMessageRow & { transition: ClaimToken }>({
    name: 'overdue-messages',
    text: `
SELECT CASE WHEN w.to_state = 'enqueued' THEN 'worker_' || ns.name || '_queue' ELSE 'orchestration_step_results' END AS queue,
       s.task_uuid, s.workflow_step_uuid AS step_uuid, t.correlation_id, w.workflow_step_transition_uuid AS transition
  FROM tasker.task_transitions tt
  JOIN tasker.tasks t ON t.task_uuid = tt.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  JOIN tasker.workflow_steps s ON s.task_uuid = t.task_uuid AND NOT s.processed AND NOT s.in_process
  JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
 WHERE ${goingOn}
   AND w.to_state IN ('enqueued', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')
   AND w.created_at < now() - $1::float8 * interval '1 ms'
   AND ($2::float8 IS NULL OR NOT pg_input_is_valid(coalesce(w.metadata ->> 'resent_at', 'never'), 'timestamptz')
        OR (w.metadata ->> 'resent_at')::timestamptz < now() - $2::float8 * interval '1 ms')
   AND ($4::uuid IS NULL OR w.workflow_step_transition_uuid > $4::uuid)
 ORDER BY w.workflow_step_transition_uuid
 LIMIT $3::int`,
    values: [options.olderThanMs, options.notResentWithinMs, options.max, options.after],
  })
  return rows.map((row) => ({ ...stepMessageOf(row), transition: row.transition }))
}

/** Notes at the transitions that their messages were sent again, so that it happens once, however long the queue is. */
export async function noteResent(database: Queryable, transitions: readonly ClaimToken[]): Promise<void> {
  await database.query({
    name: 'note-resent',
    text: `
WITH resent AS MATERIALIZED (
  SELECT workflow_step_transition_uuid AS id FROM tasker.workflow_step_transitions
   WHERE workflow_step_transition_uuid = ANY ($1::uuid[]) AND most_recent
   ORDER BY workflow_step_uuid FOR UPDATE SKIP LOCKED
)
UPDATE tasker.workflow_step_transitions w
   SET metadata = coalesce(w.metadata, '{}') || jsonb_build_object('resent_at', clock_timestamp()), updated_at = now()
  FROM resent r WHERE w.workflow_step_transition_uuid = r.id`,
    values: [transitions],
  })
}
