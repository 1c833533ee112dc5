// Claimed steps that did not start go back to the queue with their attempt, and whoever listens is told when they can be claimed again.

import { messageOf } from '../model/host-error.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import type { StepStore } from '../model/step-store.ts'
import type { DispatchCounters, DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'
import type { HiddenMessages } from './hidden-messages.ts'

export interface StepReturnsParts {
  readonly store: Pick<StepStore, 'release'>
  readonly held: HeldSteps
  readonly hidden: HiddenMessages
  readonly events: DispatchEvents
  readonly counters: DispatchCounters
  /** It is unknown whether the steps went back. */
  releaseUnknown(): void
}

export class StepReturns {
  readonly #parts: StepReturnsParts
  readonly #delayMs: number
  readonly #underWay = new Set<Promise<void>>()
  #stopping = false

  /** Others have `delayMs` to take a step before it can come here again. */
  constructor(parts: StepReturnsParts, options: { delayMs: number }) {
    this.#parts = parts
    this.#delayMs = options.delayMs
  }

  /** A worker that ends cannot tell later that a step can be claimed: from now on it can at once. */
  stopDelaying(): void {
    this.#stopping = true
  }

  later(steps: readonly ClaimedStep[], reason: string): void {
    void this.giveBack(steps, { reason, delayMs: this.#stopping ? 0 : this.#delayMs })
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** Never rejects: what could not be given back is found by the next look at our own steps, or by recovery. */
  giveBack(steps: readonly ClaimedStep[], options: { reason: string; delayMs: number }): Promise<void> {
    const ours = steps.filter((step) => this.#parts.held.has(step))
    if (ours.length === 0) return Promise.resolve()
    this.#parts.held.returning(ours)
    const giving = this.#release(ours, options).finally(() => this.#underWay.delete(giving))
    this.#underWay.add(giving)
    return giving
  }

  async #release(steps: readonly ClaimedStep[], options: { reason: string; delayMs: number }): Promise<void> {
    const { store, held, hidden, counters, events } = this.#parts
    try {
      counters.released += await store.release(steps, options)
      held.returned(steps)
      // Delays of messages are whole seconds.
      if (options.delayMs > 0) hidden.hid(Math.ceil(options.delayMs / 1000) * 1000)
    } catch (error) {
      this.#parts.releaseUnknown()
      events.warning('steps could not be given back yet', { steps: steps.length, error: messageOf(error) })
    }
  }
}
