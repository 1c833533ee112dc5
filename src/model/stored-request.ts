// A step request as a file that `stephost invoke --request` replays: one JSON object, its documents as strings of JSON text.

import { messageOf } from './host-error.ts'
import type { CorrelationId, StepId, TaskId } from './ids.ts'
import { type JsonText, toJsonText } from './json-text.ts'
import type { StepRequest } from './step-request.ts'

/** The documents stay text inside the text, so that whoever reads the file cannot round their numbers. */
export function storedRequest(request: StepRequest): JsonText {
  return toJsonText({
    callable: request.handler.callable,
    method: request.handler.method,
    resolver: request.handler.resolver,
    step_uuid: request.stepId,
    task_uuid: request.taskId,
    correlation_id: request.correlationId,
    step_name: request.stepName,
    attempts: request.attempts,
    timeout_ms: request.timeoutMs,
    task: request.task,
    workflow_step: request.workflowStep,
    dependency_results: request.dependencyResults,
    step_definition: request.stepDefinition,
  })
}

/** The request, or one phrase that says what is wrong with the text. Members that are not known are ignored. */
export function readStoredRequest(text: string): StepRequest | string {
  const members = objectOf(text)
  if (typeof members === 'string') return members
  const problem = fields.map(([name, check]) => check(name, members[name])).find((reason) => reason !== null)
  if (problem !== undefined && problem !== null) return problem
  const string = (name: string) => members[name] as string
  const document = (name: string) => members[name] as JsonText
  return {
    stepId: string('step_uuid') as StepId,
    taskId: string('task_uuid') as TaskId,
    correlationId: string('correlation_id') as CorrelationId,
    stepName: string('step_name'),
    handler: {
      callable: string('callable'),
      method: (members['method'] ?? null) as string | null,
      resolver: (members['resolver'] ?? null) as string | null,
    },
    attempts: members['attempts'] as number,
    timeoutMs: (members['timeout_ms'] ?? null) as number | null,
    task: document('task'),
    workflowStep: document('workflow_step'),
    dependencyResults: document('dependency_results'),
    stepDefinition: document('step_definition'),
  }
}

type FieldCheck = (name: string, value: unknown) => string | null

const fields: readonly (readonly [string, FieldCheck])[] = [
  ['callable', aText],
  ['method', optional(aText)],
  ['resolver', optional(aText)],
  ['step_uuid', aText],
  ['task_uuid', aText],
  ['correlation_id', aText],
  ['step_name', aText],
  ['attempts', aCount],
  ['timeout_ms', optional(aCount)],
  ['task', aDocument],
  ['workflow_step', aDocument],
  ['dependency_results', aDocument],
  ['step_definition', aDocument],
]

function aText(name: string, value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? null : `"${name}" must be a text that is not empty`
}

function aCount(name: string, value: unknown): string | null {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? null : `"${name}" must be an integer, 0 or more`
}

function aDocument(name: string, value: unknown): string | null {
  if (typeof value !== 'string') return `"${name}" must be a string that holds the text of a JSON object`
  const read = objectOf(value)
  return typeof read === 'string' ? `"${name}" ${read}` : null
}

function optional(check: FieldCheck): FieldCheck {
  return (name, value) => (value === undefined || value === null ? null : check(name, value))
}

function objectOf(text: string): Readonly<Record<string, unknown>> | string {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return `is no JSON: ${messageOf(error)}`
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'must hold a JSON object'
  return parsed as Record<string, unknown>
}
