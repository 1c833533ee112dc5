// The resend: finds steps and results whose message got lost, and sends it again.

export interface Resent {
  /** Steps whose worker is told again. */
  readonly steps: number
  /** Results that orchestration is told of again. */
  readonly results: number
}

export interface Resender {
  /** null: another worker is at it, or was a moment ago. Rejects with a HostError; what was sent by then may be sent again. */
  resend(age: { readonly olderThanMs: number; readonly everyMs: number }): Promise<Resent | null>
}
