// What a client is told when a call fails: a gRPC status, one sentence, and when to come again. Source: orchestration-semantics §7.

import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { AuthFailure } from '../auth/auth-failure.ts'
import { refusalOf } from '../rest/refusal.ts'

/** By the status that REST answers with; what is not here is the server's fault. */
const codes: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  408: status.DEADLINE_EXCEEDED,
  409: status.ALREADY_EXISTS,
  422: status.INVALID_ARGUMENT,
  503: status.UNAVAILABLE,
}

/** The sentence travels in a header, several bytes per letter. */
const sentenceLettersMax = 1_000

export function grpcRefusal(error: unknown): ServiceError {
  const metadata = new Metadata()
  if (error instanceof AuthFailure) {
    metadata.set('x-auth-failure-reason', error.reason)
    metadata.set('x-auth-failure-severity', error.severity)
    return serviceError(codes[error.statusCode], error.message, error.retryAfterS, metadata)
  }
  const { statusCode, message, retryAfterS } = refusalOf(error)
  return serviceError(codes[statusCode], message, retryAfterS, metadata)
}

/** The server ends while the call goes on. */
export function grpcEnding(): ServiceError {
  return serviceError(status.UNAVAILABLE, 'The server stops; call again', null, new Metadata())
}

function serviceError(
  code: status = status.INTERNAL,
  message: string,
  retryAfterS: number | null,
  metadata: Metadata,
): ServiceError {
  if (retryAfterS !== null) metadata.set('retry-after', String(retryAfterS))
  // Half a letter cannot be encoded, and a status that cannot be sent says nothing.
  const details = message.slice(0, sentenceLettersMax).replace(/\p{Surrogate}/gu, '\uFFFD')
  return Object.assign(new Error(details), { code, details, metadata })
}
