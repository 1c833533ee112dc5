// The statement that moves tasks and starts what it enqueues: steps that a worker of the same process has room for never become messages.

import { attemptCounted, isAlive, runnableAmong, startMetadata, templateStep, waitsWell } from '../claim-statement.ts'
import { claimedColumns, claimedRows } from '../claimed-columns.ts'
import { enqueueMetadata, entering, type MoveParts, message, walking } from './move-statement.ts'
import { queueTable, wakeUp } from './outbox.ts'

export interface StartParts extends Omit<MoveParts, 'enqueues'> {
  readonly namespace: string
}

/**
 * $1 to $10 as those of `moveStatement`; $11 the worker, $12 the claim, $13 and $14 what it runs, $15 the tokens at hand, for which its room has been
 * counted: where there are more steps, all of them have to wait well. What it does not run becomes a message, of which everybody is told. The worker
 * serves the namespace, so nobody else's way of notifying has to be asked for. `left` stands in every row.
 */
export function startStatement({ namespace, ...parts }: StartParts): string {
  const queue = `'worker_' || '${namespace}' || '_queue'`
  return `WITH ${walking(parts).join(', ')}, ${entering(namespace)}, chosen AS MATERIALIZED (
  SELECT e.step_uuid, e.task_uuid, e.correlation_id, e.sort_key, s.ctid AS step_row, k.ctid AS task_row, k.priority, n.name AS step_name,
         ${templateStep} AS template_step, ${waitsWell} AS may_wait, uuid_generate_v7() AS token,
         ${isAlive('$11')} AND ${runnableAmong('$13', '$14')}
           AND ((SELECT count(*) FROM entering) <= $15::int OR ${waitsWell}) AS starts
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
), sent AS (
  INSERT INTO pgmq.${queueTable(namespace)} (vt, message)
  SELECT clock_timestamp(), ${message} FROM chosen e WHERE NOT e.starts ORDER BY e.step_uuid
), told AS MATERIALIZED (
  SELECT ${wakeUp(queue, `'${namespace}'`)} WHERE EXISTS (SELECT FROM chosen WHERE NOT starts)
)
SELECT seen.*, ${claimedColumns({ ancestors: true })}
  FROM (SELECT (count(*) FILTER (WHERE NOT starts))::int AS left_over, (SELECT count(*) FROM told)::int AS told FROM chosen) AS seen
  LEFT JOIN chosen c ON c.starts${claimedRows}
 ORDER BY c.may_wait, c.priority DESC, c.step_uuid`
}
