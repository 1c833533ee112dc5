// Handlers as plain functions: `defineHandler` makes a handler class of one.

import type { StepContext } from './step-context.ts'
import { isSynchronous, StepHandler, type StepHandlerClass } from './step-handler.ts'
import { type StepHandlerResult, toStepResult } from './step-result.ts'

type ArgumentName<Arguments> = Exclude<keyof Arguments & string, 'context'>

export interface DefineHandlerOptions<Arguments extends object> {
  /** Argument → step whose result it gets (null when that step has none). */
  readonly depends?: { readonly [Name in ArgumentName<Arguments>]?: string }
  /** Argument → field of the task context. */
  readonly inputs?: { readonly [Name in ArgumentName<Arguments>]?: string }
  readonly version?: string
}

export interface HandlerArguments {
  readonly context: StepContext
}

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
  const injections = [
    ...Object.entries<string | undefined>(options.depends ?? {}).map(
      ([argument, step]) =>
        [argument, (context: StepContext) => context.getDependencyResult(step ?? argument)] as const,
    ),
    ...Object.entries<string | undefined>(options.inputs ?? {}).map(
      ([argument, key]) => [argument, (context: StepContext) => context.getInput(key ?? argument)] as const,
    ),
  ]
  class FunctionHandler extends StepHandler {
    static override handlerName = name
    static override handlerVersion = options.version ?? '1.0.0'
    static override synchronous = isSynchronous(fn)

    async call(context: StepContext): Promise<StepHandlerResult> {
      const injected = Object.fromEntries(injections.map(([argument, read]) => [argument, read(context)]))
      return toStepResult(await fn({ ...injected, context } as unknown as Arguments & HandlerArguments))
    }
  }
  // The class is an implementation detail: the handler's own name serves in its place.
  Object.defineProperty(FunctionHandler, 'name', { value: name })
  return FunctionHandler
}
