// Load shedding: a worker that is nearly full claims nothing ahead, so that others take what could only wait here.

import type { DispatchEvents } from './dispatch-events.ts'

export interface LoadSheddingOptions {
  readonly enabled: boolean
  /** From this share of what the worker can hold on, nothing is claimed ahead of a free permit. */
  readonly capacityThresholdPercent: number
  /** From this share on, it is said. */
  readonly warningThresholdPercent: number
}

export interface Load {
  /** Tokens of the steps that run. */
  readonly taken: number
  /** Steps that are claimed and have not started. */
  readonly waiting: number
  /** What the two can be at most: permits and prefetch. */
  readonly capacity: number
}

export type LoadState = 'normal' | 'warning' | 'shedding'

/** A worker under load crosses a threshold many times a second. */
const saidEveryMs = 60_000

export class LoadShedding {
  readonly #events: DispatchEvents
  #options: LoadSheddingOptions
  #before: LoadState = 'normal'
  #saidAt: Record<LoadState, number> = { normal: 0, warning: -saidEveryMs, shedding: -saidEveryMs }
  #times = 0

  constructor(options: LoadSheddingOptions, events: DispatchEvents) {
    this.#options = options
    this.#events = events
  }

  /** How often the worker has stopped claiming ahead. */
  get times(): number {
    return this.#times
  }

  change(options: LoadSheddingOptions): void {
    this.#options = options
  }

  stateAt(load: Load): LoadState {
    const { enabled, capacityThresholdPercent, warningThresholdPercent } = this.#options
    const percent = percentOf(load)
    if (!enabled || percent === 0) return 'normal'
    if (percent >= capacityThresholdPercent) return 'shedding'
    return percent >= warningThresholdPercent ? 'warning' : 'normal'
  }

  /** True: claim for free permits only. They are always filled: an idle permit would shed nothing. */
  refusesAhead(load: Load): boolean {
    const state = this.stateAt(load)
    if (state !== this.#before) this.#turned(state, load)
    return state === 'shedding'
  }

  #turned(state: LoadState, load: Load): void {
    const worse = state === 'shedding' || (state === 'warning' && this.#before === 'normal')
    this.#before = state
    if (state === 'shedding') this.#times += 1
    if (!worse || performance.now() - this.#saidAt[state] < saidEveryMs) return
    this.#saidAt[state] = performance.now()
    const message =
      state === 'shedding'
        ? 'the worker is as full as load shedding lets it be: it claims nothing ahead of a free permit'
        : 'the worker is nearly as full as load shedding lets it be'
    this.#events.warning(message, { usage_percent: Math.round(percentOf(load)), ...load })
  }
}

export function percentOf({ taken, waiting, capacity }: Load): number {
  return (100 * (taken + waiting)) / Math.max(1, capacity)
}
