// A worker of two runtimes hands steps of one over together while handlers are short, and keeps the claim's order where they are not.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RuntimeName } from '../../src/model/handler.ts'
import { eventually } from '../fixtures/eventually.ts'
import { enqueueMany } from './bulk-steps.ts'
import { handlerDescriptor, ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { noClaim, sourceOf, startWorker } from './workers.ts'

let steps: StepDatabase
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterAll(async () => {
  await steps.close()
})

/** Its handler is said to have taken so long. */
function adapterOf(runtime: RuntimeName, callable: string, executionTimeMs: number, ran: RuntimeName[]) {
  const adapter = new ScriptedAdapter(async (request) => {
    ran.push(runtime)
    return { ...success(request), executionTimeMs }
  }, runtime)
  adapter.announced = [handlerDescriptor(callable, { runtime, file: callable })]
  return adapter
}

/** What ran in which runtime: a step of each by itself, so that the worker knows how long they take, then ten in turns out of one claim. */
async function runsOf(executionTimeMs: number): Promise<readonly RuntimeName[]> {
  const ran: RuntimeName[] = []
  const adapters = [adapterOf('python', 'work', executionTimeMs, ran), adapterOf('ruby', 'other', executionTimeMs, ran)]
  const enqueue = (callable: string) => enqueueMany(steps, 1, { template: `calls_${callable}`, callable })
  await enqueue('work')
  await enqueue('other')
  let isOpen = true
  const source = sourceOf(steps)
  let underWay = 0
  const gate = {
    claim: async (request: Parameters<typeof source.claim>[0]) => {
      if (!isOpen) return noClaim
      underWay += 1
      return source.claim(request).finally(() => {
        underWay -= 1
      })
    },
  }
  const worker = await startWorker(steps, adapters, { source: gate, concurrentHandlersMax: 1, prefetchMax: 20 })
  try {
    await eventually('both ran once', () => ran.length === 2)
    isOpen = false
    await eventually('no claim is under way', () => underWay === 0)
    for (let pair = 0; pair < 5; pair += 1) for (const callable of ['work', 'other']) await enqueue(callable)
    isOpen = true
    await eventually('all ran', () => ran.length === 12)
  } finally {
    await worker.stop()
  }
  return ran.slice(2)
}

it('puts steps of one runtime side by side while handlers are short', async () => {
  const [python, ruby] = (['python', 'ruby'] as const).map((runtime) => Array<RuntimeName>(5).fill(runtime))
  expect(await runsOf(0)).toEqual([...(python ?? []), ...(ruby ?? [])])
})

it('keeps the order of the claim where handlers take a millisecond and more', async () => {
  expect(await runsOf(5)).toEqual(Array.from({ length: 10 }, (_, place) => (place % 2 === 0 ? 'python' : 'ruby')))
})
