// What every adapter must do with several steps in one call.

import { expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { resultValue, type Session } from './session.ts'

export function exerciseRowBatches(session: () => Session): void {
  const together = async (rows: readonly unknown[]) => {
    const contexts = rows.map((row) => JSON.stringify({ row }) as JsonText)
    const requests = contexts.flatMap((context) => handlerCall({ callable: 'conformance.rows', context }).requests)
    const call = { ...handlerCall({ callable: 'conformance.rows' }), mode: 'batch' as const, requests }
    const results = await session().adapter.execute(call, {
      started: () => {},
      log: () => {},
      checkpoint: () => Promise.resolve({ stored: false, message: 'The suite stores none.' }),
    })
    expect(results.map(({ stepId }) => stepId)).toEqual(requests.map(({ stepId }) => stepId))
    return results
  }

  it('are announced with their limits', () => {
    const announced = session().adapter.handlers()
    expect(announced.find(({ callable }) => callable === 'conformance.rows')).toMatchObject({
      batch: { sizeMax: 10, waitMaxMs: 20 },
      capabilities: ['process_batch'],
    })
    expect(announced.find(({ callable }) => callable === 'conformance.echo')?.batch).toBeNull()
  })

  it('come in one call, and each step has its own result', async () => {
    const [first, failed, absent, last] = await together([1, -2, null, 4])
    expect(first && resultValue(first)).toEqual({ row: 1, size: 4 })
    expect(failed).toMatchObject({ success: false, message: 'row -2', retryable: false })
    expect(absent).toMatchObject({ success: false, errorType: 'missing_result', retryable: true })
    expect(last && resultValue(last)).toEqual({ row: 4, size: 4 })
  })

  it('run one by one when the code throws', async () => {
    const [first, thirteen, last] = await together([1, 13, 3])
    expect(first && resultValue(first)).toEqual({ row: 1, size: 1 })
    expect(thirteen).toMatchObject({ success: false, message: expect.stringContaining('row 13'), retryable: true })
    expect(last && resultValue(last)).toEqual({ row: 3, size: 1 })
  })

  it('fail together when what comes back is no list of results', async () => {
    for (const result of await together([1, 'shape'])) {
      expect(result).toMatchObject({ success: false, errorType: 'invalid_result', retryable: false })
      expect(result).toMatchObject({ message: expect.stringContaining('in the order of the contexts') })
    }
  })

  it('may be a batch of one', async () => {
    const { run } = session()
    expect(resultValue(await run('conformance.rows', { row: 5 }))).toEqual({ row: 5, size: 1 })
    expect(await run('conformance.rows', { row: null })).toMatchObject({ success: false, errorType: 'missing_result' })
  })
}
