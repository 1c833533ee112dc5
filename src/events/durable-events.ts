// Sends events to their queues: those of a tick in one statement, again while PostgreSQL is away, and never without an end.

import { setTimeout as delay } from 'node:timers/promises'
import type { DomainEventQueue, QueuedEvent } from '../model/domain-event.ts'
import { messageOf } from '../model/host-error.ts'

const batchEventsMax = 100
const triesMax = 6
const retryBaseMs = 100

interface Waiting {
  readonly event: QueuedEvent
  settle(problem: string | null): void
}

export class DurableEvents {
  readonly #queue: DomainEventQueue
  readonly #waiting: Waiting[] = []
  readonly #abandon = new AbortController()
  #sending = false

  constructor(queue: DomainEventQueue) {
    this.#queue = queue
  }

  /** Resolves with null when it is in the queue, else with why not. */
  send(event: QueuedEvent): Promise<string | null> {
    return new Promise((settle) => {
      this.#waiting.push({ event, settle })
      if (!this.#sending) void this.#sendAll()
    })
  }

  /** No further tries: what is not sent now is said to be lost. */
  abandon(): void {
    this.#abandon.abort()
  }

  async #sendAll(): Promise<void> {
    this.#sending = true
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchEventsMax)
      const problems = await this.#sendBatch(batch.map(({ event }) => event))
      for (const [index, { settle }] of batch.entries()) {
        settle(typeof problems === 'string' ? problems : (problems[index] ?? null))
      }
    }
    this.#sending = false
  }

  /** An answer that got lost may mean that events are sent twice: readers of a queue see each event id at least once. */
  async #sendBatch(events: readonly QueuedEvent[]): Promise<readonly (string | null)[] | string> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#queue.send(events)
      } catch (error) {
        if (tries === triesMax || this.#abandon.signal.aborted) return messageOf(error)
        await delay(retryBaseMs * 2 ** tries, undefined, { signal: this.#abandon.signal }).catch(() => undefined)
      }
    }
  }
}
