// Puts steps of one runtime side by side in the line for permits, so that one hand-over to it carries several.

import type { RuntimeName } from '../model/handler.ts'
import type { Handover } from './row-batches.ts'

/** No step is overtaken by more others than this in one claim. */
const windowSteps = 128
/**
 * Above this the wake-ups of runtimes cost little beside the handlers, and runtimes that each have something to compute are worth more: side by
 * side steps of one runtime would leave the processors of the others idle.
 */
const shortCallMs = 1
/** How much the last call counts in the average. */
const lastCallWeight = 1 / 32

export class RuntimeRuns {
  readonly #runtimeOf: (handover: Handover) => RuntimeName | null
  /** null: nothing ran yet. */
  #averageMs: number | null = null

  /** `runtimeOf`: null where it is not known. */
  constructor(runtimeOf: (handover: Handover) => RuntimeName | null) {
    this.#runtimeOf = runtimeOf
  }

  /** A handler took so long. */
  ran(ms: number): void {
    this.#averageMs = this.#averageMs === null ? ms : this.#averageMs + (ms - this.#averageMs) * lastCallWeight
  }

  /** In another order while calls are short, but steps of one runtime keep theirs, and nobody goes before a higher priority. */
  arranged(handovers: readonly Handover[]): readonly Handover[] {
    if (this.#averageMs === null || this.#averageMs > shortCallMs) return handovers
    return windowsOf(handovers).flatMap((window) => this.#inRuns(window))
  }

  #inRuns(window: readonly Handover[]): readonly Handover[] {
    const runs = new Map<RuntimeName | null, Handover[]>()
    for (const handover of window) {
      const runtime = this.#runtimeOf(handover)
      const run = runs.get(runtime)
      if (run === undefined) runs.set(runtime, [handover])
      else run.push(handover)
    }
    return runs.size === 1 ? window : [...runs.values()].flat()
  }
}

/** One after the other, of one priority each and not too long. */
function windowsOf(handovers: readonly Handover[]): readonly (readonly Handover[])[] {
  const windows: Handover[][] = []
  let window: Handover[] = []
  let [steps, priority] = [0, 0]
  for (const handover of handovers) {
    const its = handover[0]?.step.priority ?? 0
    if (window.length === 0 || its !== priority || steps + handover.length > windowSteps) {
      window = []
      windows.push(window)
      steps = 0
      priority = its
    }
    window.push(handover)
    steps += handover.length
  }
  return windows
}
