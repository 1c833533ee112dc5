// Gives claimed steps that never started back to their queues, with the attempt that the claim took.

import type { ClaimToken, StepId } from '../../model/ids.ts'
import type { StepMessage } from '../../model/step-message.ts'
import type { Queryable } from '../statement.ts'
import { stepEventMetadata } from './step-event.ts'
import { type StepMessageRow, stepMessageOf } from './step-message-row.ts'

/**
 * Resolves with the messages of those that were still ours. Each step needs a fresh one, visible after `delayMs`, because the old one was consumed
 * at the claim; with `sends` the statement sends them (whole seconds, rounded up).
 */
export async function releaseSteps(
  database: Queryable,
  steps: readonly { stepId: StepId; token: ClaimToken }[],
  options: { delayMs: number; reason: string; sends: boolean },
): Promise<readonly StepMessage[]> {
  const rows = await database.query<StepMessageRow>({
    name: options.sends ? 'release-steps' : 'release-steps-silently',
    text: releaseText(options.sends),
    values: [
      steps.map((step) => step.token),
      options.reason,
      ...(options.sends ? [Math.ceil(options.delayMs / 1000)] : []),
    ],
  })
  return rows.map(stepMessageOf)
}

const releaseText = (sends: boolean) => `
WITH mine AS MATERIALIZED (
  SELECT t.workflow_step_transition_uuid AS token, t.workflow_step_uuid AS step_uuid, t.sort_key
    FROM tasker.workflow_step_transitions t
   WHERE t.workflow_step_transition_uuid = ANY ($1::uuid[]) AND t.most_recent AND t.to_state = 'in_progress'
   ORDER BY t.workflow_step_uuid
     FOR UPDATE
), closed AS (
  UPDATE tasker.workflow_step_transitions t SET most_recent = false, updated_at = now()
    FROM mine m WHERE t.workflow_step_transition_uuid = m.token
  RETURNING m.token, m.step_uuid, m.sort_key
), queued AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT step_uuid, 'enqueued', 'in_progress',
         ${stepEventMetadata(`'{"type":"Enqueue"}'`, `'released', $2::text, 'claim_token', token`)},
         sort_key + 1, true, now(), now()
    FROM closed
  RETURNING workflow_step_uuid
), uncounted AS (
  UPDATE tasker.workflow_steps s
     SET in_process = false, attempts = greatest(s.attempts - 1, 0), updated_at = now()
    FROM queued q WHERE s.workflow_step_uuid = q.workflow_step_uuid
  RETURNING s.workflow_step_uuid, s.task_uuid
)
SELECT 'worker_' || ns.name || '_queue' AS queue, u.task_uuid, u.workflow_step_uuid AS step_uuid, k.correlation_id${sends ? sent : ''}
  FROM uncounted u
  JOIN tasker.tasks k ON k.task_uuid = u.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid`

const sent = `,
       tasker.pgmq_send_with_notify('worker_' || ns.name || '_queue',
         jsonb_build_object('task_uuid', u.task_uuid, 'step_uuid', u.workflow_step_uuid, 'correlation_id', k.correlation_id),
         $3::int)`
