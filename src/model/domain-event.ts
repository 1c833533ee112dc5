// Domain events: what a template declares of a step, what is published of it, and who sends and hears it.

import type { PublisherDescriptor, SubscriberDescriptor } from './handler.ts'
import type { JsonText } from './json-text.ts'
import type { CallMode } from './runtime-adapter.ts'
import type { StepRequest } from './step-request.ts'
import type { StepResult } from './step-result.ts'
import type { FinishedStep } from './step-store.ts'

export const eventConditions = ['success', 'failure', 'retryable_failure', 'permanent_failure', 'always'] as const
export type EventCondition = (typeof eventConditions)[number]

/** `durable`: a queue that anybody may read; `fast`: the subscribers of this process; `broadcast`: both. */
export const deliveryModes = ['durable', 'fast', 'broadcast'] as const
export type DeliveryMode = (typeof deliveryModes)[number]

/** One of a template step's `publishes_events`. Source: wire-protocol §8. */
export interface EventDeclaration {
  readonly name: string
  readonly description: string
  /** JSON Schema of the business payload; null: anything goes. */
  readonly schema: JsonText | null
  readonly deliveryMode: DeliveryMode
  readonly condition: EventCondition
  /** Name of an author's publisher; null: the result is the payload. */
  readonly publisher: string | null
}

/** Hears of every result that has just been stored, and never throws. */
export interface StoredSteps {
  stored(finished: FinishedStep): void
  /** Resolves when all that came of them is done, or given up after `graceMs`. */
  drained(graceMs: number): Promise<void>
}

/** An event on its way to the queue `{namespace}_domain_events`. */
export interface QueuedEvent {
  readonly namespace: string
  readonly document: JsonText
}

export interface DomainEventQueue {
  /**
   * One answer for each event, in order: null, or why the database cannot hold it. Rejects with a HostError when it is unknown whether they
   * were sent.
   */
  send(events: readonly QueuedEvent[]): Promise<readonly (string | null)[]>
}

/** A call of an author's publisher or subscriber. */
export interface AuthorCall {
  readonly mode: Extract<CallMode, 'publish' | 'published' | 'deliver'>
  readonly request: StepRequest
  /** One JSON object; its shape for each mode: PROTOCOL.md §3.2. */
  readonly event: JsonText
}

/** Authors' code that is no handler, in whatever runtime. */
export interface AuthorCode {
  /** null: no runtime announced one of that name. */
  publisher(name: string): PublisherDescriptor | null
  subscribers(): readonly SubscriberDescriptor[]
  /** Never rejects: a runtime that is gone is a failure as well. */
  call(target: PublisherDescriptor, call: AuthorCall): Promise<StepResult>
}

/** Counts since the start of the worker. Source: worker-api-and-config §1.3, `/metrics/events`. */
export interface EventCounts {
  readonly routed: number
  readonly durable: number
  readonly fast: number
  readonly broadcast: number
  readonly fastErrors: number
  readonly routingErrors: number
  /** Events that went to the subscribers of this process. */
  readonly dispatched: number
  readonly subscriberCalls: number
  readonly dropped: number
  readonly subscribers: number
}

export interface EventCountSource {
  counts(): EventCounts
}
