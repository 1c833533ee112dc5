// Between the host's vocabulary and the wire's: a call becomes `execute`, an entry of `result` becomes a StepResult.

import type {
  HandlerDescriptor,
  LoadFailure,
  PublisherDescriptor,
  ResolverDescriptor,
  SubscriberDescriptor,
} from '../model/handler.ts'
import type { StepId } from '../model/ids.ts'
import type { HandlerCall, MonotonicMs } from '../model/runtime-adapter.ts'
import type { StepRequest } from '../model/step-request.ts'
import type { StepResult } from '../model/step-result.ts'
import type { ExecuteMessage, ExecuteRequest, HelloMessage, ResultEntry } from './messages.ts'

/** `execute` for a call whose requests all name the handler of the first; the deadline becomes the time left at `now`. */
export function executeMessage(call: HandlerCall, first: StepRequest, now: MonotonicMs): ExecuteMessage {
  const message: ExecuteMessage = {
    type: 'execute',
    call_id: call.id,
    mode: call.mode,
    callable: first.handler.callable,
    method: first.handler.method,
    resolver: first.handler.resolver,
    deadline_ms: Math.max(0, Math.round(call.deadlineAt - now)),
    traceparent: traceparent(first.correlationId, call.id),
    requests: call.requests.map(executeRequest),
  }
  return call.event === null ? message : { ...message, event: call.event }
}

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

/** W3C Trace Context: the task's correlation is the trace, the first half of the call's id its span. null where the ids are no UUIDs. */
function traceparent(correlationId: string, callId: string): string | null {
  if (!uuid.test(correlationId) || !uuid.test(callId)) return null
  return `00-${correlationId.replaceAll('-', '')}-${callId.slice(0, 8)}${callId.slice(9, 13)}${callId.slice(14, 18)}-01`
}

function executeRequest(request: StepRequest): ExecuteRequest {
  return {
    step_uuid: request.stepId,
    task_uuid: request.taskId,
    correlation_id: request.correlationId,
    step_name: request.stepName,
    attempts: request.attempts,
    task: request.task,
    workflow_step: request.workflowStep,
    dependency_results: request.dependencyResults,
    step_definition: request.stepDefinition,
  }
}

export function stepResult(entry: ResultEntry): StepResult {
  const stepId = entry.step_uuid as StepId
  const { execution_time_ms: executionTimeMs, metadata } = entry
  if (entry.success) {
    return { stepId, executionTimeMs, metadata, success: true, result: entry.result, outcome: entry.outcome }
  }
  const { error } = entry
  return {
    stepId,
    executionTimeMs,
    metadata,
    success: false,
    message: error.message,
    errorType: error.error_type,
    errorCode: error.error_code,
    retryable: error.retryable,
    retryAfterS: error.retry_after_s,
    backtrace: error.backtrace,
    context: error.context,
  }
}

export function announcedHandlers(hello: HelloMessage): readonly HandlerDescriptor[] {
  return hello.handlers.map(({ on_crash: onCrash, depends_on: dependsOn, batch, ...handler }) => ({
    ...handler,
    onCrash,
    dependsOn,
    batch: batch === null ? null : { sizeMax: batch.max_size, waitMaxMs: batch.max_wait_ms },
    runtime: hello.runtime,
  }))
}

/** Every name by which a handler of the guest can be called. */
export function handlerNames(hello: HelloMessage): ReadonlySet<string> {
  return new Set(hello.handlers.flatMap(({ callable, aliases }) => [callable, ...aliases]))
}

export function announcedPublishers(hello: HelloMessage): readonly PublisherDescriptor[] {
  return hello.publishers.map((publisher) => ({ ...publisher, runtime: hello.runtime }))
}

export function announcedSubscribers(hello: HelloMessage): readonly SubscriberDescriptor[] {
  return hello.subscribers.map((subscriber) => ({ ...subscriber, runtime: hello.runtime }))
}

export function announcedLoadFailures(hello: HelloMessage): readonly LoadFailure[] {
  return hello.load_failures.map((failure) => ({ ...failure, runtime: hello.runtime }))
}

export function announcedResolvers(hello: HelloMessage): readonly ResolverDescriptor[] {
  return hello.resolvers.map((name) => ({ name, runtime: hello.runtime }))
}
