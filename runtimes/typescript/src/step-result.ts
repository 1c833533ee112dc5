// What a handler returns: success with a result, or a failure that says whether a retry can help.

import { ErrorType, type Metadata } from './errors.ts'

/** Wishes to orchestration. Source: handler-api §0.3. */
export interface OrchestrationMetadata {
  readonly headers?: Readonly<Record<string, string>>
  readonly backoff_hint?: {
    readonly backoff_type: 'ServerRequested' | 'RateLimit' | 'ServiceUnavailable' | 'Custom'
    readonly delay_seconds: number
    readonly context?: string | null
  }
}

export interface StepHandlerResultFields {
  readonly success: boolean
  readonly result?: unknown
  readonly errorMessage?: string | null
  readonly errorType?: string | null
  readonly errorCode?: string | null
  readonly retryable?: boolean
  readonly metadata?: Metadata
  readonly orchestrationMetadata?: OrchestrationMetadata | null
}

/** Source: handler-api §1.3. */
export class StepHandlerResult {
  readonly success: boolean
  readonly result: unknown
  readonly errorMessage: string | null
  readonly errorType: string | null
  readonly errorCode: string | null
  readonly retryable: boolean
  readonly metadata: Metadata
  readonly orchestrationMetadata: OrchestrationMetadata | null

  constructor(fields: StepHandlerResultFields) {
    this.success = fields.success
    this.result = fields.result ?? null
    this.errorMessage = fields.errorMessage ?? null
    this.errorType = fields.errorType ?? null
    this.errorCode = fields.errorCode ?? null
    this.retryable = fields.retryable ?? true
    this.metadata = fields.metadata ?? {}
    this.orchestrationMetadata = fields.orchestrationMetadata ?? null
  }

  static success(result: unknown = {}, metadata: Metadata = {}): StepHandlerResult {
    return new StepHandlerResult({ success: true, result, metadata, retryable: false })
  }

  /** Not the end of the step: the host stores it, and the step runs on from it in the same attempt. */
  static checkpointYield(cursor: unknown, itemsProcessed: number, accumulatedResults?: unknown): StepHandlerResult {
    const accumulated = accumulatedResults === undefined ? {} : { accumulated_results: accumulatedResults }
    const result = { type: 'checkpoint_yield', cursor, items_processed: itemsProcessed, ...accumulated }
    return StepHandlerResult.success(result, { checkpoint_yield: true })
  }

  static failure(
    message: string,
    errorType: string = ErrorType.HANDLER_ERROR,
    retryable = true,
    metadata: Metadata = {},
    errorCode: string | null = null,
  ): StepHandlerResult {
    return new StepHandlerResult({ success: false, errorMessage: message, errorType, retryable, metadata, errorCode })
  }

  isSuccess(): boolean {
    return this.success
  }

  isFailure(): boolean {
    return !this.success
  }

  toJSON(): Record<string, unknown> {
    return {
      success: this.success,
      result: this.result,
      error_message: this.errorMessage,
      error_type: this.errorType,
      error_code: this.errorCode,
      retryable: this.retryable,
      metadata: this.metadata,
    }
  }
}

/** What a handler returned, as a result. Source: handler-api §1.3. */
export function toStepResult(returned: unknown): StepHandlerResult {
  if (returned instanceof StepHandlerResult) return returned
  if (returned === null || returned === undefined) return StepHandlerResult.success({})
  // A function would vanish inside an object; at the top it is refused with a reason.
  if (typeof returned === 'function' || typeof returned === 'symbol') return StepHandlerResult.success(returned)
  const plain = typeof returned === 'object' && !Array.isArray(returned)
  return StepHandlerResult.success(plain ? returned : { result: returned })
}
