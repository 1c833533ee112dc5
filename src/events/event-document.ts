// The JSON of an event, spliced from documents that are JSON already, so that no number changes on the way.

import type { EventDeclaration } from '../model/domain-event.ts'
import { emptyObject, type JsonText, toJsonText } from '../model/json-text.ts'
import type { StepRequest } from '../model/step-request.ts'
import type { FinishedStep } from '../model/step-store.ts'

/** Members whose values are JSON text, in their order. */
export function jsonObject(members: Readonly<Record<string, JsonText>>): JsonText {
  const texts = Object.entries(members).map(([name, value]) => `${JSON.stringify(name)}:${value}`)
  return `{${texts.join(',')}}` as JsonText
}

/** What a publisher made of one declaration. */
export interface PreparedEvent {
  readonly name: string
  readonly payload: JsonText
  /** One JSON object: what a publisher adds to the metadata. */
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface EventMetadata {
  readonly [name: string]: unknown
}

/** Where an event comes from. Source: wire-protocol §8; what a publisher adds never hides it. */
export function eventMetadata(request: StepRequest, namespace: string, added: EventMetadata): EventMetadata {
  return {
    ...added,
    task_uuid: request.taskId,
    step_uuid: request.stepId,
    step_name: request.stepName,
    namespace,
    correlation_id: request.correlationId,
    fired_at: new Date().toISOString(),
    fired_by: typeof added['fired_by'] === 'string' ? added['fired_by'] : 'DefaultDomainEventPublisher',
  }
}

export const eventVersion = '1.0'

/** The step with everything it was given. Source: wire-protocol §4.3. */
function taskSequenceStep(request: StepRequest): JsonText {
  return jsonObject({
    task: request.task,
    workflow_step: request.workflowStep,
    dependency_results: request.dependencyResults,
    step_definition: request.stepDefinition,
  })
}

export interface EventParts {
  readonly id: string
  readonly name: string
  readonly metadata: EventMetadata
  readonly request: StepRequest
  readonly executionResult: JsonText
  readonly payload: JsonText
}

/** What lies in the queue. Source: wire-protocol §8. */
export function queuedDocument({ id, name, metadata, request, executionResult, payload }: EventParts): JsonText {
  return jsonObject({
    event_id: toJsonText(id),
    event_name: toJsonText(name),
    event_version: toJsonText(eventVersion),
    payload: jsonObject({
      task_sequence_step: taskSequenceStep(request),
      execution_result: executionResult,
      payload,
    }),
    metadata: toJsonText(metadata),
  })
}

/** What subscribers are given: the event, with what they mostly want at its top. Source: PROTOCOL.md §3.2. */
export function deliveredDocument(parts: EventParts): JsonText {
  const { id, name, metadata, request, executionResult, payload } = parts
  return jsonObject({
    event_id: toJsonText(id),
    event_name: toJsonText(name),
    event_version: toJsonText(eventVersion),
    payload: jsonObject({ task_sequence_step: taskSequenceStep(request), execution_result: executionResult, payload }),
    metadata: toJsonText(metadata),
    business_payload: payload,
    execution_result: executionResult,
  })
}

export function declarationDocument(declaration: EventDeclaration): JsonText {
  return jsonObject({
    name: toJsonText(declaration.name),
    description: toJsonText(declaration.description),
    schema: declaration.schema ?? toJsonText(null),
    delivery_mode: toJsonText(declaration.deliveryMode),
    condition: toJsonText(declaration.condition),
    publisher: toJsonText(declaration.publisher),
  })
}

/** A step result in the form in which it is stored, of which events carry a copy. Source: wire-protocol §5.1. */
export function executionResultDocument({ step, result, runtime }: FinishedStep): JsonText {
  const { success } = result
  const failure = success ? null : result
  return jsonObject({
    step_uuid: toJsonText(step.stepId),
    success: toJsonText(success),
    result: success ? result.result : emptyObject,
    status: toJsonText(success ? 'completed' : 'failed'),
    metadata: jsonObject({
      execution_time_ms: toJsonText(result.executionTimeMs),
      retryable: toJsonText(failure?.retryable ?? false),
      completed_at: toJsonText(new Date().toISOString()),
      custom: result.metadata,
      error_code: toJsonText(failure?.errorCode ?? null),
      error_type: toJsonText(failure?.errorType ?? null),
      context: toJsonText(runtime === null ? {} : { runtime }),
    }),
    error:
      failure === null
        ? toJsonText(null)
        : jsonObject({
            message: toJsonText(failure.message),
            error_type: toJsonText(failure.errorType),
            error_code: toJsonText(failure.errorCode),
            backtrace: toJsonText(failure.backtrace),
            retryable: toJsonText(failure.retryable),
            context: failure.context,
          }),
  })
}
