// Handlers in two halves: `process` does the work, `processResults` makes the step's result of its output.

import { hasProcessBatch, RowBatchHandler } from './row-batch.ts'
import type { StepContext } from './step-context.ts'
import { isSynchronous, StepHandler, type StepHandlerClass } from './step-handler.ts'
import { StepHandlerResult, toStepResult } from './step-result.ts'

/** What a handler without `call` has. Either method may return a promise. */
interface Halves {
  process?(context: StepContext): unknown
  processResults?(context: StepContext, output: unknown): unknown
}

/** Implement `process` and, where its output is not the result yet, `processResults(context, output)`. */
export abstract class ProcessHandler extends StepHandler {
  /** Does the work; a StepHandlerResult that it returns is the step's result as it stands. */
  abstract process(context: StepContext): unknown

  call(context: StepContext): Promise<StepHandlerResult> {
    return runHalves(this, context)
  }
}

/** Whether a handler, which may have no `call`, has the first half. */
export function hasProcess(handler: object): handler is Halves {
  return 'process' in handler && typeof handler.process === 'function'
}

/** `process`, then `processResults` unless the output says itself how the step ended. */
export async function runHalves(handler: Halves, context: StepContext): Promise<StepHandlerResult> {
  const output = await handler.process?.(context)
  if (handler.processResults === undefined || output instanceof StepHandlerResult) return toStepResult(output)
  return toStepResult(await handler.processResults(context, output))
}

/** Whether a handler of this class holds its thread: as it says, else as the form of the author's own method tells. */
export function holdsThread({ synchronous, prototype }: StepHandlerClass): boolean {
  const { call, process }: Partial<Pick<StepHandler, 'call'>> & Halves = prototype
  const inherited: readonly unknown[] = [undefined, ProcessHandler.prototype.call, RowBatchHandler.prototype.call]
  const one = inherited.includes(call) ? process : call
  const entries = [...(one === undefined ? [] : [one]), ...(hasProcessBatch(prototype) ? [prototype.processBatch] : [])]
  return synchronous ?? entries.some(isSynchronous)
}
