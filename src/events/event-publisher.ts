// From a declaration that is due to the events it comes to: the result itself, or what the author's publisher makes of it.

import type { AuthorCode, EventDeclaration } from '../model/domain-event.ts'
import type { PublisherDescriptor } from '../model/handler.ts'
import { type JsonText, nullDocument, toJsonText } from '../model/json-text.ts'
import { rawElements, rawMember } from '../model/raw-member.ts'
import type { StepRequest } from '../model/step-request.ts'
import type { FinishedStep } from '../model/step-store.ts'
import { declarationDocument, jsonObject, type PreparedEvent } from './event-document.ts'

export interface PublisherParts {
  authorCode(): AuthorCode
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

/** What is to be published, and who hears what became of it; null: nobody does. */
export interface Prepared {
  readonly events: readonly PreparedEvent[]
  readonly publisher: PublisherDescriptor | null
}

/** A step that is stored, with the request that its handler got. */
export interface PublishedStep {
  readonly finished: FinishedStep
  readonly request: StepRequest
  readonly executionResult: JsonText
}

export class EventPublisher {
  readonly #parts: PublisherParts
  /** Publishers that nobody has, said once each. */
  readonly #missingSaid = new Set<string>()

  constructor(parts: PublisherParts) {
    this.#parts = parts
  }

  /** Never rejects. A publisher that fails publishes nothing, and the log says why. */
  async prepare(step: PublishedStep, declaration: EventDeclaration): Promise<Prepared> {
    const publisher = this.#publisherOf(declaration)
    if (publisher === null) return { events: [generic(step, declaration)], publisher: null }
    const event = jsonObject({
      declaration: declarationDocument(declaration),
      execution_result: step.executionResult,
    })
    const answer = await this.#parts.authorCode().call(publisher, { mode: 'publish', request: step.request, event })
    const events = answer.success ? preparedEvents(answer.result) : answer.message
    if (typeof events !== 'string') return { events, publisher }
    this.#parts.warn(`the publisher "${publisher.name}" (${publisher.file}) published nothing: ${events}`, {
      event: declaration.name,
      step: step.request.stepId,
    })
    return { events: [], publisher }
  }

  /** Tells the publisher what became of its event. */
  async tell(publisher: PublisherDescriptor, step: PublishedStep, event: JsonText): Promise<void> {
    const answer = await this.#parts.authorCode().call(publisher, { mode: 'published', request: step.request, event })
    if (answer.success) return
    const message = `the publisher "${publisher.name}" (${publisher.file}) failed after its event: ${answer.message}`
    this.#parts.warn(message, { step: step.request.stepId })
  }

  #publisherOf({ name, publisher }: EventDeclaration): PublisherDescriptor | null {
    if (publisher === null) return null
    const found = this.#parts.authorCode().publisher(publisher)
    if (found === null && !this.#missingSaid.has(publisher)) {
      this.#missingSaid.add(publisher)
      const message = `the event "${name}" names the publisher "${publisher}", which no handler file declares; the step's result is published instead`
      this.#parts.warn(message, {})
    }
    return found
  }
}

/** The business payload is the result. Source: wire-protocol §8. */
function generic({ finished }: PublishedStep, { name }: EventDeclaration): PreparedEvent {
  const { result } = finished
  return { name, payload: result.success ? result.result : toJsonText({}), metadata: {} }
}

/** The events of a `publish` answer, or what is wrong with it. */
function preparedEvents(answer: JsonText): readonly PreparedEvent[] | string {
  const read = JSON.parse(answer) as { events?: unknown } | null
  const text = Array.isArray(read?.events) ? rawMember(answer, 'events') : null
  if (text === null) return 'it must give {"events": [...]}'
  const prepared = rawElements(text).map(preparedEvent)
  const broken = prepared.find((event) => typeof event === 'string')
  return broken ?? prepared.filter((event) => typeof event !== 'string')
}

function preparedEvent(text: JsonText): PreparedEvent | string {
  const event = JSON.parse(text) as { event_name?: unknown; metadata?: unknown } | null
  if (typeof event?.event_name !== 'string') return 'one of its events has no "event_name"'
  const { event_name: name, metadata } = event
  const added = typeof metadata === 'object' && metadata !== null ? { ...metadata } : {}
  return { name, payload: rawMember(text, 'payload') ?? nullDocument, metadata: added }
}
