// When to claim: at once while claims find something, after a wake-up, and behind the notifications by polling (design D4).

import { messageOf } from '../model/host-error.ts'
import { WakeSignal } from './wake-signal.ts'

/** How soon a failed claim is tried again where no poll stands behind the notifications. */
const failedClaimRetryMs = 1_000

export interface ClaimLoopOptions {
  /** The poll behind the notifications; null: none (`EventDrivenOnly`). */
  readonly pollIntervalMs: number | null
}

export interface ClaimLoopParts {
  /** Resolves with `again` when another claim is worth its while right now, with `leftBehind` when it is once there is room. */
  claim(): Promise<{ readonly again: boolean; readonly leftBehind: boolean }>
  /** There is room for a claim that is worth its round trip. */
  hasRoom(): boolean
  /** A claim or its hydration failed: steps may be ours without our knowing. */
  failed(error: unknown): void
}

export class ClaimLoop {
  readonly #options: ClaimLoopOptions
  readonly #parts: ClaimLoopParts
  readonly #signal = new WakeSignal()
  #running: Promise<void> | null = null
  #claiming = false
  #unclaimedWork = true
  #fault: string | null = null

  constructor(options: ClaimLoopOptions, parts: ClaimLoopParts) {
    this.#options = options
    this.#parts = parts
  }

  /** False from the moment it was told to stop. */
  get claiming(): boolean {
    return this.#claiming
  }

  /** Why the last claim failed; null when it did not. */
  get fault(): string | null {
    return this.#fault
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

  async #run(): Promise<void> {
    while (this.#claiming) {
      let waitMs = this.#options.pollIntervalMs
      try {
        while (this.#claiming && this.#unclaimedWork && (await this.#claimOnce())) {}
        this.#fault = null
      } catch (error) {
        waitMs ??= failedClaimRetryMs
        this.#fault = messageOf(error)
        this.#unclaimedWork = true
        this.#parts.failed(error)
      }
      if (!this.#claiming) return
      await this.#signal.wait(waitMs)
      if (this.#options.pollIntervalMs !== null) this.#unclaimedWork = true
    }
  }

  async #claimOnce(): Promise<boolean> {
    if (!this.#parts.hasRoom()) return false
    this.#unclaimedWork = false
    const { again, leftBehind } = await this.#parts.claim()
    this.#unclaimedWork ||= again || leftBehind
    return again
  }
}
