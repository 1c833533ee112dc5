// The subscribers of this thread: those of the handler files, and those that were registered by hand.

import type { BaseSubscriber, InProcessDomainEventPoller } from './base-subscriber.ts'

export type SubscriberClass = new () => BaseSubscriber

export class SubscriberRegistry {
  static readonly instance = new SubscriberRegistry()

  readonly #subscribers: BaseSubscriber[] = []

  register(subscriberClass: SubscriberClass): BaseSubscriber {
    const known = this.#subscribers.find((each) => each.constructor === subscriberClass)
    return known ?? this.registerInstance(new subscriberClass())
  }

  registerInstance(subscriber: BaseSubscriber): BaseSubscriber {
    this.#subscribers.push(subscriber)
    return subscriber
  }

  get subscribers(): readonly BaseSubscriber[] {
    return [...this.#subscribers]
  }

  startAll(poller?: InProcessDomainEventPoller): void {
    for (const subscriber of this.#subscribers) subscriber.start(poller)
  }

  stopAll(): void {
    for (const subscriber of this.#subscribers) subscriber.stop()
  }

  stats(): { readonly total: number; readonly active: number } {
    return { total: this.#subscribers.length, active: this.#subscribers.filter(({ active }) => active).length }
  }

  reset(): void {
    this.#subscribers.length = 0
  }
}
