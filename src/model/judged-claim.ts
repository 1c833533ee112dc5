// Puts together the claim of several queues whose messages were judged one queue after the other.

import type { Claim } from './claim-source.ts'
import type { JudgedMessages, Verdict } from './message-judge.ts'
import type { ClaimedStep } from './step-request.ts'

export class JudgedClaim {
  readonly #steps: ClaimedStep[] = []
  readonly #counts: Record<Verdict, number> = { claimed: 0, left: 0, foreign: 0, malformed: 0, gone: 0, stale: 0 }
  #more = false
  #leftBehind = false

  get steps(): readonly ClaimedStep[] {
    return this.#steps
  }

  /** `windowFull`: the queue has more messages than were looked at. */
  add(judged: JudgedMessages, windowFull: boolean): void {
    this.#steps.push(...judged.steps)
    for (const verdict of judged.verdicts) this.#counts[verdict] += 1
    const left = judged.verdicts.filter((verdict) => verdict === 'left').length
    // What was looked at and is not left has moved, so the next window is a new one.
    this.#more ||= windowFull && left < judged.verdicts.length
    this.#leftBehind ||= windowFull || left > 0
  }

  /** A queue was not looked at, because there was no room for its steps. */
  skipped(): void {
    this.#leftBehind = true
  }

  claim(): Claim {
    const { foreign, malformed, gone, stale } = this.#counts
    const setAside = { malformed, gone, stale }
    return { steps: this.#steps, more: this.#more, leftBehind: this.#leftBehind, foreign, setAside }
  }
}
