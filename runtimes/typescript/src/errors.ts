// The errors a handler may throw to say whether a retry can help, and the words for kinds of failure.

/** The five standard words for `errorType`. Source: handler-api §0.5. Any other word is legal. */
export const ErrorType = {
  PERMANENT_ERROR: 'permanent_error',
  RETRYABLE_ERROR: 'retryable_error',
  VALIDATION_ERROR: 'validation_error',
  TIMEOUT: 'timeout',
  HANDLER_ERROR: 'handler_error',
} as const
export type ErrorType = (typeof ErrorType)[keyof typeof ErrorType]

export type Metadata = Readonly<Record<string, unknown>>

/** A failure that no retry can cure. A string as second argument is an error code. Source: handler-api §1.3. */
export class PermanentError extends Error {
  readonly errorType: string = ErrorType.PERMANENT_ERROR
  readonly metadata: Metadata
  readonly errorCode: string | null

  constructor(message: string, metadata: Metadata | string = {}) {
    super(message)
    this.name = 'PermanentError'
    this.metadata = typeof metadata === 'string' ? {} : metadata
    this.errorCode = typeof metadata === 'string' ? metadata : null
  }
}

/** What the task holds is wrong. Not one of Tasker's. */
export class ValidationError extends PermanentError {
  override readonly errorType = ErrorType.VALIDATION_ERROR

  constructor(message: string, metadata: Metadata | string = {}) {
    super(message, metadata)
    this.name = 'ValidationError'
  }
}

/** The host could not keep a checkpoint: the step lost its claim, or the data cannot be stored. Not one of Tasker's. */
export class CheckpointNotStored extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CheckpointNotStored'
  }
}

/** A failure that a retry may cure. `metadata.retryAfter` asks for a wait of so many seconds. Source: handler-api §1.3. */
export class RetryableError extends Error {
  readonly errorType: string = ErrorType.RETRYABLE_ERROR
  readonly metadata: Metadata
  readonly errorCode: string | null
  /** Seconds to wait before the next attempt; null leaves it to the step's backoff. */
  readonly retryAfter: number | null

  constructor(message: string, metadata: Metadata | string = {}) {
    super(message)
    this.name = 'RetryableError'
    this.metadata = typeof metadata === 'string' ? {} : metadata
    this.errorCode = typeof metadata === 'string' ? metadata : null
    const retryAfter = this.metadata['retryAfter']
    this.retryAfter = typeof retryAfter === 'number' && retryAfter >= 0 ? retryAfter : null
  }
}
