// A loop that works when it is woken and, behind that, at an interval: one tick at a time, stopped by its owner.

import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'

export interface LoopOptions {
  /** Resolves with the milliseconds until the next tick is needed; null: the interval. 0: there is more to do now. */
  readonly tick: () => Promise<number | null>
  /** The longest time between two ticks, and the wait after a failed one. */
  readonly intervalMs: number
  readonly onFault: (error: HostError) => void
}

export class Loop implements Lifecycle {
  readonly #options: LoopOptions
  #running: Promise<void> | null = null
  #stopping = false
  #woken = false
  #endWait: (() => void) | null = null

  constructor(options: LoopOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    if (this.#running !== null) return
    this.#stopping = false
    this.#running = this.#run()
  }

  /** Waits for the tick under way. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#endWait?.()
    await this.#running
    this.#running = null
  }

  /** The next tick comes at once; wake-ups during a tick lead to one more. */
  wake(): void {
    this.#woken = true
    this.#endWait?.()
  }

  async #run(): Promise<void> {
    const { tick, intervalMs, onFault } = this.#options
    while (!this.#stopping) {
      this.#woken = false
      let waitMs = intervalMs
      let failed = false
      try {
        waitMs = Math.min((await tick()) ?? intervalMs, intervalMs)
      } catch (error) {
        failed = true
        onFault(isHostError(error) ? error : new HostError('DATABASE_FAULT', messageOf(error), { cause: error }))
      }
      // A database that is away must not be asked in a hot loop by wake-ups.
      await this.#wait(waitMs, { deaf: failed })
    }
  }

  async #wait(waitMs: number, { deaf }: { deaf: boolean }): Promise<void> {
    if (this.#stopping || (this.#woken && !deaf)) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#endWait = () => {
        if (deaf && !this.#stopping) return
        clearTimeout(timer)
        resolve()
      }
    })
    this.#endWait = null
  }
}
