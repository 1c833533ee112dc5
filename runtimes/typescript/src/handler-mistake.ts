// Mistakes of an author in the use of this package: no retry mends them, so they fail the step for good and say where.

import { PermanentError } from './errors.ts'

/** The message says what is wrong and what to do; the runtime adds handler and file. */
export class HandlerMistake extends PermanentError {
  constructor(message: string, errorCode = 'HANDLER_MISTAKE') {
    super(message, errorCode)
    this.name = 'HandlerMistake'
  }
}
