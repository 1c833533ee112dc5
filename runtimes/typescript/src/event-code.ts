// The publishers and subscribers that serve: announced to the host by name, run when it asks for them.

import {
  type BasePublisher,
  collectEvents,
  type EventDeclaration,
  type PublishContext,
  type StepResult,
} from './base-publisher.ts'
import { type BaseSubscriber, type EventDocument, ffiEventToDomainEvent } from './base-subscriber.ts'
import type { Metadata } from './errors.ts'
import type { EventCodeEntry, SubscriberEntry } from './messages.ts'
import { PublisherRegistry } from './publisher-registry.ts'
import type { StepContext } from './step-context.ts'
import { objectOf } from './step-documents.ts'
import { type SubscriberClass, SubscriberRegistry } from './subscriber-registry.ts'

/** A class that a handler file exports. */
export interface DeclaredEventCode {
  readonly declared: new () => BasePublisher | BaseSubscriber
  readonly kind: 'publisher' | 'subscriber'
  readonly file: string
  readonly root: string
}

export type EventMode = 'publish' | 'published' | 'deliver'

interface PublishedDocument {
  readonly event_name: string
  readonly payload: unknown
  readonly metadata: Metadata
  readonly error: string | null
}

export class EventCode {
  readonly #places = new Map<unknown, { readonly file: string; readonly root: string }>()
  readonly #publishers = PublisherRegistry.instance
  readonly #subscribers = SubscriberRegistry.instance

  /** What was registered by hand goes first: it may need arguments. */
  constructor(all: readonly DeclaredEventCode[]) {
    for (const each of all) {
      this.#places.set(each.declared, { file: each.file, root: each.root })
      try {
        this.#register(each)
      } catch (error) {
        console.error(
          `${each.declared.name} (${each.file}) cannot be made: ${String(error)}; register an instance of it.`,
        )
      }
    }
  }

  #register({ declared, kind }: DeclaredEventCode): void {
    if (kind === 'subscriber') {
      this.#subscribers.register(declared as SubscriberClass)
    } else if (!this.#hasPublisher(declared)) {
      const made = new declared() as BasePublisher
      // A class without a name is a base for others.
      if (typeof made.publisherName === 'string') this.#publishers.register(made)
    }
  }

  publisherEntries(): readonly EventCodeEntry[] {
    return this.#publishers.registeredNames.map((name) => ({
      name,
      ...this.#placeOf(this.#publishers.getStrict(name)),
    }))
  }

  subscriberEntries(): readonly SubscriberEntry[] {
    return this.#subscribers.subscribers.map((subscriber) => ({
      name: nameOf(subscriber),
      ...this.#placeOf(subscriber),
      patterns: (subscriber.constructor as typeof BaseSubscriber).subscribesTo(),
    }))
  }

  /** What PROTOCOL.md §3.2 says of the mode; throws what the author's code throws. */
  async run(mode: EventMode, name: string, event: unknown, context: StepContext): Promise<unknown> {
    if (mode === 'deliver') {
      const subscriber = this.#subscribers.subscribers.find((each) => nameOf(each) === name)
      if (subscriber === undefined) throw new Error(`No subscriber is called "${name}".`)
      if (subscriber.active) await subscriber.deliver(ffiEventToDomainEvent(event as EventDocument))
      return null
    }
    const publisher = this.#publishers.getStrict(name)
    if (mode === 'publish')
      return { events: await collectEvents(() => publisher.publish(publishContext(event, context))) }
    const { event_name: eventName, payload, metadata, error } = event as PublishedDocument
    if (error === null) await publisher.afterPublish(eventName, payload, metadata)
    else await publisher.onPublishError(eventName, new Error(error), payload)
    return null
  }

  #hasPublisher(declared: unknown): boolean {
    return this.#publishers.registeredNames.some((name) => this.#publishers.getStrict(name).constructor === declared)
  }

  #placeOf(code: object): { readonly file: string; readonly root: string } {
    return this.#places.get(code.constructor) ?? { file: '', root: '' }
  }
}

function publishContext(event: unknown, context: StepContext): PublishContext {
  const { declaration, execution_result: stepResult } = event as {
    declaration: EventDeclaration
    execution_result: StepResult
  }
  const sequence = context.event.task_sequence_step
  const [task, step] = [objectOf(sequence['task']), objectOf(sequence['workflow_step'])]
  return {
    eventName: declaration.name,
    stepResult,
    eventDeclaration: declaration,
    stepContext: {
      taskUuid: context.taskUuid,
      stepUuid: context.stepUuid,
      stepName: String(step['name'] ?? ''),
      namespace: String(task['namespace_name'] ?? ''),
      correlationId: context.correlationId,
      stepContext: context,
    },
  }
}

/** `FirstReceipt` → `first_receipt`. */
function nameOf(subscriber: BaseSubscriber): string {
  return subscriber.constructor.name.replace(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3_$2$4').toLowerCase()
}
