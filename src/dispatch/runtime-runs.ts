// Puts steps of one runtime side by side in the line for permits, so that it is written to and woken for several at once.

import type { RuntimeName } from '../model/handler.ts'
import type { Handover } from './row-batches.ts'

/** No step is overtaken by more others than this in one claim. */
const windowSteps = 128
/**
 * From here on the wake-ups of runtimes cost little beside the handlers, and runtimes that each have something to compute are worth more: steps of
 * one runtime side by side would leave the processors of the others idle. Some runtimes measure whole milliseconds, rounded down.
 */
const shortStepMs = 1
/** How much the last step counts in the average, and how long it counts at most: one that takes long says nothing of the others. */
const lastStepWeight = 1 / 32
const lastStepMsMax = 30

export class RuntimeRuns {
  readonly #runtimeOf: (handover: Handover) => RuntimeName | null
  /** null: nothing ran yet. */
  #averageMs: number | null = null

  /** `runtimeOf`: null where it is not known. */
  constructor(runtimeOf: (handover: Handover) => RuntimeName | null) {
    this.#runtimeOf = runtimeOf
  }

  /** A handler took so long for so many steps. */
  ran(callMs: number, steps: number): void {
    const last = Math.min(callMs / steps, lastStepMsMax)
    this.#averageMs = this.#averageMs === null ? last : this.#averageMs + (last - this.#averageMs) * lastStepWeight
  }

  /** In another order while handlers are short, but steps of one runtime keep theirs, and nobody goes before a higher priority. */
  arranged(handovers: readonly Handover[]): readonly Handover[] {
    if (this.#averageMs === null || this.#averageMs >= shortStepMs) return handovers
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
    const its = Math.max(...handover.map(({ step }) => step.priority))
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
