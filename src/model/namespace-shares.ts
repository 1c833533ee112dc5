// Deficit round robin: how the room of one claim is divided among the namespaces that have something, so that in the long run each gets the same.

/** In shares of a claim: whoever was not asked for a while must not get all of the next claims. */
const savedSharesMax = 2

export class NamespaceShares {
  readonly #deficits = new Map<string, number>()

  /**
   * The room for each of `ready`, in the order in which they should be asked: who has got the least comes first. The shares sum to `room`.
   * `heaviest`: what a single step may take of it; a namespace can save up that much, or its heavy steps would never have their turn.
   */
  divide(room: number, ready: readonly string[], heaviest = 1): ReadonlyMap<string, number> {
    for (const namespace of this.#deficits.keys()) if (!ready.includes(namespace)) this.#deficits.delete(namespace)
    const quantum = room / Math.max(1, ready.length)
    const savedMax = Math.max(heaviest, savedSharesMax * Math.max(1, quantum))
    for (const namespace of ready) {
      const saved = (this.#deficits.get(namespace) ?? 0) + quantum
      this.#deficits.set(namespace, Math.min(saved, savedMax))
    }
    const order = ready.toSorted((left, right) => this.#deficit(right) - this.#deficit(left))
    const shares = new Map<string, number>()
    let left = room
    for (const namespace of order) {
      const share = Math.min(left, Math.max(0, Math.floor(this.#deficit(namespace))))
      shares.set(namespace, share)
      left -= share
    }
    // What the fractions leave goes to those who are nearest to their next whole step.
    for (const namespace of order) {
      if (left === 0) break
      const extra = Math.ceil(left / order.length)
      shares.set(namespace, (shares.get(namespace) ?? 0) + Math.min(extra, left))
      left -= Math.min(extra, left)
    }
    return shares
  }

  /**
   * What was claimed took so much of its share: one that had less to run than it could loses the rest, one whose next step did not fit keeps it.
   * Room that nobody else wanted is no debt, so it is not told.
   */
  took(namespace: string, { used, hasMore }: { used: number; hasMore: boolean }): void {
    this.#deficits.set(namespace, hasMore ? this.#deficit(namespace) - used : 0)
  }

  #deficit(namespace: string): number {
    return this.#deficits.get(namespace) ?? 0
  }
}
