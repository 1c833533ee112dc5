// The one value that comes back from a handler, whatever the runtime, and the failures that the host itself gives.

import type { StepId } from './ids.ts'
import { emptyObject, type JsonText } from './json-text.ts'

interface Outcome {
  readonly stepId: StepId
  readonly executionTimeMs: number
  /** Goes to `metadata.custom` of the stored result: one JSON object. */
  readonly metadata: JsonText
}

/**
 * What a success asks for beyond its result: `decision` and `batches` are also in the result under Tasker's keys (wire-protocol §6.1, §6.2);
 * `checkpoint` means that the step is not done: it is stored and the step runs on in the same claim (§6.3).
 */
export interface StepOutcome {
  readonly kind: 'decision' | 'batches' | 'checkpoint'
  /** One untrusted JSON object in Tasker's shape. */
  readonly document: JsonText
}

export interface StepSuccess extends Outcome {
  readonly success: true
  readonly result: JsonText
  readonly outcome: StepOutcome | null
}

export interface StepFailure extends Outcome {
  readonly success: false
  readonly message: string
  /** A free word; the host's own are in `hostErrorTypes`. */
  readonly errorType: string
  readonly errorCode: string | null
  readonly retryable: boolean
  /** The handler's wish; reaches orchestration as the `retry-after` header. */
  readonly retryAfterS: number | null
  readonly backtrace: readonly string[]
  /** Goes to `error.context` of the stored result: one JSON object. */
  readonly context: JsonText
  /** The host saw its process end by itself, and it was the first call there. Absent where that is not so or nobody knows. */
  readonly endedItsProcess?: true
}

export type StepResult = StepSuccess | StepFailure

/** Failures that the host gives, and whether a retry can help. Source: wire-protocol §5.1; those after `handler_lost` are ours (design D1, D2, D9). */
export const hostErrorTypes = {
  handler_not_found: { retryable: false },
  handler_error: { retryable: true },
  handler_panic: { retryable: false },
  handler_timeout: { retryable: true },
  handler_lost: { retryable: true },
  invalid_result: { retryable: false },
  checkpoint_error: { retryable: true },
  handler_mismatch: { retryable: false },
  worker_lost: { retryable: false },
} as const
export type HostErrorType = keyof typeof hostErrorTypes

export function hostFailure(
  stepId: StepId,
  errorType: HostErrorType,
  message: string,
  executionTimeMs = 0,
): StepFailure {
  return {
    stepId,
    success: false,
    message,
    errorType,
    errorCode: null,
    retryable: hostErrorTypes[errorType].retryable,
    retryAfterS: null,
    backtrace: [],
    context: emptyObject,
    metadata: emptyObject,
    executionTimeMs,
  }
}
