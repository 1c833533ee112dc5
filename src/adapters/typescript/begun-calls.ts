// How many calls of a handler thread have begun, in memory that the thread shares: known also of a thread that hangs in the midst of one.

export class BegunCalls {
  /** For the thread; see `begun-calls` of its runtime. */
  readonly shared = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT))

  /** Calls begin in the order in which they were sent, so these are the first so many. */
  get count(): number {
    const count = Atomics.load(this.shared, 0)
    return Number(count < 0n ? -count - 1n : count)
  }

  /** None begins from now on, however long the thread may go on. */
  end(): void {
    for (;;) {
      const count = Atomics.load(this.shared, 0)
      if (count < 0n || Atomics.compareExchange(this.shared, 0, count, -count - 1n) === count) return
    }
  }
}
