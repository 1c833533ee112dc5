// Judging the messages of a transport that is not in the database of the steps: what each of them means, and which steps are ours now.

import type { ClaimRequest } from './claim-source.ts'
import type { ClaimedStep } from './step-request.ts'

/**
 * `claimed`: its step is ours, the message has done its work. `left`: claimable, but there was no room, or somebody else is at it. `foreign`: no
 * handler here. The others are of no use to anybody: no step in it, no such step, a step that waits for no worker.
 */
export type Verdict = 'claimed' | 'left' | 'foreign' | 'malformed' | 'gone' | 'stale'

export interface SeenMessage {
  /** The transport's number for it, for people who look for a rejected message. */
  readonly number: string
  /** null: no text that the database could hold. */
  readonly body: string | null
}

export interface JudgedMessages {
  /** Those with their last attempt first. */
  readonly steps: readonly ClaimedStep[]
  /** One for each message, in the order given. */
  readonly verdicts: readonly Verdict[]
  /** Tokens that the first step needs which is left only for want of them; null: there is none. */
  readonly nextWeighs: number | null
}

export interface MessageJudge {
  /**
   * One statement: judges every message, claims at most `free + prefetch` steps, and records the malformed. Rejects with a HostError; the claims may
   * then have happened (design D1: unknown).
   */
  judge(
    request: ClaimRequest,
    from: { readonly namespace: string; readonly queue: string; readonly messages: readonly SeenMessage[] },
  ): Promise<JudgedMessages>
}

/** The step queue of a namespace. Source: wire-protocol §3.1. */
export function stepQueueOf(namespace: string): string {
  return `worker_${namespace}_queue`
}

/** The numbers of the messages with one of the verdicts. */
export function numbersOf(
  messages: readonly { readonly number: string }[],
  verdicts: readonly Verdict[],
  ...wanted: readonly Verdict[]
): readonly string[] {
  return messages.flatMap(({ number }, place) => (wanted.includes(verdicts[place] ?? 'left') ? [number] : []))
}
