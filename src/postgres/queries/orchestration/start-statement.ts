// The statement that moves tasks and starts what it enqueues: steps that a worker of the same process has room for never become messages.

import { deathsUntilAlone } from '../../../model/step-request.ts'
import { attemptCounted, isAlive, noteClaim, runnableAmong, startMetadata, templateStep } from '../claim-statement.ts'
import { claimedColumns, claimedRows } from '../claimed-columns.ts'
import { enqueueMetadata, entering, type MoveParts, message, walking } from './move-statement.ts'
import { sendToQueue } from './outbox.ts'

export interface StartParts extends Omit<MoveParts, 'enqueues'> {
  readonly namespace: string
}

/**
 * $1 to $10 as those of `moveStatement`; $11 the worker, $12 the claim, $13 and $14 what it runs. It has room for all steps. What it does not run, and
 * what has spent so many attempts that a claim asks more of it, becomes a message. `queued` stands in every row.
 */
export function startStatement({ namespace, ...parts }: StartParts): string {
  return `WITH ${walking(parts).join(', ')}, ${entering(namespace)}, chosen AS MATERIALIZED (
  SELECT e.step_uuid, e.task_uuid, e.correlation_id, e.sort_key, s.ctid AS step_row, k.ctid AS task_row, k.priority, n.name AS step_name,
         ${templateStep} AS template_step, uuid_generate_v7() AS token,
         ${isAlive('$11')} AND ${runnableAmong('$13', '$14')} AND coalesce(s.attempts, 0) < ${deathsUntilAlone} AS starts
    FROM entering e
    JOIN tasker.workflow_steps s ON s.workflow_step_uuid = e.step_uuid
    JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
    JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
), begun_steps AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT uuid_generate_v7(), step_uuid, 'enqueued', 'pending', ${enqueueMetadata}, sort_key + 1, NOT starts, now(), now() FROM chosen
   UNION ALL
  SELECT token, step_uuid, 'in_progress', 'enqueued', ${startMetadata('$11', '$12')}, sort_key + 2, true, now(), now() FROM chosen WHERE starts
), counted AS (
  UPDATE tasker.workflow_steps s SET ${attemptCounted}
    FROM chosen c WHERE s.workflow_step_uuid = c.step_uuid AND c.starts
), ${noteClaim('$11', '$12', 'SELECT token FROM chosen WHERE starts')}), outbox AS MATERIALIZED (
  SELECT e.step_uuid AS position, ${message} AS message FROM chosen e WHERE NOT e.starts
), ${sendToQueue({ namespace, expression: `'${namespace}'::text`, woken: '$11::uuid' })}
SELECT seen.queued, ${claimedColumns({ ancestors: true })}
  FROM (SELECT messages::int AS queued FROM sent) AS seen
  LEFT JOIN chosen c ON c.starts${claimedRows}
 ORDER BY c.priority DESC, c.step_uuid`
}
