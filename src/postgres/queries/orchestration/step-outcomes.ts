// Reads what the judgement of results depends on, for steps whose result waits.

import type { NamedTaskId, StepId, TaskId } from '../../../model/ids.ts'
import type { StepOutcome } from '../../../model/orchestration-store.ts'
import { type BackoffKind, backoffKinds } from '../../../model/template.ts'
import type { Queryable } from '../../statement.ts'

interface OutcomeRow {
  readonly step_uuid: StepId
  readonly task_uuid: TaskId
  readonly state: StepOutcome['state']
  readonly success: boolean | null
  readonly status: string | null
  readonly error_message: string | null
  readonly result_retryable: boolean
  readonly step_retryable: boolean
  readonly named_task_uuid: NamedTaskId
  readonly revision: string
  readonly template_step: string
  readonly failure_strategy: string | null
  readonly attempts: number
  readonly attempts_max: number
  readonly retry_after: string | null
  readonly backoff_kind: string | null
  readonly backoff_base_ms: number | null
  readonly backoff_max_ms: number | null
  readonly now_ms: number
}

/** The tasks of the steps should be locked: then nobody else judges. */
export async function stepOutcomes(
  transaction: Queryable,
  stepIds: readonly StepId[],
): Promise<readonly StepOutcome[]> {
  const rows = await transaction.query<OutcomeRow>({ name: 'step-outcomes', text: outcomesText, values: [stepIds] })
  return rows.map((row) => ({
    stepId: row.step_uuid,
    taskId: row.task_uuid,
    state: row.state,
    success: row.success,
    status: row.status,
    errorMessage: row.error_message,
    resultRetryable: row.result_retryable,
    stepRetryable: row.step_retryable,
    template: { namedTaskId: row.named_task_uuid, revision: row.revision },
    templateStep: row.template_step,
    failureStrategy: row.failure_strategy,
    attempts: row.attempts,
    attemptsMax: row.attempts_max,
    retryAfter: row.retry_after,
    backoff: { kind: backoffKind(row.backoff_kind), baseMs: row.backoff_base_ms, maxMs: row.backoff_max_ms },
    nowMs: row.now_ms,
  }))
}

function backoffKind(text: string | null): BackoffKind {
  return backoffKinds.includes(text as BackoffKind) ? (text as BackoffKind) : 'exponential'
}

// The envelope and the template may have been written by anybody, so every path is tested for its type before it is cast.
const outcomesText = `
SELECT s.workflow_step_uuid AS step_uuid, s.task_uuid, w.to_state AS state,
       CASE jsonb_typeof(s.results -> 'success') WHEN 'boolean' THEN (s.results -> 'success')::bool END AS success,
       s.results ->> 'status' AS status,
       left(s.results #>> '{error,message}', 1000) AS error_message,
       coalesce(s.results #> '{metadata,retryable}' = 'true', false) AS result_retryable,
       s.retryable AS step_retryable, nt.named_task_uuid, nt.xmin::text AS revision,
       coalesce(s.inputs ->> '__template_step_name', n.name) AS template_step,
       CASE WHEN w.to_state = 'enqueued_as_error_for_orchestration' AND s.inputs ? '__template_step_name'
            THEN s.inputs #>> '{batch_metadata,failure_strategy}' END AS failure_strategy,
       coalesce(s.attempts, 0) AS attempts, coalesce(s.max_attempts, 3) AS attempts_max,
       (SELECT h.value
          FROM jsonb_each_text(CASE jsonb_typeof(s.results #> '{orchestration_metadata,headers}')
                                    WHEN 'object' THEN s.results #> '{orchestration_metadata,headers}' ELSE '{}' END) h
         WHERE lower(h.key) = 'retry-after' LIMIT 1) AS retry_after,
       retry.config ->> 'backoff' AS backoff_kind,
       CASE WHEN retry.config ->> 'backoff_base_ms' ~ '^[0-9]{1,9}$' THEN (retry.config ->> 'backoff_base_ms')::int END AS backoff_base_ms,
       CASE WHEN retry.config ->> 'max_backoff_ms' ~ '^[0-9]{1,9}$' THEN (retry.config ->> 'max_backoff_ms')::int END AS backoff_max_ms,
       (extract(epoch FROM now()) * 1000)::float8 AS now_ms
  FROM tasker.workflow_steps s
  JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  JOIN tasker.tasks t ON t.task_uuid = s.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  LEFT JOIN LATERAL (
    SELECT d -> 'retry' AS config
      FROM jsonb_array_elements(CASE WHEN jsonb_typeof(nt.configuration -> 'steps') = 'array' THEN nt.configuration -> 'steps' ELSE '[]' END) d
     WHERE w.to_state = 'enqueued_as_error_for_orchestration'
       AND d ->> 'name' = coalesce(s.inputs ->> '__template_step_name', n.name)
     LIMIT 1) retry ON true
 WHERE s.workflow_step_uuid = ANY ($1::uuid[])
   AND w.to_state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')
 ORDER BY s.workflow_step_uuid`
