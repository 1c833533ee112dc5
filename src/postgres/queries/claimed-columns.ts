// What a claim answers of each step that it claimed, with the documents that handlers get of it.

import { deathsUntilAlone } from '../../model/step-request.ts'
import { hasParents, smallAncestorResults } from './ancestor-results.ts'
import { stepDocument, taskDocument } from './step-documents.ts'
import { recoveriesOf } from './step-event.ts'

/** Of one step, its task and its ancestors' results, as they are stored. */
const documentBytesMax = 65_536
const ancestorsMax = 250

const ownBytes = `coalesce(pg_column_size(k.context), 0) + coalesce(pg_column_size(k.tags), 0) + coalesce(pg_column_size(s.inputs), 0)
             + coalesce(pg_column_size(s.results), 0) + coalesce(pg_column_size(s.checkpoint), 0)`

const noneTooLarge = `${ownBytes} <= ${documentBytesMax}`

/** Each of them has spent an attempt, so few steps are asked. */
const recoveries = `
       CASE WHEN s.attempts >= ${deathsUntilAlone} THEN (SELECT count(*)::int FROM (${recoveriesOf('c.step_uuid')}) AS p) ELSE 0 END AS recoveries`

/**
 * Of a row `c` of `chosen` with the rows `s`, `k` and `nt` of its step, task and template. They are read again from their places, as the
 * statement's snapshot has them, so they show the values from before the claim. The documents come with the claim, unless they are large: a
 * round trip less for most, and the answer of a claim stays small.
 *
 * The ancestors' results come too, where the statement has that part. The snapshot has them, old as it is: a step is enqueued once its ancestors
 * are done, and the snapshot has the step enqueued, or the last of them completed in the same transaction.
 */
export function claimedColumns(parts: { readonly ancestors: boolean }): string {
  const limits = { ancestorsMax, bytesMax: `${documentBytesMax} - (${ownBytes})` }
  return `s.workflow_step_uuid AS step_uuid, s.task_uuid, k.correlation_id, k.named_task_uuid, c.template_step, c.step_name, k.priority,
       c.token, coalesce(s.attempts, 0) AS attempts, coalesce(s.max_attempts, 3) AS max_attempts, s.retryable, nt.xmin::text AS template_version,
       CASE WHEN ${noneTooLarge} THEN ${taskDocument} END AS task,
       CASE WHEN ${noneTooLarge} THEN ${stepDocument({
         ...{ name: 'c.step_name', templateStep: 'c.template_step', attempts: 'nullif(s.attempts, 0)' },
         lastAttemptedAt: 's.last_attempted_at',
       })} END AS workflow_step,
       CASE WHEN NOT ${hasParents('c.step_uuid')} THEN '{}'${parts.ancestors ? ` ELSE ${smallAncestorResults('c.step_uuid', limits)}` : ''}
       END AS dependency_results`
}

/** The same of steps of which nothing is known in advance. */
export const allClaimedColumns = `${claimedColumns({ ancestors: true })}, c.runnable,${recoveries}`

/** The rows beside `chosen c` that the columns are read from. */
export const claimedRows = `
  LEFT JOIN tasker.workflow_steps s ON s.ctid = c.step_row
  LEFT JOIN tasker.tasks k ON k.ctid = c.task_row
  LEFT JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid`
