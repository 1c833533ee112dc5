// A loop that works when it is woken and, behind that, mostly at an interval: one tick at a time, stopped by its owner.

import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'

export interface LoopOptions {
  /** Resolves with the milliseconds until the next tick is needed; null: it need not come before the interval. 0: there is more to do now. */
  readonly tick: () => Promise<number | null>
  /** The longest time between two ticks, and the wait after a failed one. */
  readonly intervalMs: number
  /** False: nothing but a wake-up, and what a tick says, brings the next one; the interval is only the wait after a failed tick. Default true. */
  readonly polls?: boolean
  readonly onFault: (error: HostError) => void
}

/** A timer of Node cannot wait longer than 24 days. */
const waitMaxMs = 86_400_000

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
    const { tick, intervalMs, polls = true, onFault } = this.#options
    while (!this.#stopping) {
      this.#woken = false
      let waitMs: number | null = intervalMs
      let failed = false
      try {
        const neededMs = await tick()
        waitMs = polls ? Math.min(neededMs ?? intervalMs, intervalMs) : neededMs
      } catch (error) {
        failed = true
        onFault(isHostError(error) ? error : new HostError('DATABASE_FAULT', messageOf(error), { cause: error }))
      }
      // A database that is away must not be asked in a hot loop by wake-ups.
      await this.#wait(waitMs, { deaf: failed })
    }
  }

  /** null: until it is woken. */
  async #wait(waitMs: number | null, { deaf }: { deaf: boolean }): Promise<void> {
    if (this.#stopping || (this.#woken && !deaf)) return
    await new Promise<void>((resolve) => {
      const timer = waitMs === null ? undefined : setTimeout(resolve, Math.min(waitMs, waitMaxMs))
      this.#endWait = () => {
        if (deaf && !this.#stopping) return
        clearTimeout(timer)
        resolve()
      }
    })
    this.#endWait = null
  }
}
