// Contexts for tests, with the documents that a host would send.

import { randomUUID } from 'node:crypto'
import type { Metadata } from './errors.ts'
import type { RequestEntry } from './messages.ts'
import { StepContext } from './step-context.ts'
import { StepDocuments } from './step-documents.ts'

export interface ContextFields {
  /** The task's. */
  readonly context?: Metadata
  /** Step name → what its handler returned. */
  readonly dependencies?: Metadata
  /** `initialization` of the template step. */
  readonly config?: Metadata
  /** Of the step, as batch workers have them. */
  readonly inputs?: Metadata | null
  /** `cursor`, `items_processed`, `accumulated_results`. */
  readonly checkpoint?: Metadata | null
  /** Before this run: 0 on the first. */
  readonly attempts?: number
  readonly maxAttempts?: number
  readonly stepName?: string
  readonly namespace?: string
}

/** A request as it comes over the wire: what JSON cannot hold shows itself. */
export function buildRequest(fields: ContextFields, callable = 'handler'): RequestEntry {
  const { context = {}, dependencies = {}, config = {}, inputs = null, checkpoint = null, attempts = 0 } = fields
  const { maxAttempts = 3, stepName = 'step', namespace = 'tests' } = fields
  const [task, step] = [randomUUID(), randomUUID()]
  const results = Object.entries(dependencies).map(([name, result]) => [name, { result }] as const)
  return {
    ...{ task_uuid: task, step_uuid: step, correlation_id: randomUUID(), step_name: stepName, attempts },
    task: JSON.stringify({
      task: { task_uuid: task, context },
      ...{ task_name: 'task', task_version: '1.0.0', namespace_name: namespace },
    }),
    workflow_step: JSON.stringify({
      ...{ workflow_step_uuid: step, task_uuid: task, name: stepName, retryable: true },
      ...{ attempts, max_attempts: maxAttempts, inputs, checkpoint },
    }),
    dependency_results: JSON.stringify(Object.fromEntries(results)),
    step_definition: JSON.stringify({
      name: stepName,
      handler: { callable, initialization: config },
      dependencies: Object.keys(dependencies),
    }),
  }
}

export function buildContext(fields: ContextFields = {}, handlerName = 'handler'): StepContext {
  const request = buildRequest(fields, handlerName)
  return new StepContext({
    eventId: randomUUID(),
    taskUuid: request.task_uuid,
    stepUuid: request.step_uuid,
    correlationId: request.correlation_id,
    handlerName,
    documents: new StepDocuments({
      task: request.task,
      workflowStep: request.workflow_step,
      dependencyResults: request.dependency_results,
      stepDefinition: request.step_definition,
    }),
  })
}
