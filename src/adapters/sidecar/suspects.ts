// Steps whose handlers were running when their process died: who was there twice runs alone from then on.

import type { StepId } from '../../model/ids.ts'

/** Deaths after which a step gets a process of its own. */
export const deathsUntilAlone = 2
/** A bound on memory: the step that was blamed longest ago is forgotten. */
const stepsMax = 10_000

export class Suspects {
  readonly #deaths = new Map<StepId, number>()

  blame(step: StepId): void {
    const deaths = this.deathsOf(step) + 1
    this.#deaths.delete(step)
    this.#deaths.set(step, deaths)
    const [oldest] = this.#deaths.keys()
    if (this.#deaths.size > stepsMax && oldest !== undefined) this.#deaths.delete(oldest)
  }

  deathsOf(step: StepId): number {
    return this.#deaths.get(step) ?? 0
  }

  /** It ended in its process's life: it was not the cause, or is not any more. */
  clear(step: StepId): void {
    this.#deaths.delete(step)
  }
}
