// When to claim: at once while claims find something, after a wake-up, and behind the notifications by polling (design D4).

import { messageOf } from '../model/host-error.ts'
import { PollPace, type PollPaceOptions } from './poll-pace.ts'
import { WakeSignal } from './wake-signal.ts'

export interface ClaimLoopOptions {
  /** The poll behind the notifications; null: none, and no timer at all (`EventDrivenOnly`). */
  readonly poll: PollPaceOptions | null
}

/** `again`: another claim is worth its while right now; `leftBehind`: it is once there is room. */
export interface ClaimEnd {
  readonly found: boolean
  readonly again: boolean
  readonly leftBehind: boolean
}

export interface ClaimLoopParts {
  claim(): Promise<ClaimEnd>
  /** There is room for a claim that is worth its round trip. */
  hasRoom(): boolean
  /** Notifications are known to arrive, so that polls may be rare. */
  notified(): boolean
  /** A claim or its hydration failed: steps may be ours without our knowing. */
  failed(error: unknown): void
}

export class ClaimLoop {
  readonly #parts: ClaimLoopParts
  readonly #pace: PollPace | null
  readonly #signal = new WakeSignal()
  #running: Promise<void> | null = null
  #claiming = false
  /** A claim is under way, or its steps have not begun. */
  #isBusy = false
  #unclaimedWork = true
  #fault: string | null = null
  #lastClaimAtMs: number | null = null

  constructor(options: ClaimLoopOptions, parts: ClaimLoopParts) {
    this.#parts = parts
    this.#pace = options.poll === null ? null : new PollPace(options.poll)
  }

  /** False from the moment it was told to stop. */
  get claiming(): boolean {
    return this.#claiming
  }

  /** It claims, or is about to: something may be in a queue that no claim has looked for. */
  get isDue(): boolean {
    return this.#isBusy || this.#unclaimedWork
  }

  /** Why the last claim failed; null when it did not. */
  get fault(): string | null {
    return this.#fault
  }

  /** When the queues were last looked at: milliseconds since 1970 by this machine's clock; null: not yet. */
  get lastClaimAtMs(): number | null {
    return this.#lastClaimAtMs
  }

  start(): void {
    this.#claiming = true
    this.#running ??= this.#run()
  }

  /** Resolves when the claim under way has ended. */
  async stop(): Promise<void> {
    this.#claiming = false
    this.#signal.ring()
    await this.#running
    this.#running = null
  }

  /** Something may be in a queue. */
  wake(): void {
    this.#unclaimedWork = true
    this.#signal.ring()
  }

  /** There is more room than before: claiming goes on only where the last claim left something behind. */
  roomFreed(): void {
    if (this.#unclaimedWork && this.#parts.hasRoom()) this.#signal.ring()
  }

  /** Notifications arrive now, or do not any more: the next poll comes at the pace for that. */
  paceChanged(): void {
    this.#pace?.found()
    this.#signal.ring()
  }

  /** The database has just answered somebody: a claim that failed is tried again. Without a poll nothing else would. */
  databaseAnswered(): void {
    if (this.#fault !== null) this.wake()
  }

  async #run(): Promise<void> {
    while (this.#claiming) {
      try {
        while (this.#claiming && this.#unclaimedWork && (await this.#claimOnce())) {}
      } catch (error) {
        this.#fault = messageOf(error)
        this.#unclaimedWork = true
        this.#parts.failed(error)
      }
      if (!this.#claiming) return
      const rung = await this.#signal.wait(this.#waitMs())
      if (!rung) this.#unclaimedWork = true
    }
  }

  #waitMs(): number | null {
    return this.#pace?.nextMs({ notified: this.#fault === null && this.#parts.notified() }) ?? null
  }

  async #claimOnce(): Promise<boolean> {
    if (!this.#parts.hasRoom()) return false
    this.#unclaimedWork = false
    this.#isBusy = true
    try {
      const { found, again, leftBehind } = await this.#parts.claim()
      this.#fault = null
      this.#lastClaimAtMs = Date.now()
      if (found) this.#pace?.found()
      this.#unclaimedWork ||= again || leftBehind
      return again
    } finally {
      this.#isBusy = false
    }
  }
}
