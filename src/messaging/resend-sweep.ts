// Looks for lost messages as long as the worker lives; of many workers the database lets one at a time.

import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { Resender, Resent } from '../model/resend.ts'

export interface ResendSweepOptions {
  readonly resender: Resender
  readonly everyMs: number
  /** How long a step may be enqueued, or a result wait, before its message is looked for. */
  readonly olderThanMs: number
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

export class ResendSweep implements Lifecycle {
  readonly #options: ResendSweepOptions
  #life: AbortController | null = null
  #running: Promise<void> = Promise.resolve()

  constructor(options: ResendSweepOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    if (this.#life !== null) return
    this.#life = new AbortController()
    this.#running = this.#run(this.#life.signal)
  }

  async stop(): Promise<void> {
    this.#life?.abort()
    this.#life = null
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { everyMs } = this.#options
    while (!signal.aborted) {
      // Jitter keeps the workers of a fleet from asking in the same moment.
      await delay(everyMs * (0.9 + Math.random() / 5), undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) await this.#sweep()
    }
  }

  async #sweep(): Promise<void> {
    const { resender, warn, ...age } = this.#options
    try {
      const resent: Resent | null = await resender.resend(age)
      if (resent === null) return
      const { refusals, ...sent } = resent
      if (sent.steps + sent.results > 0) warn('lost messages were sent again', { ...sent })
      for (const [queue, { message: error, hint }] of refusals)
        warn('a queue refuses messages that got lost; they are looked for again', { queue, error, hint })
    } catch (error) {
      warn('the search for lost messages failed; it is repeated', { error: messageOf(error) })
    }
  }
}
