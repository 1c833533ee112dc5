// All deadlines of the host in one timer wheel: setting and clearing one costs a map entry, not a timer (design D12).

import type { MonotonicMs } from '../model/runtime-adapter.ts'

const tickMs = 10

export interface Deadline {
  clear(): void
}

interface Entry extends Deadline {
  readonly expire: () => void
}

/** Expires entries within one tick (10 ms) after their time. The timer runs only while something waits, and never keeps the process alive. */
export class DeadlineWheel {
  readonly #slots = new Map<number, Set<Entry>>()
  readonly #now: () => MonotonicMs
  #timer: NodeJS.Timeout | null = null
  #tick: number
  #waiting = 0

  constructor(now: () => MonotonicMs = () => performance.now()) {
    this.#now = now
    this.#tick = this.#slotOf(now())
  }

  set(at: MonotonicMs, expire: () => void): Deadline {
    if (this.#waiting === 0) this.#tick = this.#slotOf(this.#now())
    const slot = Math.max(this.#slotOf(at) + 1, this.#tick + 1)
    const entries = this.#slots.get(slot) ?? this.#open(slot)
    const entry: Entry = {
      expire,
      clear: () => {
        if (entries.delete(entry)) this.#forget(slot, entries)
      },
    }
    entries.add(entry)
    this.#waiting += 1
    this.#timer ??= setInterval(() => this.advance(), tickMs).unref()
    return entry
  }

  /** Expires what is due. The wheel's own timer calls it; a test may call it with a clock of its own. */
  advance(): void {
    const until = this.#slotOf(this.#now())
    while (this.#tick < until && this.#waiting > 0) {
      this.#tick += 1
      const entries = this.#slots.get(this.#tick)
      for (const entry of entries ?? []) {
        entries?.delete(entry)
        this.#forget(this.#tick, entries ?? new Set())
        entry.expire()
      }
    }
    this.#tick = Math.max(this.#tick, until)
  }

  stop(): void {
    this.#slots.clear()
    this.#waiting = 0
    this.#stopTimer()
  }

  #slotOf(at: MonotonicMs): number {
    return Math.floor(at / tickMs)
  }

  #open(slot: number): Set<Entry> {
    const entries = new Set<Entry>()
    this.#slots.set(slot, entries)
    return entries
  }

  #forget(slot: number, entries: Set<Entry>): void {
    this.#waiting -= 1
    if (entries.size === 0) this.#slots.delete(slot)
    if (this.#waiting === 0) this.#stopTimer()
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
