// The publishers of this thread by name: those of the handler files, and those that were registered by hand.

import { type BasePublisher, DefaultPublisher } from './base-publisher.ts'
import { PermanentError } from './errors.ts'

export class PublisherRegistry {
  static readonly instance = new PublisherRegistry()

  readonly #publishers = new Map<string, BasePublisher>()
  readonly #default = new DefaultPublisher()
  #frozen = false

  register(publisher: BasePublisher): void {
    this.#checkOpen()
    this.#publishers.set(publisher.publisherName, publisher)
  }

  get(name: string): BasePublisher | undefined {
    return this.#publishers.get(name)
  }

  getOrDefault(name: string): BasePublisher {
    return this.#publishers.get(name) ?? this.#default
  }

  /** Throws a PermanentError: there is none of that name. */
  getStrict(name: string): BasePublisher {
    const found = this.#publishers.get(name)
    if (found !== undefined) return found
    throw new PermanentError(
      `No publisher is called "${name}"; there are: ${this.registeredNames.join(', ') || 'none'}.`,
    )
  }

  isRegistered(name: string): boolean {
    return this.#publishers.has(name)
  }

  get registeredNames(): readonly string[] {
    return [...this.#publishers.keys()]
  }

  unregister(name: string): boolean {
    this.#checkOpen()
    return this.#publishers.delete(name)
  }

  clear(): void {
    this.#checkOpen()
    this.#publishers.clear()
  }

  /** Throws a PermanentError, naming the first that is missing. */
  validateRequired(names: readonly string[]): void {
    for (const name of names) this.getStrict(name)
  }

  /** Nothing is registered any more until `reset`. */
  freeze(): void {
    this.#frozen = true
  }

  get isFrozen(): boolean {
    return this.#frozen
  }

  reset(): void {
    this.#frozen = false
    this.#publishers.clear()
  }

  #checkOpen(): void {
    if (this.#frozen) throw new PermanentError('The publishers are frozen; register them while the handler files load.')
  }
}
