// Several steps in one call of `processBatch`: contexts in, a result for each out.

import type { StepContext } from './step-context.ts'
import { StepHandler, type StepHandlerClass } from './step-handler.ts'
import { StepHandlerResult, toStepResult } from './step-result.ts'

/** Returns an array in the order of the contexts, or a Map or an object by step uuid; or a promise of one of these. */
export interface BatchProcessor {
  processBatch(contexts: readonly StepContext[]): unknown
}

/** A handler that takes several steps in one call: declare `static batch` and implement `processBatch`. */
export abstract class RowBatchHandler extends StepHandler implements BatchProcessor {
  abstract processBatch(contexts: readonly StepContext[]): unknown

  /** A batch of one. */
  async call(context: StepContext): Promise<StepHandlerResult> {
    const [result] = await runBatch(this, [context])
    return result ?? missing(this)
  }
}

/** Whether instances of a class, or an instance, take several steps in one call. */
export function hasProcessBatch(handler: object): handler is BatchProcessor {
  return 'processBatch' in handler && typeof handler.processBatch === 'function'
}

/** One result for each context, in their order. Rejects with whatever the author's code throws. */
export async function runBatch(
  handler: StepHandler & BatchProcessor,
  contexts: readonly StepContext[],
): Promise<readonly StepHandlerResult[]> {
  const output = await handler.processBatch(contexts)
  const outputs = ordered(output, contexts)
  return contexts.map((_, index) => {
    if (outputs === null) return misfit(handler, output)
    const each = outputs[index]
    return each === null || each === undefined ? missing(handler) : toStepResult(each)
  })
}

/** What the class declares, as the wire has it; null: steps come one by one. A wrong declaration is said on standard error. */
export function batchLimits(handlerClass: StepHandlerClass): { max_size: number; max_wait_ms: number } | null {
  const { batch, name, prototype } = handlerClass
  if (batch === null) return null
  const [size, waitMs] = 'maxSize' in batch ? [batch.maxSize, batch.maxWaitMs] : [batch.max_size, batch.max_wait_ms]
  const legal = Number.isSafeInteger(size) && size >= 1 && Number.isSafeInteger(waitMs) && waitMs >= 0
  if (legal && hasProcessBatch(prototype)) return { max_size: size, max_wait_ms: waitMs }
  const problem = legal ? 'there is no `processBatch`' : '`maxSize` from 1 and `maxWaitMs` from 0 are needed, integers'
  console.error(`stephost: ${name} declares \`batch\`, but ${problem}; its steps come one by one.`)
  return null
}

/** null: none of the three shapes, or more results than contexts. */
function ordered(output: unknown, contexts: readonly StepContext[]): readonly unknown[] | null {
  if (Array.isArray(output)) return output.length <= contexts.length ? output : null
  if (output instanceof Map) return contexts.map(({ stepUuid }) => output.get(stepUuid) as unknown)
  if (typeof output !== 'object' || output === null || output instanceof StepHandlerResult) return null
  return contexts.map(({ stepUuid }) => Reflect.get(output, stepUuid) as unknown)
}

function misfit(handler: StepHandler, output: unknown): StepHandlerResult {
  const given = Array.isArray(output) ? 'more results than contexts' : output === null ? 'null' : typeof output
  const cure = 'return an array in the order of the contexts, or a Map or an object by step uuid'
  const message = `\`processBatch\` of ${handler.constructor.name} returned ${given}; ${cure}.`
  return StepHandlerResult.failure(message, 'invalid_result', false)
}

function missing(handler: StepHandler): StepHandlerResult {
  const message = `\`processBatch\` of ${handler.constructor.name} gave no result for this step; it must give one for each context.`
  return StepHandlerResult.failure(message, 'missing_result', true)
}
