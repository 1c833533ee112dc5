// Steps, results and silent events for the tests of the flow.
import type { DispatchEvents } from '../../src/dispatch/dispatch-events.ts'
import type { ClaimId, ClaimToken, CorrelationId, NamedTaskId, StepId, TaskId } from '../../src/model/ids.ts'
import { emptyObject } from '../../src/model/json-text.ts'
import type { LogRecord } from '../../src/model/runtime-adapter.ts'
import type { ClaimedStep, StepRequest } from '../../src/model/step-request.ts'
import type { StepResult } from '../../src/model/step-result.ts'

export const quietEvents: DispatchEvents = { handlerLog: () => {}, info: () => {}, warning: () => {} }

export function claimedStep(name: string, more: Partial<ClaimedStep> = {}): ClaimedStep {
  return {
    stepId: name as StepId,
    taskId: 'task' as TaskId,
    correlationId: 'correlation' as CorrelationId,
    namedTaskId: 'named-task' as NamedTaskId,
    namespace: 'shop',
    templateStep: name,
    token: `token-${name}` as ClaimToken,
    claimId: `claim-${name}` as ClaimId,
    attempts: 0,
    attemptsMax: 3,
    retryable: true,
    runnable: true,
    priority: 0,
    recoveries: 0,
    ...more,
  }
}

export function stepRequest(step: ClaimedStep, more: Partial<StepRequest> = {}): StepRequest {
  return {
    stepId: step.stepId,
    taskId: step.taskId,
    correlationId: step.correlationId,
    stepName: step.templateStep,
    handler: { callable: 'work', method: null, resolver: null },
    attempts: step.attempts,
    timeoutMs: null,
    task: emptyObject,
    workflowStep: emptyObject,
    dependencyResults: emptyObject,
    stepDefinition: emptyObject,
    ...more,
  }
}

export function success(step: Pick<ClaimedStep, 'stepId'>): StepResult {
  return {
    stepId: step.stepId,
    success: true,
    outcome: null,
    result: emptyObject,
    metadata: emptyObject,
    executionTimeMs: 1,
  }
}

export function logRecord(more: Partial<LogRecord> = {}): LogRecord {
  return {
    runtime: 'python',
    stream: 'stdout',
    level: 'info',
    line: 'a line',
    fields: null,
    pid: null,
    step: null,
    task: null,
    correlationId: null,
    handler: null,
    ...more,
  }
}
