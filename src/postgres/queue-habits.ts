// What the last claims of each queue found: it says what the statement of the next one is to be ready for.

/**
 * A statement pays for each of its parts, used or not. So the part that reads the results of ancestors is there while steps have any: for so many
 * claims after the last one. Until it is there, and where it is not, steps with parents are hydrated in a look of their own.
 */
const claimsAfterParents = 100

export class QueueHabits {
  readonly #mixed = new Set<string>()
  readonly #parents = new Map<string, number>()
  readonly #texts = new Map<string, string>()

  /** The last claim found something that was not a step to claim. */
  isMixed(namespace: string): boolean {
    return this.#mixed.has(namespace)
  }

  noteMixed(namespace: string, isMixed: boolean): void {
    if (isMixed) this.#mixed.add(namespace)
    else this.#mixed.delete(namespace)
  }

  hasParents(namespace: string): boolean {
    return this.#parents.has(namespace)
  }

  /** `some`: one of the steps that were claimed had parents; none at all say nothing. */
  noteParents(namespace: string, some: boolean): void {
    const left = some ? claimsAfterParents : (this.#parents.get(namespace) ?? 0) - 1
    if (left > 0) this.#parents.set(namespace, left)
    else this.#parents.delete(namespace)
  }

  /** The text of a statement, put together once: four for each namespace at most. */
  text(name: string, make: () => string): string {
    const text = this.#texts.get(name) ?? make()
    this.#texts.set(name, text)
    return text
  }
}
