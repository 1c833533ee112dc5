// Runs one request: resolves the handler, calls it, and turns whatever happens into one entry of `result`.

import type { Call } from './call.ts'
import type { EventCode } from './event-code.ts'
import type { HandlerDirectory, LoadedHandler } from './handler-directory.ts'
import { HandlerMistake } from './handler-mistake.ts'
import { writeJson } from './json-text.ts'
import type { ExecuteMessage, RequestEntry, ResultEntry } from './messages.ts'
import { hasProcess, runHalves } from './process-handler.ts'
import { hasProcessBatch, runBatch } from './row-batch.ts'
import { StepContext } from './step-context.ts'
import { StepDocuments } from './step-documents.ts'
import { noteContext, type StepHandler } from './step-handler.ts'
import { toStepResult } from './step-result.ts'
import { failed, fromThrown, type Outcome, toOutcome } from './wire-result.ts'

export type CallTarget = Pick<ExecuteMessage, 'call_id' | 'callable' | 'method' | 'resolver'>

export class Executor {
  readonly #directory: HandlerDirectory
  readonly #eventCode: EventCode | null

  constructor(directory: HandlerDirectory, eventCode: EventCode | null = null) {
    this.#directory = directory
    this.#eventCode = eventCode
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

  /** The entry of a publisher or a subscriber. Never rejects. */
  async runEvent(message: ExecuteMessage, request: RequestEntry, call: Call): Promise<ResultEntry> {
    const { mode, callable, event } = message
    const base = { step_uuid: request.step_uuid, execution_time_ms: 0 }
    try {
      if (mode === 'single' || mode === 'batch') throw new Error(`The mode ${mode} has no event.`)
      const context = stepContext(callable, message, request, call)
      const result = await this.#eventCode?.run(mode, callable, JSON.parse(event ?? 'null'), context)
      return { ...base, success: true, metadata: '{}', result: writeJson(result ?? null) }
    } catch (error) {
      return { ...base, ...fromThrown(error, `handler "${callable}"`) }
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
      const contexts = message.requests.map((request) => stepContext(loaded.callable, message, request, call))
      if (contexts[0] !== undefined) noteContext(handler, contexts[0])
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

async function invoke(loaded: LoadedHandler, target: CallTarget, request: RequestEntry, call: Call): Promise<unknown> {
  const handler = new loaded.handlerClass()
  const method = target.method ?? 'call'
  const run = entryOf(handler, method)
  if (run === null) {
    const cure = `add the method to the class or correct \`handler.method\` in the template`
    throw new HandlerMistake(`it has no method "${method}"; ${cure}.`)
  }
  const context = stepContext(loaded.callable, target, request, call)
  noteContext(handler, context)
  return await run(context)
}

function stepContext(callable: string, target: CallTarget, request: RequestEntry, call: Call): StepContext {
  return new StepContext({
    eventId: target.call_id,
    taskUuid: request.task_uuid,
    stepUuid: request.step_uuid,
    correlationId: request.correlation_id,
    handlerName: callable,
    documents: new StepDocuments({
      task: request.task,
      workflowStep: request.workflow_step,
      dependencyResults: request.dependency_results,
      stepDefinition: request.step_definition,
    }),
    call,
  })
}

/** The author's method; a class that has only `process` or `processBatch` is called by these. null: there is none. */
export function entryOf(handler: StepHandler, method: string): ((context: StepContext) => unknown) | null {
  const callee: unknown = Reflect.get(handler, method)
  if (typeof callee === 'function') return (context) => Reflect.apply(callee, handler, [context]) as unknown
  if (method !== 'call') return null
  if (hasProcess(handler)) return (context) => runHalves(handler, context)
  return hasProcessBatch(handler) ? async (context) => (await runBatch(handler, [context]))[0] : null
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
