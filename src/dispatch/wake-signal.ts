// A bell for one waiting loop: rung before or during the wait, it ends the wait once.

export class WakeSignal {
  #rung = false
  #answer: (() => void) | null = null

  ring(): void {
    this.#rung = true
    this.#answer?.()
  }

  /**
   * Resolves with true when the bell was rung since the last wait, with false after `timeoutMs`; null waits for the bell alone, without
   * any timer.
   */
  async wait(timeoutMs: number | null): Promise<boolean> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === null ? null : setTimeout(resolve, timeoutMs)
        this.#answer = () => {
          if (timer !== null) clearTimeout(timer)
          resolve()
        }
      })
    }
    const rung = this.#rung
    this.#rung = false
    this.#answer = null
    return rung
  }
}
