// Steps that nobody holds: those of dead workers, and our own whose claim was never answered.

import type { WorkerId } from '../model/ids.ts'
import type { StepStore, WorkerRegistry } from '../model/step-store.ts'
import type { DispatchCounters, DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'
import type { Beat } from './lease.ts'

export interface RecoveryParts {
  readonly registry: WorkerRegistry
  readonly store: StepStore
  readonly held: HeldSteps
  readonly events: DispatchEvents
  readonly counters: DispatchCounters
  workerId(): WorkerId
}

/** A claim without an answer may commit as long as the server may work on it. */
const claimMayCommitMs = 120_000

export class StepRecovery {
  readonly #leaseMs: number
  readonly #parts: RecoveryParts
  #ownLookedAtMs = performance.now()
  #ownLookDue = false
  #claimLostAtMs = Number.NEGATIVE_INFINITY

  constructor(options: { leaseMs: number }, parts: RecoveryParts) {
    this.#leaseMs = options.leaseMs
    this.#parts = parts
  }

  /** A claim failed without an answer: look at our own steps with the next heartbeat. */
  claimUnknown(): void {
    this.#ownLookDue = true
    this.#claimLostAtMs = performance.now()
  }

  /** A release failed without an answer: the same look finds its steps. */
  releaseUnknown(): void {
    this.#ownLookDue = true
  }

  /** Steps may yet come under our name that no look at the database shows. */
  get mayBeGivenMore(): boolean {
    return this.#parts.held.isClaiming || performance.now() - this.#claimLostAtMs < claimMayCommitMs
  }

  async onHeartbeat({ steady, recoveryDue }: Beat): Promise<void> {
    if (this.#ownLookDue || performance.now() - this.#ownLookedAtMs >= this.#leaseMs) await this.returnUnknownSteps()
    if (recoveryDue) await this.#recoverFromTheDead({ mayJudge: steady })
  }

  /** Reads what is under our name, and gives back what we do not hold. Rejects with a HostError; then it is due again. */
  async returnUnknownSteps(): Promise<void> {
    const { registry, held, store, counters, events } = this.#parts
    this.#ownLookDue = false
    this.#ownLookedAtMs = performance.now()
    const unreturned = held.unreturned
    try {
      const owned = await registry.ownSteps(this.#parts.workerId())
      const unknown = held.unknown(owned)
      if (unknown.length > 0) {
        const released = await store.release(unknown, { delayMs: 0, reason: 'the answer of the claim was lost' })
        counters.released += released
        events.warning('steps whose claim or release was never answered went back to the queue', { steps: released })
      }
      held.returned(unreturned)
    } catch (error) {
      this.#ownLookDue = true
      throw error
    }
  }

  async #recoverFromTheDead({ mayJudge }: { mayJudge: boolean }): Promise<void> {
    const workerId = this.#parts.workerId()
    const { declaredDead, requeued, failed } = await this.#parts.registry.recover({
      ...{ workerId, leaseMs: this.#leaseMs, mayJudge },
    })
    if (declaredDead.length + requeued + failed === 0) return
    this.#parts.events.warning('recovered the steps of dead workers', { declaredDead, requeued, failed })
  }
}
