// How many calls of this thread have begun, in memory that the host shares: it reads there what a thread that hangs cannot say any more.

export class BegunCalls {
  readonly #count: BigInt64Array

  /** One number: how many have begun; below zero when the host lets none begin any more. */
  constructor(count: BigInt64Array) {
    this.#count = count
  }

  /** Counts one more; false: none may begin. */
  tryBegin(): boolean {
    for (;;) {
      const count = Atomics.load(this.#count, 0)
      if (count < 0n) return false
      if (Atomics.compareExchange(this.#count, 0, count, count + 1n) === count) return true
    }
  }
}
