// Hears of fast and broadcast domain events in this process. Source of names: handler-api §1.3.

import type { Metadata } from './errors.ts'

export interface DomainEvent {
  readonly eventId: string
  readonly eventName: string
  readonly eventVersion: string
  /** The business payload. */
  readonly payload: Metadata
  readonly metadata: Metadata
  readonly executionResult: Metadata
}

/** The form on the wire. */
export interface EventDocument {
  readonly event_id: string
  readonly event_name: string
  readonly event_version?: string
  readonly business_payload?: unknown
  readonly metadata?: Metadata
  readonly execution_result?: Metadata
}

export function ffiEventToDomainEvent(event: EventDocument): DomainEvent {
  return {
    eventId: event.event_id,
    eventName: event.event_name,
    eventVersion: event.event_version ?? '1.0',
    payload: (event.business_payload ?? {}) as Metadata,
    metadata: event.metadata ?? {},
    executionResult: event.execution_result ?? {},
  }
}

/** An event for tests of subscribers. */
export function createDomainEvent(eventName: string, payload: Metadata, about: Partial<DomainEvent> = {}): DomainEvent {
  const defaults = {
    eventId: crypto.randomUUID(),
    eventVersion: '1.0',
    metadata: {},
    executionResult: { success: true },
  }
  return { ...defaults, ...about, eventName, payload }
}

/** Hands events to subscribers without a host, for tests: what `add` was given, `poll` hands on. */
export class InProcessDomainEventPoller {
  readonly #listeners: ((event: DomainEvent) => unknown)[] = []
  readonly #waiting: DomainEvent[] = []

  onEvent(listener: (event: DomainEvent) => unknown): void {
    this.#listeners.push(listener)
  }

  add(event: DomainEvent): void {
    this.#waiting.push(event)
  }

  /** Hands on what waits; resolves with the number of events. */
  async poll(): Promise<number> {
    const events = this.#waiting.splice(0)
    for (const event of events) for (const listener of this.#listeners) await listener(event)
    return events.length
  }
}

/** Gives the poller what a source has, one event at a time until it has none. */
export function createFfiPollAdapter(
  poller: InProcessDomainEventPoller,
  source: () => EventDocument | null,
): () => number {
  return () => {
    let count = 0
    for (let event = source(); event !== null; event = source()) {
      poller.add(ffiEventToDomainEvent(event))
      count += 1
    }
    return count
  }
}

/** An exported subclass with `static subscribesTo()` is found with its file. Methods may return promises. */
export abstract class BaseSubscriber {
  /** Names of events; `*` stands for any text. */
  static subscribesTo(): readonly string[] {
    return []
  }

  #active = true

  abstract handle(event: DomainEvent): unknown

  /** False: the event is not handled. */
  beforeHandle(_event: DomainEvent): unknown {
    return true
  }

  afterHandle(_event: DomainEvent): unknown {
    return undefined
  }

  onHandleError(event: DomainEvent, error: unknown): unknown {
    console.error(`${this.constructor.name} failed on ${event.eventName}: ${String(error)}`)
    return undefined
  }

  matches(eventName: string): boolean {
    const { subscribesTo } = this.constructor as typeof BaseSubscriber
    return subscribesTo.call(this.constructor).some((pattern) => patternMatches(pattern, eventName))
  }

  /** Rejects with whatever `handle` throws, after `onHandleError`. */
  async deliver(event: DomainEvent): Promise<void> {
    try {
      if ((await this.beforeHandle(event)) === false) return
      await this.handle(event)
      await this.afterHandle(event)
    } catch (error) {
      await this.onHandleError(event, error)
      throw error
    }
  }

  /** The host brings the events by itself; a poller brings those that it is given (in tests). */
  start(poller?: InProcessDomainEventPoller): void {
    this.#active = true
    poller?.onEvent((event) => (this.#active && this.matches(event.eventName) ? this.deliver(event) : undefined))
  }

  /** Takes no event until it is started again. */
  stop(): void {
    this.#active = false
  }

  get active(): boolean {
    return this.#active
  }
}

function patternMatches(pattern: string, eventName: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(eventName)
}
