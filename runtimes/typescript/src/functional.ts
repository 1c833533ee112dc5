// Handlers as plain functions: `defineHandler` and its kinds make handler classes of them. Source: handler-api §1.3.

import { type APIMixin, ApiHandler } from './api-capable.ts'
import type { BatchWorkerContext } from './batch-worker-context.ts'
import { BatchableStepHandler } from './batchable-capable.ts'
import { asRustCursor, cursorsOfSize } from './cursors.ts'
import { DecisionHandler } from './decision-capable.ts'
import type { Metadata } from './errors.ts'
import { type DefineHandlerOptions, FunctionArguments, type HandlerArguments } from './function-arguments.ts'
import { HandlerMistake } from './handler-mistake.ts'
import type { StepContext } from './step-context.ts'
import { isSynchronous, StepHandler, type StepHandlerClass } from './step-handler.ts'
import { StepHandlerResult, toStepResult } from './step-result.ts'

/**
 * A handler named `name` whose function gets one object: the injected arguments and `context`. It may return a
 * StepHandlerResult, a plain object (the result), nothing (`{}`), or any other value (`{ result: value }`).
 * State the arguments' types once: `defineHandler<{ order: Order }>(…)`. Source: handler-api §1.3.
 */
export function defineHandler<Arguments extends object = Record<string, unknown>>(
  name: string,
  options: DefineHandlerOptions<NoInfer<Arguments>>,
  fn: (args: Arguments & HandlerArguments) => unknown,
): StepHandlerClass {
  const injected = new FunctionArguments<Arguments>(name, options, fn)
  class FunctionHandler extends StepHandler {
    static override synchronous = isSynchronous(fn)

    async call(context: StepContext): Promise<StepHandlerResult> {
      return toStepResult(await fn(injected.of(context, {})))
    }
  }
  return named(FunctionHandler, { name, options, injected })
}

/** What the function of a decision returns. */
export class Decision {
  readonly steps: readonly string[]
  readonly about: Metadata
  /** null: the steps run. */
  readonly reason: string | null

  private constructor(steps: readonly string[], about: Metadata, reason: string | null) {
    this.steps = steps
    this.about = about
    this.reason = reason
  }

  static route(steps: readonly string[], about: Metadata = {}): Decision {
    return new Decision(steps, about, null)
  }

  static skip(reason: string, about: Metadata = {}): Decision {
    return new Decision([], about, reason)
  }
}

/** As `defineHandler`; the function returns `Decision.route([…])` or `Decision.skip('why')`. */
export function defineDecisionHandler<Arguments extends object = Record<string, unknown>>(
  name: string,
  options: DefineHandlerOptions<NoInfer<Arguments>>,
  fn: (args: Arguments & HandlerArguments) => unknown,
): StepHandlerClass {
  const injected = new FunctionArguments<Arguments>(name, options, fn)
  class DecisionFunction extends DecisionHandler {
    static override synchronous = isSynchronous(fn)

    async call(context: StepContext): Promise<StepHandlerResult> {
      const output = await fn(injected.of(context, {}))
      if (output instanceof StepHandlerResult) return output
      if (!(output instanceof Decision))
        throw mistaken(name, output, "Decision.route([…]) or Decision.skip('why')", 'DECISION')
      const { steps, about, reason } = output
      return reason === null ? this.decisionSuccess(steps, about) : this.skipBranches(reason, about)
    }
  }
  return named(DecisionFunction, { name, options, injected })
}

/** What the function of an analyzer returns: workers for so many items, so many each. */
export interface BatchConfig {
  readonly totalItems: number
  readonly batchSize: number
  readonly metadata?: Metadata
}

