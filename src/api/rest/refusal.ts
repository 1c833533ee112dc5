// What a client is told when a request fails: a status, a code and one sentence, the same shape everywhere.

import { CircuitOpenError } from '../../model/circuit-breaker.ts'
import { HostError, type HostErrorCode } from '../../model/host-error.ts'

/** A request that cannot be served; stays inside this room. */
export class Refusal extends Error {
  readonly statusCode: number
  readonly code: string
  /** For the header `Retry-After`; null: none. */
  readonly retryAfterS: number | null

  constructor(statusCode: number, code: string, message: string, retryAfterS: number | null = null) {
    super(message)
    this.name = 'Refusal'
    this.statusCode = statusCode
    this.code = code
    this.retryAfterS = retryAfterS
  }
}

/** Codes and statuses of Tasker's table (orchestration-semantics §6.1); what is not in it is the server's fault. */
const answers: Partial<Record<HostErrorCode, readonly [number, string]>> = {
  AUTH_UNAVAILABLE: [503, 'SERVICE_UNAVAILABLE'],
  BATCHES_DISABLED: [422, 'UNPROCESSABLE_ENTITY'],
  CIRCUIT_OPEN: [503, 'CIRCUIT_BREAKER_OPEN'],
  DATABASE_ANSWER_LOST: [503, 'SERVICE_UNAVAILABLE'],
  DATABASE_DENIED: [500, 'DATABASE_ERROR'],
  DATABASE_FAULT: [500, 'DATABASE_ERROR'],
  DATABASE_UNAVAILABLE: [503, 'SERVICE_UNAVAILABLE'],
  DATABASE_UNREACHABLE: [503, 'SERVICE_UNAVAILABLE'],
  STEP_ACTION_INVALID: [400, 'BAD_REQUEST'],
  STEP_NOT_FOUND: [404, 'NOT_FOUND'],
  STEP_TRANSITION_INVALID: [400, 'BAD_REQUEST'],
  TASK_DUPLICATE: [409, 'CONFLICT'],
  TASK_FINISHED: [400, 'BAD_REQUEST'],
  TASK_INVALID: [400, 'BAD_REQUEST'],
  TASK_NOT_FOUND: [404, 'NOT_FOUND'],
  TEMPLATE_INVALID: [400, 'BAD_REQUEST'],
  TEMPLATE_NOT_FOUND: [404, 'NOT_FOUND'],
}

/** Failures that the HTTP framework finds before a route is asked. */
const frameworkCodes: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  404: 'NOT_FOUND',
  408: 'TIMEOUT',
  413: 'PAYLOAD_TOO_LARGE',
  414: 'BAD_REQUEST',
  415: 'UNSUPPORTED_MEDIA_TYPE',
}

/** Texts of the database and of defects stay with the server: they may hold data of others. */
const ownWords: Readonly<Record<string, string>> = {
  CIRCUIT_BREAKER_OPEN: 'The database did not answer the requests before; try again later',
  DATABASE_ERROR: 'Database operation failed',
  INTERNAL_ERROR: 'Internal server error',
  SERVICE_UNAVAILABLE: 'Something that the server needs cannot be reached',
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof HostError) {
    const [status, code] = answers[error.code] ?? [500, 'INTERNAL_ERROR']
    const retryAfterS = error instanceof CircuitOpenError ? Math.ceil(error.retryInMs / 1000) : null
    return new Refusal(status, code, ownWords[code] ?? error.message, retryAfterS)
  }
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : null
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    return new Refusal(status, frameworkCodes[status] ?? 'BAD_REQUEST', error.message)
  }
  return new Refusal(500, 'INTERNAL_ERROR', ownWords['INTERNAL_ERROR'] ?? '')
}
