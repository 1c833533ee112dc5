// When two tasks are the same: by context, by the caller's key, or never.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskRequest } from '../../src/model/task.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator
beforeAll(async () => {
  const template = (name: string) => sketch(name, { a: {} }, { identity: name })
  bench = await openBench(['strict', 'caller_provided', 'always_unique'].map(template))
  orchestrator = bench.orchestrator()
})
afterAll(() => bench.close())

async function create(template: string, changes: Partial<TaskRequest> = {}): Promise<string> {
  return orchestrator.createTask(request(template, { freshIdentity: false, ...changes })).then(
    () => 'created',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )
}
const context = (text: string) => ({ context: text as JsonText })

it('is the context with strict, however it is spelled, or the key of the caller', async () => {
  expect(await create('strict', context('{"a":1,"b":2}'))).toBe('created')
  expect(await create('strict', context('{ "b": 2, "a": 1 }'))).toContain('TASK_DUPLICATE')
  expect(await create('strict', { ...context('{"a":1,"b":2}'), idempotencyKey: 'one' })).toBe('created')
  expect(await create('strict', { ...context('{"a":3}'), idempotencyKey: 'one' })).toContain('TASK_DUPLICATE')
})

it('is the key of the caller with caller_provided, without which there is no task', async () => {
  expect(await create('caller_provided')).toContain('TASK_INVALID: idempotency_key is missing')
  expect(await create('caller_provided', { idempotencyKey: '' })).toContain('TASK_INVALID: idempotency_key')
  expect(await create('caller_provided', { idempotencyKey: '\0' })).toContain('TASK_INVALID: idempotency_key')
  expect(await create('caller_provided', { idempotencyKey: 'one' })).toBe('created')
  expect(await create('caller_provided', { idempotencyKey: 'one' })).toContain('TASK_DUPLICATE')
  expect(await create('caller_provided', { idempotencyKey: 'two' })).toBe('created')
})

it('is new each time with always_unique, but for a caller who gives a key', async () => {
  expect([await create('always_unique'), await create('always_unique')]).toEqual(['created', 'created'])
  expect(await create('always_unique', { idempotencyKey: 'one' })).toBe('created')
  expect(await create('always_unique', { idempotencyKey: 'one' })).toContain('TASK_DUPLICATE')
})

it('follows the template when it is registered anew', async () => {
  await bench.store.registerTemplates([sketch('strict', { a: {} }, { identity: 'always_unique' })])
  expect([await create('strict'), await create('strict')]).toEqual(['created', 'created'])
})
