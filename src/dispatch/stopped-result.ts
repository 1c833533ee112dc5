// The result of a handler that failed because it was told to stop, or because its process was lost.

import type { HandlerDescriptor } from '../model/handler.ts'
import type { CancelReason } from '../model/runtime-adapter.ts'
import type { StepFailure, StepResult } from '../model/step-result.ts'

export interface HowItRan {
  readonly descriptor: HandlerDescriptor
  /** Why it was told to stop; null: it was not. */
  readonly cancelled: CancelReason | null
  readonly timeoutMs: number
  readonly ranMs: number
}

/** A handler that fails after it was told to stop failed because of that; one that still succeeded did its work. */
export function explained(result: StepResult, { descriptor, cancelled, timeoutMs, ranMs }: HowItRan): StepResult {
  if (result.success) return result
  // A step that kills whatever process it is in stays a permanent failure, also when it was told to stop before it did so again.
  const poison = result.errorType === 'handler_lost' && !result.retryable
  if (cancelled === null || poison) return afterCrash(result, descriptor)
  const executionTimeMs = Math.max(result.executionTimeMs, Math.round(ranMs))
  if (cancelled === 'timeout') {
    const message = `Handler timed out after ${timeoutMs}ms (${result.message})`
    return { ...result, message, errorType: 'handler_timeout', retryable: true, executionTimeMs }
  }
  const message = `The handler was stopped: ${cancelled === 'shutdown' ? 'the worker shut down' : 'the worker lost its lease'} (${result.message})`
  return { ...result, message, errorType: 'handler_lost', retryable: true, executionTimeMs }
}

/** `on_crash: retry`: the attempt is spent, only the wait before the next one is skipped (`retry-after: 0`). */
function afterCrash(failure: StepFailure, { onCrash }: HandlerDescriptor): StepFailure {
  return failure.errorType === 'handler_lost' && onCrash === 'retry' ? { ...failure, retryAfterS: 0 } : failure
}
