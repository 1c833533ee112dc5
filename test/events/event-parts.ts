// Steps with declared events, a queue that the test reads, and authors' code that the test writes.

import { DomainEvents } from '../../src/events/domain-events.ts'
import type { AuthorCall, AuthorCode, DomainEventQueue, QueuedEvent } from '../../src/model/domain-event.ts'
import type { PublisherDescriptor, SubscriberDescriptor } from '../../src/model/handler.ts'
import type { StepId } from '../../src/model/ids.ts'
import { type JsonText, toJsonText } from '../../src/model/json-text.ts'
import { hostFailure, type StepResult } from '../../src/model/step-result.ts'
import type { FinishedStep } from '../../src/model/step-store.ts'
import { InputSchemas } from '../../src/orchestration/input-schema.ts'
import { claimedStep, stepRequest, success } from '../dispatch/steps.ts'

export type Answer = (target: PublisherDescriptor, call: AuthorCall) => unknown

const place = { runtime: 'ruby', file: 'events.rb', root: '/handlers' } as const

export function publisher(name: string): PublisherDescriptor {
  return { name, ...place }
}

export function subscriber(name: string, ...patterns: string[]): SubscriberDescriptor {
  return { name, ...place, patterns }
}

interface Surroundings {
  readonly publishers?: readonly PublisherDescriptor[]
  readonly subscribers?: readonly SubscriberDescriptor[]
  /** What authors' code answers: a value for the result, an Error for a failure. */
  readonly answer?: Answer
  readonly send?: DomainEventQueue['send']
}

export function openEvents({ publishers = [], subscribers = [], answer = () => null, send }: Surroundings = {}) {
  const sent: QueuedEvent[] = []
  const warnings: string[] = []
  const calls: { target: string; mode: string; event: unknown }[] = []
  const authorCode: AuthorCode = {
    publisher: (name) => publishers.find((each) => each.name === name) ?? null,
    subscribers: () => subscribers,
    call: async (target, call) => {
      calls.push({ target: target.name, mode: call.mode, event: JSON.parse(call.event) })
      const answered = await answer(target, call)
      if (answered instanceof Error) return hostFailure(call.request.stepId, 'handler_error', answered.message)
      const result = typeof answered === 'string' ? (answered as JsonText) : toJsonText(answered)
      return { ...success(claimedStep('a')), result } as StepResult
    },
  }
  const schemas = new InputSchemas({ value: 'payload', schema: 'schema of the event' })
  const events = new DomainEvents({
    queue: {
      send:
        send ??
        (async (batch) => {
          sent.push(...batch)
          return batch.map(() => null)
        }),
    },
    authorCode: () => authorCode,
    violations: (schema, payload) => schemas.violations(schema, payload),
    warn: (message) => warnings.push(message),
  })
  const documents = () => sent.map(({ document }) => JSON.parse(document))
  return { events, sent, documents, warnings, calls }
}

export interface Declared {
  readonly name: string
  readonly condition?: string
  readonly delivery_mode?: string
  readonly publisher?: string
  readonly schema?: object
}

/** A stored step whose template declares these events. */
export function finishedStep(declared: readonly Declared[], result?: Partial<StepResult>): FinishedStep {
  const step = claimedStep('a', { namespace: 'billing' })
  const stepDefinition = toJsonText({ name: 'a', publishes_events: declared })
  const request = stepRequest(step, { stepDefinition, task: '{"n":9223372036854775807}' as JsonText })
  return { step, request, runtime: 'ruby', result: { ...success(step), ...result } as StepResult }
}

export function failed(retryable: boolean): StepResult {
  return { ...hostFailure('a' as StepId, 'handler_error', 'no luck'), retryable }
}
