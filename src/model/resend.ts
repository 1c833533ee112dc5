// The resend: finds steps and results whose message got lost, and sends it again.

import type { HostError } from './host-error.ts'

export interface Resent {
  /** Steps whose worker is told again. */
  readonly steps: number
  /** Results that orchestration is told of again. */
  readonly results: number
  /** Queues that refused their messages, each with the reason; the next search finds those again. */
  readonly refusals: ReadonlyMap<string, HostError>
}

export interface Resender {
  /** null: another worker is at it, or was a moment ago. Rejects with a HostError; what was sent by then may be sent again. */
  resend(age: { readonly olderThanMs: number; readonly everyMs: number }): Promise<Resent | null>
}
