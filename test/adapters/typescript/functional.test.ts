// Handlers as functions: what they get, and what their return values mean.
import { describe, expect, it } from 'vitest'
import { PermanentError, RetryableError } from '../../../runtimes/typescript/src/errors.ts'
import { defineHandler } from '../../../runtimes/typescript/src/functional.ts'
import { StepContext } from '../../../runtimes/typescript/src/step-context.ts'
import { StepHandler } from '../../../runtimes/typescript/src/step-handler.ts'
import { StepHandlerResult, toStepResult } from '../../../runtimes/typescript/src/step-result.ts'

function context(): StepContext {
  const step = {
    task: { task: { context: { order_total: 12 } } },
    dependency_results: { reserve: { success: true, result: { shelf: 'A' } } },
  }
  return StepContext.fromFfiEvent(
    { event_id: 'e', task_uuid: 't', step_uuid: 's', correlation_id: 'c', task_sequence_step: step },
    'x',
  )
}

describe('defineHandler', () => {
  it('injects dependencies, inputs and the context', async () => {
    const handlerClass = defineHandler<{ total: number; stock: { shelf: string } | null; other: unknown }>(
      'shop.ship',
      { inputs: { total: 'order_total' }, depends: { stock: 'reserve', other: 'absent' } },
      async ({ total, stock, other, context: given }) => ({ total, shelf: stock?.shelf, other, step: given.stepUuid }),
    )
    const result = await new handlerClass().call(context())
    expect(result.result).toEqual({ total: 12, shelf: 'A', other: null, step: 's' })
  })

  it('makes a handler class with name and version', () => {
    const handlerClass = defineHandler('shop.ship', { version: '2.0.0' }, () => null)
    const handler = new handlerClass()
    expect(handler).toBeInstanceOf(StepHandler)
    expect([handler.name, handler.version]).toEqual(['shop.ship', '2.0.0'])
    expect(new (defineHandler('shop.pack', {}, () => null))().version).toBe('1.0.0')
  })

  it('knows which functions hold their thread', () => {
    expect(defineHandler('a', {}, () => null).synchronous).toBe(true)
    expect(defineHandler('b', {}, async () => null).synchronous).toBe(false)
  })
})

describe('toStepResult', () => {
  it.each([
    [{ a: 1 }, { a: 1 }],
    [null, {}],
    [undefined, {}],
    [5, { result: 5 }],
    [[1], { result: [1] }],
    ['text', { result: 'text' }],
  ])('%j → %j', (returned, result) => {
    expect(toStepResult(returned)).toMatchObject({ success: true, result })
  })

  it('keeps a result as it is', () => {
    const failure = StepHandlerResult.failure('no', 'declined', false, { code: 1 }, 'E1')
    expect(toStepResult(failure)).toBe(failure)
    expect(failure.isFailure()).toBe(true)
    expect(failure).toMatchObject({ errorMessage: 'no', errorType: 'declined', retryable: false, errorCode: 'E1' })
  })
})

describe('errors', () => {
  it('carry details, codes and a wish to wait', () => {
    expect(new PermanentError('no', { field: 'x' })).toMatchObject({ metadata: { field: 'x' }, errorCode: null })
    expect(new PermanentError('no', 'CARD_DECLINED')).toMatchObject({ metadata: {}, errorCode: 'CARD_DECLINED' })
    expect(new RetryableError('later', { retryAfter: 30 }).retryAfter).toBe(30)
    expect(new RetryableError('later').retryAfter).toBeNull()
  })
})
