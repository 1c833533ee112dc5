// How long to wait until the next poll: short after a find, longer with every look in vain, rare while notifications are known to arrive.

export interface PollPaceOptions {
  /** The first wait after a claim that found something. */
  readonly firstMs: number
  /** The longest wait where nothing but the poll finds steps. */
  readonly idleMaxMs: number
  /** The longest wait while notifications arrive: the poll only finds what nobody told of. */
  readonly notifiedMaxMs: number
}

/** After a find the next one is likely; from here the waits double. */
const firstMs = 20

export function pollPaceOf(options: { pollIntervalMs: number; notifiedPollIntervalMs: number }): PollPaceOptions {
  const { pollIntervalMs, notifiedPollIntervalMs } = options
  return {
    firstMs: Math.min(firstMs, pollIntervalMs),
    idleMaxMs: pollIntervalMs,
    notifiedMaxMs: notifiedPollIntervalMs,
  }
}

export class PollPace {
  readonly #options: PollPaceOptions
  readonly #random: () => number
  #waits = 0

  constructor(options: PollPaceOptions, random: () => number = Math.random) {
    this.#options = options
    this.#random = random
  }

  /** Steps were found: more may follow. */
  found(): void {
    this.#waits = 0
  }

  /** Jitter takes up to a quarter off, so that the workers of a fleet do not ask in one moment. */
  nextMs({ notified }: { notified: boolean }): number {
    const { firstMs, idleMaxMs, notifiedMaxMs } = this.#options
    const fullMs = notified ? notifiedMaxMs : Math.min(idleMaxMs, firstMs * 2 ** this.#waits)
    this.#waits = Math.min(this.#waits + 1, 30)
    return fullMs * (1 - this.#random() / 4)
  }
}
