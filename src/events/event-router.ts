// Sends a prepared event where its declaration says: to the queue, to the subscribers of this process, or to both.

import type { DeliveryMode, EventDeclaration } from '../model/domain-event.ts'
import type { DurableEvents } from './durable-events.ts'
import {
  deliveredDocument,
  type EventMetadata,
  eventMetadata,
  type PreparedEvent,
  queuedDocument,
} from './event-document.ts'
import { newEventId } from './event-id.ts'
import type { PublishedStep } from './event-publisher.ts'
import type { InProcessBus } from './in-process-bus.ts'

export interface RouterParts {
  readonly durable: DurableEvents
  readonly bus: InProcessBus
  /** What is wrong with a payload, each with path and rule; empty when it fits. */
  violations(declaration: EventDeclaration, event: PreparedEvent): readonly string[]
}

export interface Routed {
  readonly id: string
  readonly metadata: EventMetadata
  /** null: it was sent. */
  readonly problem: string | null
}

export class EventRouter {
  readonly #parts: RouterParts
  readonly counts = { routed: 0, durable: 0, fast: 0, broadcast: 0, errors: 0 }

  constructor(parts: RouterParts) {
    this.#parts = parts
  }

  /** Never rejects. `declaration` is that of the event's own name. */
  async route(step: PublishedStep, event: PreparedEvent, declaration: EventDeclaration): Promise<Routed> {
    const { deliveryMode } = declaration
    const { namespace } = step.finished.step
    const metadata = eventMetadata(step.request, namespace, event.metadata)
    const violations = this.#parts.violations(declaration, event)
    if (violations.length > 0) {
      const problem = `its payload does not fit the schema of the declaration: ${violations.join('; ')}`
      return this.#routed({ id: newEventId(), metadata, problem }, deliveryMode)
    }
    // A broadcast is two events with two ids, the fast one first: a reader of both must not take one for the other. Source: wire-protocol §8.
    const fastId = deliveryMode === 'durable' ? null : newEventId()
    const { request, executionResult } = step
    const parts = { name: event.name, metadata, request, executionResult, payload: event.payload }
    if (fastId !== null) {
      this.#parts.bus.dispatch({ name: event.name, request, document: deliveredDocument({ ...parts, id: fastId }) })
    }
    if (deliveryMode === 'fast') return this.#routed({ id: fastId ?? newEventId(), metadata, problem: null }, 'fast')
    const id = newEventId()
    const problem = await this.#parts.durable.send({ namespace, document: queuedDocument({ ...parts, id }) })
    return this.#routed({ id, metadata, problem }, deliveryMode)
  }

  #routed(routed: Routed, mode: DeliveryMode): Routed {
    if (routed.problem === null) {
      this.counts.routed += 1
      this.counts[mode] += 1
    } else this.counts.errors += 1
    return routed
  }
}
