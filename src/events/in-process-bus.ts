// Hands fast events to the subscribers of this process, each of them one event after the other.

import type { AuthorCode } from '../model/domain-event.ts'
import type { SubscriberDescriptor } from '../model/handler.ts'
import type { JsonText } from '../model/json-text.ts'
import type { StepRequest } from '../model/step-request.ts'

/** Events that wait for one subscriber; beyond it they are dropped and counted. */
const eventsWaitingMax = 1000

export interface FastEvent {
  readonly name: string
  readonly request: StepRequest
  /** As subscribers get it. */
  readonly document: JsonText
}

export interface BusParts {
  authorCode(): AuthorCode
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

export class InProcessBus {
  readonly #parts: BusParts
  readonly #lines = new Map<string, FastEvent[]>()
  readonly #delivering = new Map<string, Promise<void>>()
  dispatched = 0
  calls = 0
  errors = 0
  dropped = 0

  constructor(parts: BusParts) {
    this.#parts = parts
  }

  dispatch(event: FastEvent): void {
    this.dispatched += 1
    for (const subscriber of this.#parts.authorCode().subscribers()) {
      if (matches(subscriber.patterns, event.name)) this.#queue(subscriber, event)
    }
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#delivering.size > 0) await Promise.all(this.#delivering.values())
  }

  /** What still waits is dropped. */
  dropWaiting(): void {
    for (const line of this.#lines.values()) this.dropped += line.splice(0).length
  }

  #queue(subscriber: SubscriberDescriptor, event: FastEvent): void {
    const key = JSON.stringify([subscriber.runtime, subscriber.root, subscriber.file, subscriber.name])
    const line = this.#lines.get(key) ?? []
    this.#lines.set(key, line)
    if (line.length >= eventsWaitingMax) {
      this.dropped += 1
      if (this.dropped % eventsWaitingMax === 1)
        this.#warn(subscriber, event, `${eventsWaitingMax} events wait for it; this one is dropped`)
      return
    }
    line.push(event)
    if (this.#delivering.has(key)) return
    const delivering = this.#deliverAll(subscriber, line).finally(() => {
      this.#delivering.delete(key)
      this.#lines.delete(key)
    })
    this.#delivering.set(key, delivering)
  }

  async #deliverAll(subscriber: SubscriberDescriptor, line: FastEvent[]): Promise<void> {
    for (let event = line.shift(); event !== undefined; event = line.shift()) {
      const { request, document } = event
      this.calls += 1
      const answer = await this.#parts.authorCode().call(subscriber, { mode: 'deliver', request, event: document })
      if (answer.success) continue
      this.errors += 1
      this.#warn(subscriber, event, answer.message)
    }
  }

  #warn({ name, file }: SubscriberDescriptor, event: FastEvent, reason: string): void {
    this.#parts.warn(`the subscriber "${name}" (${file}) did not take an event: ${reason}`, { event: event.name })
  }
}

/** `*` stands for any text. Source: PROTOCOL.md §3.1. */
function matches(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${parts.join('.*')}$`).test(name)
  })
}
