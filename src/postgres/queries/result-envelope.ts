// The stored form of a step result, built by PostgreSQL so that no pasted text can change its meaning. Source: wire-protocol §5.1.

import { nowRfc3339 } from './step-event.ts'

/**
 * SQL for a StepExecutionResult over a row `g` with the columns success, result, custom, context, execution_ms, message, error_type,
 * error_code, retryable, retry_after_s (text), backtrace (jsonb), runtime. `status` is never `error`: that makes Tasker's server loop on
 * the message. Failures carry a non-null `orchestration_metadata`, without which it would retry at once.
 * What is the same for all results is built once per statement. `stephost.complete_step` (migration 0012) builds that of a success itself.
 */
export function resultEnvelope({
  stepUuid,
  workerUuid,
  hostname,
}: {
  stepUuid: string
  workerUuid: string
  hostname: string
}): string {
  return `jsonb_build_object(
    'step_uuid', ${stepUuid}, 'success', g.success,
    'result', CASE WHEN g.success THEN g.result::jsonb ELSE '{}'::jsonb END,
    'status', CASE WHEN g.success THEN 'completed' ELSE 'failed' END,
    'metadata', (SELECT jsonb_build_object(
        'handler_version', NULL, 'completed_at', ${nowRfc3339}, 'worker_id', 'worker_' || ${workerUuid}, 'worker_hostname', ${hostname},
        'started_at', NULL, 'retryable', false, 'error_code', NULL, 'error_type', NULL, 'context', '{}'::jsonb))
      || jsonb_build_object('execution_time_ms', g.execution_ms, 'custom', g.custom::jsonb)
      || CASE WHEN g.success THEN '{}' ELSE jsonb_build_object(
           'retryable', g.retryable, 'error_code', g.error_code, 'error_type', g.error_type) END
      || CASE WHEN g.runtime IS NULL THEN '{}' ELSE jsonb_build_object('context', jsonb_build_object('runtime', g.runtime)) END,
    'error', CASE WHEN NOT g.success THEN jsonb_build_object(
      'message', g.message, 'error_type', g.error_type, 'error_code', g.error_code, 'backtrace', g.backtrace,
      'retryable', g.retryable, 'context', g.context::jsonb) END,
    'orchestration_metadata', CASE WHEN NOT g.success THEN jsonb_build_object(
      'headers', jsonb_strip_nulls(jsonb_build_object('retry-after', g.retry_after_s)),
      'error_context', NULL, 'backoff_hint', NULL, 'custom', '{}'::jsonb) END)`
}
