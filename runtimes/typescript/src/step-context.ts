// What a handler sees of its step. Accessors and their rules: handler-api §1.3.

import type { Call } from './call.ts'
import { CheckpointNotStored } from './errors.ts'
import { JsonTextError, writeJson } from './json-text.ts'
import { type JsonPath, type RawJson, sliceJson, toJsonPath } from './raw-json.ts'
import { isObject, type JsonObject, objectOf, StepDocuments } from './step-documents.ts'
import { consoleLogger, StepLogger } from './step-logger.ts'

/** The event behind a context. Source: handler-api §0.1. */
export interface StepEvent {
  readonly event_id: string
  readonly task_uuid: string
  readonly step_uuid: string
  readonly correlation_id: string
  readonly task_sequence_step: JsonObject
}

export interface StepContextFields {
  readonly eventId: string
  readonly taskUuid: string
  readonly stepUuid: string
  readonly correlationId: string
  readonly handlerName: string
  readonly documents: StepDocuments
  /** Absent in unit tests of a handler: nothing cancels it, and its checkpoints are recorded. */
  readonly call?: Call
}

export interface CheckpointFields {
  /** Where a later run of the step goes on. */
  readonly cursor: unknown
  readonly itemsProcessed: number
  readonly accumulatedResults?: unknown
}

/** Where `raw` begins: the accessor's name → the document and the path inside it. */
const rawRoots = {
  inputData: { document: 'task', path: ['task', 'context'] },
  dependencyResults: { document: 'dependencyResults', path: [] },
  stepConfig: { document: 'stepDefinition', path: ['handler', 'initialization'] },
  stepInputs: { document: 'workflowStep', path: ['inputs'] },
} as const

export class StepContext {
  readonly taskUuid: string
  readonly stepUuid: string
  readonly correlationId: string
  readonly handlerName: string
  readonly #eventId: string
  readonly #documents: StepDocuments
  readonly #call: Call | null
  #logger: StepLogger | null = null
  /** What was saved where no host is there to store it. */
  readonly recordedCheckpoints: CheckpointFields[] = []

  constructor(fields: StepContextFields) {
    this.#eventId = fields.eventId
    this.taskUuid = fields.taskUuid
    this.stepUuid = fields.stepUuid
    this.correlationId = fields.correlationId
    this.handlerName = fields.handlerName
    this.#documents = fields.documents
    this.#call = fields.call ?? null
  }

  static fromFfiEvent(event: StepEvent, handlerName: string): StepContext {
    return new StepContext({
      eventId: event.event_id,
      taskUuid: event.task_uuid,
      stepUuid: event.step_uuid,
      correlationId: event.correlation_id,
      handlerName,
      documents: StepDocuments.fromSequenceStep(event.task_sequence_step),
    })
  }

  get event(): StepEvent {
    const { task, workflowStep, dependencyResults, stepDefinition } = this.#documents
    return {
      event_id: this.#eventId,
      task_uuid: this.taskUuid,
      step_uuid: this.stepUuid,
      correlation_id: this.correlationId,
      task_sequence_step: {
        task,
        workflow_step: workflowStep,
        dependency_results: dependencyResults,
        step_definition: stepDefinition,
      },
    }
  }

