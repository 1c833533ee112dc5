// Messages that this worker hid for a while: no notification of the queue tells when they can be seen again, so this worker does.

import type { Deadline, DeadlineWheel } from './deadline.ts'

export interface HiddenMessagesParts {
  readonly deadlines: DeadlineWheel
  /** Tells all workers that listen, this one too. */
  announce(): Promise<void>
}

export class HiddenMessages {
  readonly #parts: HiddenMessagesParts
  #waiting: Deadline | null = null
  /** When the last of them is visible again, by the monotonic clock. */
  #visibleAt = Number.NEGATIVE_INFINITY
  #owed = false

  constructor(parts: HiddenMessagesParts) {
    this.#parts = parts
  }

  /** To be called after the statement that hid them: the database's clock began before ours. */
  hid(forMs: number): void {
    const visibleAt = performance.now() + forMs
    this.#visibleAt = Math.max(this.#visibleAt, visibleAt)
    this.#waiting ??= this.#parts.deadlines.set(visibleAt, () => this.#due())
  }

  /** The database answers: what could not be told is told now. */
  async tellOwed(): Promise<void> {
    if (!this.#owed) return
    this.#owed = false
    try {
      await this.#parts.announce()
    } catch {
      this.#owed = true
    }
  }

  #due(): void {
    const later = this.#visibleAt
    this.#waiting = later > performance.now() ? this.#parts.deadlines.set(later, () => this.#due()) : null
    this.#owed = true
    void this.tellOwed()
  }
}
