// Why a caller is turned away, in Tasker's words. Source: worker-api-and-config §1.1, orchestration-semantics §6.1.

export type AuthFailureReason = 'missing' | 'expired' | 'invalid' | 'malformed' | 'forbidden'

const severities = { missing: 'low', expired: 'high', invalid: 'high', malformed: 'high', forbidden: 'medium' } as const
const retryAfterS = { low: null, medium: 5, high: 60 } as const

/** Stays inside this room: REST and gRPC make their own answer of it. */
export class AuthFailure extends Error {
  readonly reason: AuthFailureReason

  constructor(reason: AuthFailureReason, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'AuthFailure'
    this.reason = reason
  }

  get statusCode(): 401 | 403 {
    return this.reason === 'forbidden' ? 403 : 401
  }

  get code(): string {
    if (this.reason === 'missing') return 'UNAUTHORIZED'
    return this.reason === 'forbidden' ? 'AUTHORIZATION_FAILED' : 'AUTHENTICATION_FAILED'
  }

  get severity(): 'low' | 'medium' | 'high' {
    return severities[this.reason]
  }

  /** For the header `Retry-After`; null: none. */
  get retryAfterS(): number | null {
    return retryAfterS[this.severity]
  }
}
