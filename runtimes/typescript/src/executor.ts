// Runs one request: resolves the handler, calls it, and turns whatever happens into one entry of `result`.

import type { Call } from './call.ts'
import { ErrorType, PermanentError, RetryableError } from './errors.ts'
import type { HandlerDirectory, LoadedHandler } from './handler-directory.ts'
import { JsonTextError, writeJson } from './json-text.ts'
import type { ErrorEntry, ExecuteMessage, RequestEntry, ResultEntry, StepOutcome } from './messages.ts'
import { hasProcess, runHalves } from './process-handler.ts'
import { hasProcessBatch, runBatch } from './row-batch.ts'
import { StepContext } from './step-context.ts'
import { StepDocuments } from './step-documents.ts'
import type { StepHandler } from './step-handler.ts'
import { type StepHandlerResult, toStepResult } from './step-result.ts'

const backtraceLinesMax = 50
const ownDirectory = new URL('.', import.meta.url).href
const outcomes = [
  ['decision_point_outcome', 'decision'],
  ['batch_processing_outcome', 'batches'],
] as const
const messageCharactersMax = 10_000

export type CallTarget = Pick<ExecuteMessage, 'call_id' | 'callable' | 'method' | 'resolver'>

export class Executor {
  readonly #directory: HandlerDirectory

  constructor(directory: HandlerDirectory) {
    this.#directory = directory
  }

  /** Never rejects: a handler's failure is a value. */
  async run(target: CallTarget, request: RequestEntry, call: Call): Promise<ResultEntry> {
    const startedAt = performance.now()
    const done = (outcome: Outcome): ResultEntry => ({
      step_uuid: request.step_uuid,
      execution_time_ms: Math.max(0, Math.round(performance.now() - startedAt)),
      ...outcome,
    })
    const { handler, problem } = this.#directory.resolve(target.callable, target.resolver ?? null)
    if (handler === null) {
      return done(failed({ message: sentence(problem), error_type: 'handler_not_found', retryable: false }))
    }
    const where = `handler ${handler.callable} (${handler.file})`
    try {
      const returned = await invoke(handler, target, request, call)
      return done(toOutcome(toStepResult(returned), where))
    } catch (error) {
      return done(fromThrown(error, where))
    }
  }

  /** One entry for each request; null: the handler takes steps one by one, or its code threw. Never rejects. */
  async runBatch(message: ExecuteMessage, call: Call): Promise<readonly ResultEntry[] | null> {
    const { handler: loaded } = this.#directory.resolve(message.callable, message.resolver ?? null)
    if (loaded === null || !hasProcessBatch(loaded.handlerClass.prototype)) return null
    const where = `handler ${loaded.callable} (${loaded.file})`
    const startedAt = performance.now()
    try {
      const handler = new loaded.handlerClass()
      if (!hasProcessBatch(handler)) return null
      const contexts = message.requests.map((request) => stepContext(loaded, message, request, call))
      const results = await runBatch(handler, contexts)
      const ranMs = Math.max(0, Math.round(performance.now() - startedAt))
      return results.map((result, index) => ({
        step_uuid: message.requests[index]?.step_uuid ?? '',
        execution_time_ms: ranMs,
        ...toOutcome(result, where),
      }))
    } catch (error) {
      console.error(`\`processBatch\` of ${where} threw ${String(error)}; its steps run one by one.`)
      return null
    }
  }
}

type Outcome =
  | { readonly success: true; readonly metadata: string; readonly result: string; readonly outcome?: StepOutcome }
  | { readonly success: false; readonly metadata: string; readonly error: ErrorEntry }

async function invoke(loaded: LoadedHandler, target: CallTarget, request: RequestEntry, call: Call): Promise<unknown> {
  const handler = new loaded.handlerClass()
  const method = target.method ?? 'call'
  const run = entryOf(handler, method)
  if (run === null) {
    const cure = `add the method to the class or correct \`handler.method\` in the template`
    throw new PermanentError(`Handler ${loaded.callable} (${loaded.file}) has no method "${method}"; ${cure}.`)
  }
  return await run(stepContext(loaded, target, request, call))
}

function stepContext(loaded: LoadedHandler, target: CallTarget, request: RequestEntry, call: Call): StepContext {
  return new StepContext({
    eventId: target.call_id,
    taskUuid: request.task_uuid,
    stepUuid: request.step_uuid,
    correlationId: request.correlation_id,
    handlerName: loaded.callable,
    documents: new StepDocuments({
      task: request.task,
      workflowStep: request.workflow_step,
      dependencyResults: request.dependency_results,
      stepDefinition: request.step_definition,
    }),
    call,
  })
}

