// Tasks of many steps: after each batch of results only what the results can have changed is looked at, and nothing is overlooked for it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { type FakeOutcome, type FakeStep, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator
const largeTaskSteps = 5
const middle = Array.from({ length: 12 }, (_, index) => `m${index}`)

beforeAll(async () => {
  bench = await openBench([
    sketch('fan', {
      first: {},
      ...Object.fromEntries(middle.map((name) => [name, { after: ['first'] }])),
      last: { after: middle },
    }),
    sketch(
      'chain',
      Object.fromEntries(middle.map((name, index) => [name, { after: index === 0 ? [] : [`m${index - 1}`] }])),
    ),
  ])
})
afterAll(() => bench.close())
afterEach(async () => {
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})

async function begin(name: string): Promise<string> {
  orchestrator = bench.orchestrator({ largeTaskSteps })
  await orchestrator.start()
  return (await orchestrator.createTask(request(name))).taskId
}
const settled = (taskId: string) => async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)
const success = (): FakeOutcome => ({ success: true })

describe('a task of many steps', () => {
  it.each(['fan', 'chain'])('runs each step once, in order: %s', async (name) => {
    const taskId = await begin(name)
    const ran = await bench.worker.workUntil(settled(taskId), success)
    const steps = (await orchestrator.steps(taskId)).map((step) => step.name)
    expect(ran.toSorted()).toEqual(steps.toSorted())
    expect([ran[0], ran.at(-1)]).toEqual(name === 'fan' ? ['first', 'last'] : ['m0', 'm11'])
    expect((await orchestrator.task(taskId)).state).toBe('complete')
  })

  it('is blocked by a failure, with its siblings still at work', async () => {
    const taskId = await begin('fan')
    const answer = ({ name }: FakeStep): FakeOutcome =>
      name === 'm3' ? { success: false, retryable: false } : { success: true }
    await bench.worker.workUntil(settled(taskId), answer)
    expect((await orchestrator.task(taskId)).state).toBe('blocked_by_failures')
  })

  it('goes on with retries', async () => {
    const taskId = await begin('fan')
    const answer = ({ attempts }: FakeStep): FakeOutcome =>
      attempts < 2 ? { success: false, retryable: true } : { success: true }
    await bench.worker.workUntil(settled(taskId), answer)
    expect((await orchestrator.task(taskId)).state).toBe('complete')
    expect((await orchestrator.steps(taskId)).every((step) => step.attempts === 2)).toBe(true)
  })

  it('finds a ready step that nobody enqueued once nothing else is under way', async () => {
    const taskId = await begin('fan')
    const [first] = await bench.worker.claim()
    if (first === undefined) throw new Error('no step was enqueued')
    await bench.worker.complete(first, { success: true })
    const step = async () => (await orchestrator.steps(taskId)).find(({ name }) => name === 'm5')
    await until(async () => (await step())?.state === 'enqueued')
    // As a server of another make could leave it: pending, with everything done that it waits for.
    await bench.rows(
      `UPDATE tasker.workflow_step_transitions SET to_state = 'pending' WHERE workflow_step_uuid = $1 AND most_recent`,
      (await step())?.stepId,
    )
    const ran = await bench.worker.workUntil(settled(taskId), success)
    expect(ran.filter((name) => name === 'm5')).toHaveLength(1)
    expect((await orchestrator.task(taskId)).state).toBe('complete')
  })
})