/** As `defineHandler`; the function returns a BatchConfig. `workerTemplate` is the template's step for the workers. */
export function defineBatchAnalyzer<Arguments extends object = Record<string, unknown>>(
  name: string,
  options: DefineHandlerOptions<NoInfer<Arguments>> & { readonly workerTemplate: string },
  fn: (args: Arguments & HandlerArguments) => unknown,
): StepHandlerClass {
  const injected = new FunctionArguments<Arguments>(name, options, fn)
  class BatchAnalyzer extends BatchableStepHandler {
    static override synchronous = isSynchronous(fn)

    async call(context: StepContext): Promise<StepHandlerResult> {
      const output = await fn(injected.of(context, {}))
      if (output instanceof StepHandlerResult) return output
      if (!isBatchConfig(output)) throw mistaken(name, output, '{ totalItems, batchSize }', 'BATCH')
      const cursors = cursorsOfSize(output.totalItems, output.batchSize)
      if (cursors.length === 0) return this.noBatchesResult('no items', output.metadata)
      // Tasker's own function counts from 0 here, its class from 1.
      const ids = cursors.map((_, index) => `batch_${String(index).padStart(3, '0')}`)
      const configs = cursors.map((cursor, index) => ({ ...asRustCursor(cursor, index), batch_id: ids[index] ?? '' }))
      return this.batchSuccess(options.workerTemplate, configs, output.metadata)
    }
  }
  return named(BatchAnalyzer, { name, options, injected })
}

/** As `defineHandler`; the function also gets `batchContext`. Workers without work do not reach it. */
export function defineBatchWorker<Arguments extends object = Record<string, unknown>>(
  name: string,
  options: DefineHandlerOptions<NoInfer<Arguments>>,
  fn: (args: Arguments & HandlerArguments & { readonly batchContext: BatchWorkerContext | null }) => unknown,
): StepHandlerClass {
  const injected = new FunctionArguments<Arguments>(name, options, fn)
  class BatchWorker extends BatchableStepHandler {
    static override synchronous = isSynchronous(fn)

    async call(context: StepContext): Promise<StepHandlerResult> {
      const noOp = this.handleNoOpWorker(context)
      if (noOp !== null) return noOp
      return toStepResult(await fn(injected.of(context, { batchContext: this.getBatchContext(context) })))
    }
  }
  return named(BatchWorker, { name, options, injected })
}

export interface ApiOptions {
  readonly baseUrl: string
  /** Milliseconds. */
  readonly defaultTimeout?: number
  readonly defaultHeaders?: Readonly<Record<string, string>>
}

/** As `defineHandler`; the function also gets `api`, with the methods of APIMixin. */
export function defineApiHandler<Arguments extends object = Record<string, unknown>>(
  name: string,
  options: DefineHandlerOptions<NoInfer<Arguments>> & ApiOptions,
  fn: (args: Arguments & HandlerArguments & { readonly api: APIMixin }) => unknown,
): StepHandlerClass {
  const injected = new FunctionArguments<Arguments>(name, options, fn)
  class ApiFunction extends ApiHandler {
    static override synchronous = isSynchronous(fn)
    static baseUrl = options.baseUrl
    static defaultTimeout = options.defaultTimeout
    static defaultHeaders = options.defaultHeaders

    async call(context: StepContext): Promise<StepHandlerResult> {
      return toStepResult(await fn(injected.of(context, { api: this })))
    }
  }
  return named(ApiFunction, { name, options, injected })
}

interface Declared {
  readonly name: string
  readonly options: { readonly version?: string }
  readonly injected: { noteOn(handlerClass: object): void }
}

/** The class is an implementation detail: the handler's own name serves in its place. */
function named(handlerClass: StepHandlerClass, { name, options, injected }: Declared): StepHandlerClass {
  Object.defineProperty(handlerClass, 'name', { value: name })
  injected.noteOn(handlerClass)
  return Object.assign(handlerClass, { handlerName: name, handlerVersion: options.version ?? '1.0.0' })
}

function isBatchConfig(output: unknown): output is BatchConfig {
  return typeof output === 'object' && output !== null && 'totalItems' in output && 'batchSize' in output
}

function mistaken(name: string, output: unknown, wanted: string, kind: 'DECISION' | 'BATCH'): HandlerMistake {
  return new HandlerMistake(
    `the function of "${name}" returned ${typeof output}; return ${wanted}`,
    `INVALID_${kind}_OUTCOME`,
  )
}
