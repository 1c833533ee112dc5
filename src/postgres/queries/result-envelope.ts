// The stored form of a step result, built by PostgreSQL so that no pasted text can change its meaning. Source: wire-protocol §5.1.

import { nowOnce } from './step-event.ts'

/**
 * SQL for a StepExecutionResult over a row `g` with the columns success, result, custom, context, execution_ms, message, error_type,
 * error_code, retryable, retry_after_s (text), backtrace (jsonb), runtime. `status` is never `error`: that makes Tasker's server loop on
 * the message. Failures carry a non-null `orchestration_metadata`, without which it would retry at once.
 * Its `error_code` and `error_type` are null where the result is a success, as those of `g` are. `stephost.complete_step` (migration 0012) builds that of a success itself.
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
    'metadata', jsonb_build_object(
      'handler_version', NULL, 'completed_at', ${nowOnce}, 'worker_id', 'worker_' || ${workerUuid}, 'worker_hostname', ${hostname},
      'started_at', NULL, 'execution_time_ms', g.execution_ms, 'custom', g.custom::jsonb,
      'retryable', g.retryable AND NOT g.success, 'error_code', g.error_code, 'error_type', g.error_type,
      'context', CASE WHEN g.runtime IS NULL THEN '{}' ELSE jsonb_build_object('runtime', g.runtime) END),
    'error', CASE WHEN NOT g.success THEN jsonb_build_object(
      'message', g.message, 'error_type', g.error_type, 'error_code', g.error_code, 'backtrace', g.backtrace,
      'retryable', g.retryable, 'context', g.context::jsonb) END,
    'orchestration_metadata', CASE WHEN NOT g.success THEN jsonb_build_object(
      'headers', jsonb_strip_nulls(jsonb_build_object('retry-after', g.retry_after_s)),
      'error_context', NULL, 'backoff_hint', NULL, 'custom', '{}'::jsonb) END)`
}
