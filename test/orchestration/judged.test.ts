// Results that are judged in the transaction that stores them: the same rows as by message, and nobody waits for a task that is held.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { FinishedStep } from '../../src/model/step-store.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'
import { type Answer, finished, resultMessages, runTask, storedRows, WorkerWay } from './worker-way.ts'

const line = { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }
const templates = [
  sketch('line', line),
  sketch('changing', { a: {}, left: { after: ['a'] }, end: { type: 'deferred_convergence', after: ['left'] } }),
  sketch('mixed', { good: {}, flaky: {}, broken: { retry: { retryable: false } } }),
]
let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench(templates)
  orchestrator = bench.orchestrator()
  await orchestrator.start()
})
afterAll(() => bench.close())

const run = (way: WorkerWay, name: string, answer?: Answer) => runTask({ orchestrator, way }, name, answer)

describe('a result whose task nobody holds', () => {
  it('leaves the rows that a message would have led to, and no message', async () => {
    const [beside, apart] = [
      await run(await WorkerWay.open(bench, orchestrator), 'line'),
      await run(await WorkerWay.open(bench, null), 'line'),
    ]
    expect(await storedRows(bench, beside)).toEqual(await storedRows(bench, apart))
    expect(await resultMessages(bench, beside)).toBe(0)
    expect(await resultMessages(bench, apart)).toBe(3)
  })

  it('may stand beside failures and retries in its batch', async () => {
    const answer = (): Answer => {
      let tries = 0
      return (name) => {
        tries += name === 'flaky' ? 1 : 0
        return { success: name === 'good' || (name === 'flaky' && tries > 1) }
      }
    }
    const beside = await run(await WorkerWay.open(bench, orchestrator), 'mixed', answer())
    const apart = await run(await WorkerWay.open(bench, null), 'mixed', answer())
    const [one, other] = [await orchestrator.task(beside), await orchestrator.task(apart)]
    expect(one.state).toBe('blocked_by_failures')
    expect([one.state, one.counts]).toEqual([other.state, other.counts])
    expect(await resultMessages(bench, beside)).toBe(0)
  })

  it('is counted', async () => {
    const before = orchestrator.counts()
    await run(await WorkerWay.open(bench, orchestrator), 'line')
    const after = orchestrator.counts()
    expect(after.resultsProcessed - before.resultsProcessed).toBe(3)
    expect(after.stepsCompleted - before.stepsCompleted).toBe(3)
  })
})

describe('a result whose task somebody holds', () => {
  it('is stored at once with a message, while others of its batch are judged', async () => {
    const way = await WorkerWay.open(bench, orchestrator)
    const [held, free] = [
      await orchestrator.createTask(request('line')),
      await orchestrator.createTask(request('line')),
    ]
    const mine = (step: FinishedStep['step']) => step.taskId === held.taskId || step.taskId === free.taskId
    const steps = (await way.claim()).filter(mine)
    expect(steps).toHaveLength(2)
    await bench.database.transaction(async (q) => {
      await q.query({ text: 'SELECT FROM tasker.tasks WHERE task_uuid = $1 FOR UPDATE', values: [held.taskId] })
      const answers = await way.complete(steps)
      expect(answers.map(({ status }) => status)).toEqual(['stored', 'stored'])
      expect((await orchestrator.progress(free.taskId)).steps.map(({ state }) => state)).toEqual(
        expect.arrayContaining(['complete', 'enqueued', 'pending']),
      )
    })
    await until(async () => (await orchestrator.progress(held.taskId)).steps.some(({ state }) => state === 'complete'))
    expect([await resultMessages(bench, held.taskId), await resultMessages(bench, free.taskId)]).toEqual([1, 0])
  })
})

describe('a result that the database cannot take', () => {
  it('is found beside others, which are stored', async () => {
    const way = await WorkerWay.open(bench, orchestrator)
    const tasks = [await orchestrator.createTask(request('line')), await orchestrator.createTask(request('line'))]
    const ids = tasks.map(({ taskId }) => taskId)
    const steps = (await way.claim()).filter(({ taskId }) => ids.includes(taskId))
    const [bad] = steps
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}` as JsonText
    const answers = await way.store.complete(
      way.workerId,
      steps.map((step) => finished(step, { success: true, ...(step === bad ? { result: deep } : {}) })),
    )
    const statuses = new Map(answers.map(({ stepId, status }) => [stepId, status]))
    expect(steps.map(({ stepId }) => statuses.get(stepId))).toEqual(['invalid', 'stored'])
    expect(bench.faults).toEqual([])
  })
})

describe('a template that changes', () => {
  it('is looked at again: a success of before may be a decision now', async () => {
    await run(await WorkerWay.open(bench, orchestrator), 'line')
    const way = await WorkerWay.open(bench, orchestrator)
    const plain = await orchestrator.createTask(request('changing'))
    // The orchestrator knows the template and that its steps make nothing.
    const first = (await way.claim()).filter(({ taskId }) => taskId === plain.taskId)
    await way.complete(first)
    const { taskId } = await orchestrator.createTask(request('changing'))
    const steps = (await way.claim()).filter((step) => step.taskId === taskId)
    await bench.store.registerTemplates([
      sketch('changing', {
        a: { type: 'decision' },
        ...{ left: { after: ['a'] }, right: { after: ['a'] } },
        end: { type: 'deferred_convergence', after: ['left', 'right'] },
      }),
    ])
    const choice = { decision_point_outcome: { type: 'create_steps', step_names: ['right'] } }
    await way.complete(steps, () => ({ success: true, result: JSON.stringify(choice) as JsonText }))
    const names = (await orchestrator.steps(taskId)).map(({ name }) => name)
    expect(names).toContain('right')
  })
})

describe('without an orchestrator that runs', () => {
  it('results go by message', async () => {
    const stopped = bench.orchestrator()
    const taskId = await run(await WorkerWay.open(bench, stopped), 'line')
    expect(await resultMessages(bench, taskId)).toBe(3)
  })
})
