// Steps that nobody holds: those of dead workers, and our own whose claim was never answered.

import type { WorkerId } from '../model/ids.ts'
import type { StepStore, WorkerRegistry } from '../model/step-store.ts'
import type { DispatchCounters, DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'

export interface RecoveryParts {
  readonly registry: WorkerRegistry
  readonly store: StepStore
  readonly held: HeldSteps
  readonly events: DispatchEvents
  readonly counters: DispatchCounters
  workerId(): WorkerId
}

export class StepRecovery {
  readonly #leaseMs: number
  readonly #parts: RecoveryParts
  #ownLookedAt = performance.now()
  #ownLookDue = false

  constructor(options: { leaseMs: number }, parts: RecoveryParts) {
    this.#leaseMs = options.leaseMs
    this.#parts = parts
  }

  /** A claim failed without an answer: look at our own steps with the next heartbeat. */
  claimUnknown(): void {
    this.#ownLookDue = true
  }

  async onHeartbeat({ steady }: { steady: boolean }): Promise<void> {
    if (this.#ownLookDue || performance.now() - this.#ownLookedAt >= this.#leaseMs) await this.#returnUnknownSteps()
    if (steady) await this.#recoverFromTheDead()
  }

  async #returnUnknownSteps(): Promise<void> {
    this.#ownLookDue = false
    this.#ownLookedAt = performance.now()
    const owned = await this.#parts.registry.ownSteps(this.#parts.workerId())
    const unknown = this.#parts.held.unknown(owned)
    if (unknown.length === 0) return
    const released = await this.#parts.store.release(unknown, {
      delayMs: 0,
      reason: 'the answer of the claim was lost',
    })
    this.#parts.counters.released += released
    this.#parts.events.warning('steps whose claim was never answered went back to the queue', { steps: released })
  }

  async #recoverFromTheDead(): Promise<void> {
    const { declaredDead, requeued, failed } = await this.#parts.registry.recover({ leaseMs: this.#leaseMs })
    if (declaredDead.length + requeued + failed === 0) return
    this.#parts.events.warning('recovered the steps of dead workers', { declaredDead, requeued, failed })
  }
}
