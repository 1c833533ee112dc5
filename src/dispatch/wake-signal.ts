// A bell for one waiting loop: rung before or during the wait, it ends the wait once.

export class WakeSignal {
  #rung = false
  #answer: (() => void) | null = null

  ring(): void {
    this.#rung = true
    this.#answer?.()
  }

  /** Resolves when the bell was rung since the last wait, or after `timeoutMs`; null waits for the bell alone. */
  async wait(timeoutMs: number | null): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === null ? null : setTimeout(resolve, timeoutMs)
        this.#answer = () => {
          if (timer !== null) clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#rung = false
    this.#answer = null
  }
}
