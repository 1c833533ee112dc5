// A step request made from command-line documents: what a handler sees when there is no database.
import { randomUUID } from 'node:crypto'
import type { CorrelationId, StepId, TaskId } from '../model/ids.ts'
import { emptyObject, type JsonText, toJsonText } from '../model/json-text.ts'
import { rawMember } from '../model/raw-member.ts'
import type { StepRequest } from '../model/step-request.ts'

export interface InvokeDocuments {
  readonly callable: string
  readonly context: JsonText
  /** Step name → what that step returned. */
  readonly dependencies: JsonText
  /** The handler's `initialization`. */
  readonly initialization: JsonText
}

/** There is no template, so no step either; handlers still see a name. */
export const invokedStepName = 'invoke'
const taskVersion = '0.0.0'

/** The documents have the shapes of wire-protocol §4.3 and are put together as text, so numbers stay exact. */
export function invokeRequest(documents: InvokeDocuments): StepRequest {
  const stepId = randomUUID() as StepId
  const taskId = randomUUID() as TaskId
  const correlationId = randomUUID() as CorrelationId
  const stepName = invokedStepName
  const now = new Date().toISOString().slice(0, -1)
  const task = {
    task_uuid: taskId,
    named_task_uuid: randomUUID(),
    complete: false,
    requested_at: now,
    initiator: 'stephost invoke',
    source_system: 'stephost',
    reason: 'command line',
    tags: null,
    identity_hash: '',
    priority: 0,
    created_at: now,
    updated_at: now,
    correlation_id: correlationId,
    parent_correlation_id: null,
  }
  const names = { task_name: 'invoke', task_version: taskVersion, namespace_name: 'invoke' }
  return {
    stepId,
    taskId,
    correlationId,
    stepName,
    handler: { callable: documents.callable, method: null, resolver: null },
    attempts: 0,
    timeoutMs: null,
    task: spliced(names, 'task', spliced(task, 'context', documents.context)),
    workflowStep: workflowStepDocument({ stepId, taskId, stepName, now }),
    dependencyResults: dependencyDocument(documents.dependencies),
    stepDefinition: stepDefinitionDocument(stepName, documents),
  }
}

/** The object with one more member, whose value is already JSON text. */
function spliced(members: object, name: string, value: JsonText): JsonText {
  return `${JSON.stringify(members).slice(0, -1)},${JSON.stringify(name)}:${value}}` as JsonText
}

function workflowStepDocument(step: { stepId: string; taskId: string; stepName: string; now: string }): JsonText {
  return toJsonText({
    workflow_step_uuid: step.stepId,
    task_uuid: step.taskId,
    named_step_uuid: randomUUID(),
    name: step.stepName,
    template_step_name: step.stepName,
    retryable: true,
    max_attempts: 1,
    in_process: false,
    processed: false,
    processed_at: null,
    attempts: null,
    last_attempted_at: null,
    backoff_request_seconds: null,
    inputs: null,
    results: null,
    checkpoint: null,
    created_at: step.now,
    updated_at: step.now,
  })
}

/** Each value becomes the stored envelope of a step that succeeded with it. */
function dependencyDocument(dependencies: JsonText): JsonText {
  const names = Object.keys(JSON.parse(dependencies))
  const members = names.map((name) => {
    const envelope = { step_uuid: randomUUID(), success: true, status: 'completed', metadata: {}, error: null }
    return `${JSON.stringify(name)}:${spliced(envelope, 'result', rawMember(dependencies, name) ?? emptyObject)}`
  })
  return `{${members.join(',')}}` as JsonText
}

function stepDefinitionDocument(name: string, { callable, initialization }: InvokeDocuments): JsonText {
  const handler = spliced({ callable, method: null, resolver: null }, 'initialization', initialization)
  const definition = {
    name,
    description: null,
    type: 'standard',
    system_dependency: null,
    dependencies: [],
    retry: { retryable: true, max_attempts: 1, backoff: 'none', backoff_base_ms: null, max_backoff_ms: null },
    timeout_seconds: null,
    publishes_events: [],
    batch_config: null,
  }
  return spliced(definition, 'handler', handler)
}
