// Steps that were taken from this worker while it holds them, by a cancelled task or an operator: their handlers are told to stop.

import type { ClaimToken } from '../model/ids.ts'
import { takenBackChannel, type WakeUps } from '../model/wake-ups.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'

export interface TakenBackParts {
  /** null: only the look after each heartbeat finds them. */
  readonly wakeUps: WakeUps | null
  readonly held: HeldSteps
  readonly events: DispatchEvents
  /** Those of the claims that are over. Rejects with a HostError. */
  ended(claims: readonly ClaimToken[]): Promise<readonly ClaimToken[]>
  /** The worker does not hold some steps any more that it may be running. */
  stop(): void
}

export class TakenBack {
  readonly #parts: TakenBackParts
  #unlisten: (() => Promise<void>) | null = null
  #looking: Promise<void> | null = null
  #lookAgain = false

  constructor(parts: TakenBackParts) {
    this.#parts = parts
  }

  /** Rejects with a HostError. */
  async listen(): Promise<void> {
    this.#unlisten = (await this.#parts.wakeUps?.listen(takenBackChannel, () => this.#wake())) ?? null
  }

  /** Also a look under way has ended then. */
  async stop(): Promise<void> {
    await this.#unlisten?.()
    this.#unlisten = null
    await this.#looking?.catch(() => {})
  }

  /** Compares what is held with the database. One look at a time; what is told meanwhile leads to one more. Rejects with a HostError. */
  look(): Promise<void> {
    this.#lookAgain = true
    this.#looking ??= this.#lookUntilDone().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  #wake(): void {
    // The next heartbeat looks again.
    this.look().catch(() => {})
  }

  async #lookUntilDone(): Promise<void> {
    const { held, events } = this.#parts
    while (this.#lookAgain) {
      this.#lookAgain = false
      const claims = held.claims
      if (claims.length === 0) continue
      const steps = held.take(await this.#parts.ended(claims))
      if (steps.length === 0) continue
      events.info('steps were cancelled or resolved; their handlers are told to stop', {
        steps: steps.map(({ stepId }) => stepId),
      })
      this.#parts.stop()
    }
  }
}
