// Claimed steps in line for a permit: those that get one run, the others wait here, prefetched (design D3).

import type { PermitUse, PermitView } from './permit-views.ts'
import { type Handover, isLastAttempt } from './row-batches.ts'
import type { Permit, Semaphore } from './semaphore.ts'

export interface PermitLineParts {
  readonly semaphore: Semaphore
  /** What the limits look at; null: unknown, so that only the number of permits counts. */
  useOf(handover: Handover): PermitUse | null
  /** Runs a handover to its end and gives the permit back. */
  run(handover: Handover, permit: Permit): void
  /** Takes what has to start at once or not at all. */
  refuse(handover: Handover): void
}

export class PermitLine {
  readonly #parts: PermitLineParts
  readonly #waiting: Handover[] = []
  #steps = 0
  #needsTokens = false

  constructor(parts: PermitLineParts) {
    this.#parts = parts
  }

  /** Steps that wait. */
  get size(): number {
    return this.#steps
  }

  /** The first in line that no view stops needs more tokens than there are: they are saved up for it. */
  get needsTokens(): boolean {
    return this.#needsTokens
  }

  /** Of those that wait, one for each handover. */
  uses(): readonly PermitUse[] {
    return this.#waiting.flatMap((handover) => this.#parts.useOf(handover) ?? [])
  }

  /**
   * Runs what there are permits for, behind those that wait already. A last attempt goes ahead of all and never waits: a crash would spend
   * it unused (design D3). The claim asked for no more of them than could start; if the limits have shrunk meanwhile, it is refused.
   */
  add(handovers: readonly Handover[]): void {
    for (const handover of handovers) {
      if (handover.some(({ step }) => isLastAttempt(step))) this.#startOrRefuse(handover)
      else {
        this.#waiting.push(handover)
        this.#steps += handover.length
      }
    }
    this.startWaiting()
  }

  /** For each permit that came back. Who waits for a full view is passed over, and goes before later ones of the same view. */
  startWaiting(): void {
    const full = new Set<PermitView>()
    const { semaphore } = this.#parts
    this.#needsTokens = false
    for (let index = 0; index < this.#waiting.length && !this.#needsTokens; ) {
      const handover = this.#waiting[index] ?? []
      const use = semaphore.isDivided && full.size > 0 ? this.#parts.useOf(handover) : null
      if (use !== null && semaphore.chargesOf(use).some(({ view }) => full.has(view))) index += 1
      else {
        const taking = this.#take(handover)
        if (taking.permit !== null) {
          this.#waiting.splice(index, 1)
          this.#steps -= handover.length
          this.#parts.run(handover, taking.permit)
        } else if (taking.full !== null) {
          full.add(taking.full)
          index += 1
        } else this.#needsTokens = true
      }
    }
  }

  /** Takes out all that wait: they will not start here. */
  drop(): readonly Handover[] {
    this.#steps = 0
    this.#needsTokens = false
    return this.#waiting.splice(0)
  }

  #startOrRefuse(handover: Handover): void {
    const { permit } = this.#take(handover)
    if (permit === null) this.#parts.refuse(handover)
    else this.#parts.run(handover, permit)
  }

  #take(handover: Handover) {
    return this.#parts.semaphore.take(() => this.#parts.useOf(handover))
  }
}
