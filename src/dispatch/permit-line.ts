// Claimed steps in line for a permit: those that get one run, the others wait here, prefetched (design D3).

import type { Handover } from './row-batches.ts'
import type { Permit, Semaphore } from './semaphore.ts'

export interface PermitLineParts {
  readonly semaphore: Semaphore
  /** Runs a handover to its end and gives the permit back. */
  run(handover: Handover, permit: Permit): void
}

export class PermitLine {
  readonly #parts: PermitLineParts
  readonly #waiting: Handover[] = []
  #steps = 0

  constructor(parts: PermitLineParts) {
    this.#parts = parts
  }

  /** Steps that wait. */
  get size(): number {
    return this.#steps
  }

  /** Runs what there are permits for, in the order given: those with their last attempt come first and never wait (design D3). */
  add(handovers: readonly Handover[]): void {
    const permits = this.#parts.semaphore.take(handovers.length)
    handovers.forEach((handover, index) => {
      const permit = permits[index]
      if (permit !== undefined) this.#parts.run(handover, permit)
      else {
        this.#waiting.push(handover)
        this.#steps += handover.length
      }
    })
  }

  /** For each permit that came back. */
  startWaiting(): void {
    while (this.#waiting.length > 0) {
      const [permit] = this.#parts.semaphore.take(1)
      if (permit === undefined) return
      const next = this.#waiting.shift()
      if (next === undefined) permit.release()
      else {
        this.#steps -= next.length
        this.#parts.run(next, permit)
      }
    }
  }

  /** Takes out all that wait: they will not start here. */
  drop(): readonly Handover[] {
    this.#steps = 0
    return this.#waiting.splice(0)
  }
}
