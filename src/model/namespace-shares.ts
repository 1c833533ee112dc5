// Deficit round robin: how the room of one claim is divided among the namespaces that have something, so that in the long run each gets the same.

/** In shares of a claim: whoever got more than the others for a while must not be left out for all of the next claims. */
const owedSharesMax = 2

export interface ShareUse {
  /** Of the room of the claim. */
  readonly used: number
  /** It could have used more: there was no room for what it has, or for its next step. */
  readonly waits: boolean
}

export class NamespaceShares {
  /** What each has got less than its share (or more: below 0), since it began to wait. */
  readonly #deficits = new Map<string, number>()
  #share = 0

  /** The room for each of `ready`, in the order in which they should be asked: who has got the least comes first. The shares sum to `room`. */
  divide(room: number, ready: readonly string[]): ReadonlyMap<string, number> {
    for (const namespace of this.#deficits.keys()) if (!ready.includes(namespace)) this.#deficits.delete(namespace)
    this.#share = 1 / Math.max(1, ready.length)
    const order = ready.toSorted((left, right) => this.#deficit(right) - this.#deficit(left))
    const shares = new Map<string, number>()
    let left = room
    for (const namespace of order) {
      const share = Math.min(left, Math.max(0, Math.floor(this.#deficit(namespace) + room * this.#share)))
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

  /** After `divide`: a step of that weight is its share of so much room, or of as much as the step needs; it has used some of it already. */
  isDue(namespace: string, { weight, room, used }: { weight: number; room: number; used: number }): boolean {
    return this.#deficit(namespace) + Math.max(room, weight) * this.#share - used >= weight
  }

  /**
   * What those who wait have got is compared with what each of them should have. Whoever waits for nothing begins anew, and room that nobody else
   * waited for is no debt.
   */
  settle(uses: ReadonlyMap<string, ShareUse>, room: number): void {
    const waiting = [...uses].filter(([, { waits }]) => waits)
    const share = waiting.reduce((sum, [, { used }]) => sum + used, 0) / Math.max(1, waiting.length)
    const owedMax = owedSharesMax * Math.max(1, room * this.#share)
    for (const namespace of uses.keys()) if (!uses.get(namespace)?.waits) this.#deficits.delete(namespace)
    for (const [namespace, { used }] of waiting) {
      this.#deficits.set(namespace, Math.max(-owedMax, this.#deficit(namespace) + share - used))
    }
  }

  /** It had its turn, and comes after all others. */
  putLast(namespace: string): void {
    this.#deficits.set(namespace, Math.min(0, ...this.#deficits.values()) - 1)
  }

  #deficit(namespace: string): number {
    return this.#deficits.get(namespace) ?? 0
  }
}
