// Publishes the domain events of steps once their results are stored: never before, and never at the step's expense.

import type {
  AuthorCode,
  DomainEventQueue,
  EventCountSource,
  EventCounts,
  EventDeclaration,
  StoredSteps,
} from '../model/domain-event.ts'
import { messageOf } from '../model/host-error.ts'
import { type JsonText, toJsonText } from '../model/json-text.ts'
import type { FinishedStep } from '../model/step-store.ts'
import { endsWithin } from '../model/time-limit.ts'
import { DurableEvents } from './durable-events.ts'
import { isDue } from './event-condition.ts'
import { EventDeclarations } from './event-declarations.ts'
import { executionResultDocument, jsonObject, type PreparedEvent } from './event-document.ts'
import { EventPublisher, type Prepared, type PublishedStep } from './event-publisher.ts'
import { EventRouter, type Routed } from './event-router.ts'
import { InProcessBus } from './in-process-bus.ts'

export interface DomainEventsParts {
  readonly queue: DomainEventQueue
  authorCode(): AuthorCode
  /** What is wrong with a payload by a JSON Schema, each with path and rule. */
  violations(schema: JsonText, payload: unknown): readonly string[]
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

/** Steps whose events are being published at once, and that may wait for it; beyond it events are lost, counted and told. */
const stepsPublishingMax = 32
const stepsWaitingMax = 10_000
const charactersWaitingMax = 64 * 1024 * 1024
const lastWordsMs = 500

interface Due {
  readonly step: PublishedStep
  readonly declarations: readonly EventDeclaration[]
  readonly characters: number
}

export class DomainEvents implements StoredSteps, EventCountSource {
  readonly #parts: DomainEventsParts
  readonly #declarations = new EventDeclarations()
  readonly #publisher: EventPublisher
  readonly #bus: InProcessBus
  readonly #durable: DurableEvents
  readonly #router: EventRouter
  readonly #waiting: Due[] = []
  readonly #publishing = new Set<Promise<void>>()
  #charactersWaiting = 0
  #lost = 0

  constructor(parts: DomainEventsParts) {
    this.#parts = parts
    this.#publisher = new EventPublisher(parts)
    this.#bus = new InProcessBus(parts)
    this.#durable = new DurableEvents(parts.queue)
    this.#router = new EventRouter({
      durable: this.#durable,
      bus: this.#bus,
      violations: ({ schema }, { payload }) =>
        schema === null ? [] : parts.violations(schema, JSON.parse(payload) as unknown),
    })
  }

  async drained(graceMs: number): Promise<void> {
    const idle = this.#idle()
    if (await endsWithin(idle, graceMs)) return
    const lost = this.#waiting.splice(0).length
    this.#charactersWaiting = 0
    this.#lost += lost
    if (lost > 0) this.#parts.warn('events were not published any more: the worker ends', { steps: lost })
    this.#durable.abandon()
    this.#bus.dropWaiting()
    // What is told of the rest should still be heard; a call of an author's code that hangs ends with its runtime.
    await endsWithin(idle, lastWordsMs)
  }

  async #idle(): Promise<void> {
    while (this.#publishing.size > 0) await Promise.all(this.#publishing)
    await this.#bus.idle()
  }

  stored(finished: FinishedStep): void {
    const { request } = finished
    if (request === null) return
    const declarations = this.#declarations.of(request.stepDefinition)
    const due = declarations.filter(({ condition }) => isDue(condition, finished.result))
    if (due.length === 0) return
    if (this.#waiting.length >= stepsWaitingMax || this.#charactersWaiting >= charactersWaitingMax) {
      this.#lost += 1
      if (this.#lost % stepsWaitingMax === 1) this.#parts.warn('events are lost: too many wait to be published', {})
      return
    }
    const step = { finished, request, executionResult: executionResultDocument(finished) }
    const characters = charactersOf(step)
    this.#charactersWaiting += characters
    this.#waiting.push({ step, declarations: due, characters })
    this.#pump()
  }

  counts(): EventCounts {
    const { routed, durable, fast, broadcast, errors } = this.#router.counts
    const { dispatched, calls, dropped } = this.#bus
    return {
      ...{ routed, durable, fast, broadcast, dispatched, dropped },
      fastErrors: this.#bus.errors,
      routingErrors: errors + this.#lost,
      subscriberCalls: calls,
      subscribers: this.#parts.authorCode().subscribers().length,
    }
  }

  #pump(): void {
    while (this.#publishing.size < stepsPublishingMax) {
      const due = this.#waiting.shift()
      if (due === undefined) return
      this.#charactersWaiting -= due.characters
      const publishing = this.#publishAll(due)
        // Nothing of it may reject; if something does, one step's events are lost, and not the worker.
        .catch((error: unknown) => this.#parts.warn('events of a step were lost', { error: messageOf(error) }))
        .finally(() => {
          this.#publishing.delete(publishing)
          this.#pump()
        })
      this.#publishing.add(publishing)
    }
  }

  /** The events of one step keep the order of their declarations. */
  async #publishAll({ step, declarations }: Due): Promise<void> {
    for (const declaration of declarations) {
      const prepared = await this.#publisher.prepare(step, declaration)
      for (const event of prepared.events) await this.#publish(step, { prepared, event, declaration })
    }
  }

  async #publish(
    step: PublishedStep,
    { prepared, event, declaration }: { prepared: Prepared; event: PreparedEvent; declaration: EventDeclaration },
  ): Promise<void> {
    const routed = await this.#router.route(step, event, this.#declarationOf(step, event, declaration))
    if (routed.problem !== null) {
      const message = `the event "${event.name}" was not published: ${routed.problem}`
      this.#parts.warn(message, { step: step.request.stepId, step_name: step.request.stepName })
    }
    if (prepared.publisher !== null) {
      await this.#publisher.tell(prepared.publisher, step, publishedDocument(event, routed))
    }
  }

  /** A publisher may publish under other names than the one it was asked for: another declaration of the step, or none at all. */
  #declarationOf(step: PublishedStep, event: PreparedEvent, asked: EventDeclaration): EventDeclaration {
    if (event.name === asked.name) return asked
    const others = this.#declarations.of(step.request.stepDefinition)
    return others.find(({ name }) => name === event.name) ?? { ...asked, name: event.name, schema: null }
  }
}

/** What a publisher is told. Source: PROTOCOL.md §3.2, mode `published`. */
function publishedDocument({ name, payload }: PreparedEvent, { id, metadata, problem }: Routed): JsonText {
  return jsonObject({
    event_id: toJsonText(id),
    event_name: toJsonText(name),
    payload,
    metadata: toJsonText(metadata),
    error: toJsonText(problem),
  })
}

function charactersOf({ request, executionResult }: PublishedStep): number {
  const { task, workflowStep, dependencyResults, stepDefinition } = request
  return [task, workflowStep, dependencyResults, stepDefinition, executionResult].reduce(
    (sum, text) => sum + text.length,
    0,
  )
}