  /** True once the host wants the step to stop. Look at it in long loops and between slow calls, then fail or return. */
  get cancelled(): boolean {
    return (this.#call?.cancelledBy ?? null) !== null
  }

  /** Seconds until the host wants the handler to stop; negative when that is over, infinite without a host. */
  get deadline(): number {
    return this.#call?.deadline ?? Number.POSITIVE_INFINITY
  }

  /** W3C Trace Context of the call. */
  get traceparent(): string | null {
    return this.#call?.traceparent ?? null
  }

  /** Its lines reach the host with this step's id, a level and fields. */
  get logger(): StepLogger {
    this.#logger ??= this.#call === null ? consoleLogger() : loggerOf(this.#call, this.stepUuid)
    return this.#logger
  }

  /** Resolves when the host has stored it; a later run of this step begins with it. Rejects with CheckpointNotStored. */
  async saveCheckpoint(fields: CheckpointFields): Promise<void> {
    const text = checkpointText(fields)
    if (this.#call === null) this.recordedCheckpoints.push(fields)
    else await this.#call.checkpoints.save(this.stepUuid, text)
  }

  /** The context of the task. */
  get inputData(): JsonObject {
    return objectOf(objectOf(this.#documents.task['task'])['context'])
  }

  /** Step name → full step result, all ancestors included. `getDependencyResult` gives the handler's own result. */
  get dependencyResults(): JsonObject {
    return this.#documents.dependencyResults
  }

  /** `handler.initialization` of the template's step. */
  get stepConfig(): JsonObject {
    return objectOf(objectOf(this.#documents.stepDefinition['handler'])['initialization'])
  }

  /** `workflow_step.inputs`: what a batch worker was given. */
  get stepInputs(): JsonObject {
    return objectOf(this.#documents.workflowStep['inputs'])
  }

  /** Attempts before this one: 0 on the first run. */
  get retryCount(): number {
    return numberOr(this.#documents.workflowStep['attempts'], 0)
  }

  /** Attempts in all, the first included. */
  get maxRetries(): number {
    return numberOr(this.#documents.workflowStep['max_attempts'], 3)
  }

  /** A field of the task context; undefined when it is absent. The type is the caller's claim: nothing checks it. */
  getInput<T = unknown>(key: string): T | undefined {
    return this.inputData[key] as T | undefined
  }

  /** As `getInput`; the default stands for an absent field only, an explicit null is kept. */
  getInputOr<T = unknown>(key: string, defaultValue: T): T {
    const value = this.inputData[key]
    return value === undefined ? defaultValue : (value as T)
  }

  getConfig<T = unknown>(key: string): T | undefined {
    return this.stepConfig[key] as T | undefined
  }

  /** What the handler of that ancestor returned; null when there is none. */
  getDependencyResult<T = unknown>(stepName: string): T | null {
    const value = this.dependencyResults[stepName]
    if (value === undefined || value === null) return null
    return (isObject(value) && 'result' in value ? value['result'] : value) as T
  }

  /** Digs into an ancestor's result; null when a part of the path is missing. */
  getDependencyField<T = unknown>(stepName: string, ...path: string[]): T | null {
    let value = this.getDependencyResult(stepName)
    for (const key of path) {
      if (typeof value !== 'object' || value === null) return null
      value = (value as JsonObject)[key]
    }
    return (value ?? null) as T | null
  }

  getDependencyResultKeys(): string[] {
    return Object.keys(this.dependencyResults)
  }

  /** The results of all ancestors whose names begin with the prefix, as batch workers of one step do. */
  getAllDependencyResults<T = unknown>(prefix: string): T[] {
    const names = this.getDependencyResultKeys().filter((name) => name.startsWith(prefix))
    return names
      .map((name) => this.getDependencyResult<T>(name))
      .filter((result): result is Awaited<T> & T => result !== null)
  }

  isRetry(): boolean {
    return this.retryCount > 0
  }

  isLastRetry(): boolean {
    return this.retryCount >= this.maxRetries - 1
  }

  /** What the step had when this run of it began. */
  get checkpoint(): JsonObject | null {
    const checkpoint = this.#documents.workflowStep['checkpoint']
    return isObject(checkpoint) ? checkpoint : null
  }

  get checkpointCursor(): unknown {
    return this.checkpoint?.['cursor'] ?? null
  }

  get checkpointItemsProcessed(): number {
    return numberOr(this.checkpoint?.['items_processed'], 0)
  }

  get accumulatedResults(): unknown {
    return this.checkpoint?.['accumulated_results'] ?? null
  }

  hasCheckpoint(): boolean {
    return this.checkpointCursor !== null
  }

  /**
   * The exact JSON text at a path that begins with `inputData`, `dependencyResults`, `stepConfig` or `stepInputs`:
   * `raw('inputData.order.total')`. Put into a result it arrives unchanged, where a number that was read would turn `1.0` into `1`.
   * Null when nothing is there.
   */
  raw(path: string | JsonPath): RawJson | null {
    const [root, ...rest] = toJsonPath(path)
    const known = Object.entries(rawRoots).find(([name]) => name === root)?.[1]
    if (known === undefined) {
      throw new TypeError(
        `raw(): the path must begin with one of ${Object.keys(rawRoots).join(', ')}, not ${root ?? 'nothing'}`,
      )
    }
    return sliceJson(this.#documents.texts[known.document], [...known.path, ...rest])
  }
}

function loggerOf({ sink }: Call, stepUuid: string): StepLogger {
  return new StepLogger((level, message, fields) =>
    sink.write({ step_uuid: stepUuid, stream: 'log', level, message, fields }),
  )
}

function checkpointText({ cursor, itemsProcessed, accumulatedResults }: CheckpointFields): string {
  const accumulated = accumulatedResults === undefined ? {} : { accumulated_results: accumulatedResults }
  try {
    return writeJson({ cursor: cursor ?? null, items_processed: itemsProcessed, ...accumulated })
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error
    throw new CheckpointNotStored(
      `The checkpoint has no JSON form: ${error.path.replace('$', 'checkpoint')} is ${error.problem}.`,
    )
  }
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback
}