/** The author's method; a class that has only `process` or `processBatch` is called by these. */
function entryOf(handler: StepHandler, method: string): ((context: StepContext) => unknown) | null {
  const callee: unknown = Reflect.get(handler, method)
  if (typeof callee === 'function') return (context) => Reflect.apply(callee, handler, [context]) as unknown
  if (method !== 'call') return null
  if (hasProcess(handler)) return (context) => runHalves(handler, context)
  return hasProcessBatch(handler) ? async (context) => (await runBatch(handler, [context]))[0] : null
}

function toOutcome(result: StepHandlerResult, where: string): Outcome {
  try {
    if (result.success && result.metadata['checkpoint_yield'] === true) return yielded(result.result)
    const metadata = writeObject(result.metadata, 'metadata')
    if (result.success) {
      return { success: true, metadata, result: writePart(result.result, 'result'), ...decided(result.result) }
    }
    const hint = result.orchestrationMetadata?.backoff_hint
    const outcome = failed({
      message: result.errorMessage ?? 'The handler failed without a message.',
      error_type: result.errorType ?? ErrorType.HANDLER_ERROR,
      error_code: result.errorCode,
      retryable: result.retryable,
      retry_after_s: seconds(hint?.delay_seconds),
    })
    return { ...outcome, metadata }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return failed({
      message: `The result of ${where} is refused: ${problem}.`,
      error_type: 'invalid_result',
      retryable: false,
    })
  }
}

/** The `outcome` of a result that has one, however the handler made it. Orchestration reads it in the result. */
function decided(result: unknown): { outcome?: StepOutcome } {
  if (typeof result !== 'object' || result === null) return {}
  for (const [key, kind] of outcomes) {
    const document: unknown = Reflect.get(result, key)
    if (typeof document === 'object' && document !== null) return { outcome: { kind, document: writeJson(document) } }
  }
  return {}
}

/** Its `type` is for Tasker's eyes only. */
function yielded(result: unknown): Outcome {
  const { type: _type, ...checkpoint } = Object(result) as Record<string, unknown>
  const document = writePart(checkpoint, 'checkpoint')
  return { success: true, metadata: '{}', result: 'null', outcome: { kind: 'checkpoint', document } }
}

/** PermanentError and RetryableError say themselves whether a retry can help; anything else is worth one. */
function fromThrown(thrown: unknown, where: string): Outcome {
  const message = thrown instanceof Error ? thrown.message || thrown.name : `${where} threw ${String(thrown)}`
  const backtrace = backtraceOf(thrown)
  if (!(thrown instanceof PermanentError) && !(thrown instanceof RetryableError)) {
    return failed({ message, error_type: ErrorType.HANDLER_ERROR, retryable: true, backtrace })
  }
  const retryable = thrown instanceof RetryableError
  return failed({
    message,
    error_type: retryable ? ErrorType.RETRYABLE_ERROR : ErrorType.PERMANENT_ERROR,
    error_code: thrown.errorCode,
    retryable,
    retry_after_s: seconds(retryable ? thrown.retryAfter : null),
    backtrace,
    context: contextOf(thrown.metadata),
  })
}

function failed(error: Partial<ErrorEntry> & Pick<ErrorEntry, 'message' | 'error_type' | 'retryable'>): Outcome {
  const defaults = { error_code: null, retry_after_s: null, backtrace: [], context: '{}' }
  const backtrace = (error.backtrace ?? []).map(storable)
  return {
    success: false,
    metadata: '{}',
    error: { ...defaults, ...error, message: storable(error.message), backtrace },
  }
}

/** A message is text from anywhere; what PostgreSQL cannot store must not cost the whole failure. */
function storable(text: string): string {
  return text.slice(0, messageCharactersMax).replace(/\u0000|\p{Surrogate}/gu, '\ufffd')
}

/** A thrown error's details are a courtesy: what JSON cannot hold must not hide the error itself. */
function contextOf(metadata: unknown): string {
  try {
    return writeObject(metadata, 'metadata')
  } catch (error) {
    return writeJson({ metadata_left_out: error instanceof Error ? error.message : 'unreadable' })
  }
}

function writeObject(value: unknown, name: string): string {
  const text = writePart(value ?? {}, name)
  if (!text.startsWith('{')) throw new JsonTextError(name, 'not an object; metadata must be one')
  return text
}

/** The message names the value from the author's view: `result.lines[3].price`. */
function writePart(value: unknown, name: string): string {
  try {
    return writeJson(value)
  } catch (error) {
    if (error instanceof JsonTextError) throw new JsonTextError(error.path.replace('$', name), error.problem)
    throw error
  }
}

function seconds(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.ceil(value) : null
}

/** The author's lines: Node's and the runtime's own say nothing about the handler. */
function backtraceOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return []
  const lines = thrown.stack.split('\n').map((line) => line.trim())
  const authored = lines.filter((line) => !line.includes(ownDirectory) && !/\(?node:/.test(line))
  return authored.filter((line) => line.startsWith('at ')).slice(0, backtraceLinesMax)
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
