// Shapes the domain events of a step whose template names it as `publisher`. Source of names: handler-api §1.3.

import { AsyncLocalStorage } from 'node:async_hooks'
import { type Metadata, PermanentError } from './errors.ts'
import type { StepContext } from './step-context.ts'

/** The stored result of the step; `error` has `message`, `error_type`, `retryable` … */
export interface StepResult {
  readonly success: boolean
  readonly result: Metadata
  readonly status: string
  readonly metadata: Metadata
  readonly error: Metadata | null
}

/** What the template declares. */
export interface EventDeclaration {
  readonly name: string
  readonly description?: string
  readonly condition?: string
  readonly delivery_mode?: string
  readonly publisher?: string | null
  readonly schema?: Metadata | null
}

/** Which step it was. */
export interface StepEventContext {
  readonly taskUuid: string
  readonly stepUuid: string
  readonly stepName: string
  readonly namespace: string
  readonly correlationId: string
  readonly stepContext: StepContext | null
}

/** All that a publisher is told. */
export interface PublishContext {
  readonly eventName: string
  readonly stepResult: StepResult
  readonly eventDeclaration: EventDeclaration
  readonly stepContext: StepEventContext
}

export interface PublishedEvent {
  readonly event_name: string
  readonly payload: unknown
  readonly metadata: Metadata
}

/** For tests of publishers. */
export function createStepEventContext(about: Partial<StepEventContext> = {}): StepEventContext {
  const ids = { taskUuid: crypto.randomUUID(), stepUuid: crypto.randomUUID(), correlationId: crypto.randomUUID() }
  return { ...ids, stepName: 'step', namespace: 'default', stepContext: null, ...about }
}

const collecting = new AsyncLocalStorage<PublishedEvent[]>()

/** What `publish` publishes while it runs. */
export async function collectEvents(publish: () => unknown): Promise<readonly PublishedEvent[]> {
  const events: PublishedEvent[] = []
  await collecting.run(events, async () => {
    await publish()
  })
  return events
}

/** An exported subclass is found with its file. Methods may return promises. */
export abstract class BasePublisher {
  /** What a template writes under `publisher`. */
  abstract get publisherName(): string

  /** The business payload. */
  transformPayload(stepResult: StepResult, _declaration?: EventDeclaration, _context?: StepEventContext): unknown {
    return stepResult.result
  }

  shouldPublish(
    _stepResult: StepResult,
    _declaration?: EventDeclaration,
    _context?: StepEventContext,
  ): boolean | Promise<boolean> {
    return true
  }

  /** Beside what every event says of its step. */
  additionalMetadata(
    _stepResult: StepResult,
    _declaration?: EventDeclaration,
    _context?: StepEventContext,
  ): Metadata | Promise<Metadata> {
    return {}
  }

  /** False: the event is not published. */
  beforePublish(_eventName: string, _payload: unknown, _metadata: Metadata): unknown {
    return true
  }

  afterPublish(_eventName: string, _payload: unknown, _metadata: Metadata): unknown {
    return undefined
  }

  onPublishError(eventName: string, error: Error, _payload: unknown): unknown {
    console.error(`The event ${eventName} was not published: ${error.message}`)
    return undefined
  }

  /** Asks the methods above, one after the other. Override it to publish several events (`publishEvent`). */
  async publish(ctx: PublishContext): Promise<boolean> {
    const about = [ctx.stepResult, ctx.eventDeclaration, ctx.stepContext] as const
    if (!(await this.shouldPublish(...about))) return false
    const payload = await this.transformPayload(...about)
    const metadata = (await this.additionalMetadata(...about)) ?? {}
    if ((await this.beforePublish(ctx.eventName, payload, metadata)) === false) return false
    this.publishEvent(ctx.eventName, payload, metadata)
    return true
  }

  /** Only within `publish`; throws a PermanentError elsewhere. */
  protected publishEvent(eventName: string, payload: unknown, metadata: Metadata = {}): void {
    const events = collecting.getStore()
    if (events === undefined) {
      const cure = `declare ${eventName} under \`publishes_events\` of the step, and name a publisher there`
      throw new PermanentError(`Events are published by publishers only: ${cure}.`)
    }
    events.push({ event_name: eventName, payload: payload ?? null, metadata })
  }
}

/** For steps that name no publisher of their own: the result is the payload. */
export class DefaultPublisher extends BasePublisher {
  get publisherName(): string {
    return 'default'
  }
}
