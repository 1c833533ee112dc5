// Whole workflows on a real database: order of steps, failures, retries, and what is written on the way.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import { backoffDefaults } from '../../src/orchestration/backoff.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { type FakeOutcome, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

const success = (): FakeOutcome => ({ success: true })
let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench([
    sketch('linear', { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }),
    sketch('diamond', {
      top: {},
      left: { after: ['top'] },
      right: { after: ['top'] },
      bottom: { after: ['left', 'right'] },
    }),
    sketch('tree', {
      root: {},
      l: { after: ['root'] },
      r: { after: ['root'] },
      ll: { after: ['l'] },
      lr: { after: ['l'] },
      rr: { after: ['r'] },
    }),
    sketch('patient', {
      slow: {},
      flaky: { retry: { backoffBaseMs: 150, attemptsMax: 2 } },
      last: { after: ['slow', 'flaky'] },
    }),
    sketch('stubborn', { never: { retry: { retryable: false } } }),
    sketch('deferred', { pick: { type: 'batch_worker' } }),
  ])
})
afterAll(() => bench.close())

async function begin(name: string, options: Parameters<Bench['orchestrator']>[0] = {}): Promise<string> {
  orchestrator = bench.orchestrator(options)
  await orchestrator.start()
  return (await orchestrator.createTask(request(name))).taskId
}
afterEach(async () => {
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})

const settled = (taskId: string) => async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)

async function taskHistory(taskId: string): Promise<unknown[]> {
  const rows = await bench.rows(
    'SELECT to_state FROM tasker.task_transitions WHERE task_uuid = $1 ORDER BY sort_key',
    taskId,
  )
  return rows.map((row) => row['to_state'])
}

async function stepHistory(taskId: string, step: string): Promise<unknown[]> {
  const rows = await bench.rows(
    `SELECT w.to_state, w.from_state, w.sort_key FROM tasker.workflow_step_transitions w JOIN tasker.workflow_steps s USING (workflow_step_uuid)
       JOIN tasker.named_steps n USING (named_step_uuid) WHERE s.task_uuid = $1 AND n.name = $2 ORDER BY w.sort_key`,
    taskId,
    step,
  )
  // Every transition continues the one before it.
  rows.forEach((row, index) => {
    expect(row['sort_key']).toBe(index + 1)
    expect(row['from_state']).toBe(index === 0 ? null : rows[index - 1]?.['to_state'])
  })
  return rows.map((row) => row['to_state'])
}

describe('workflows', () => {
  it('runs a line in order and writes every transition', async () => {
    const taskId = await begin('linear')
    expect(await bench.worker.workUntil(settled(taskId), success)).toEqual(['a', 'b', 'c'])
    const task = await orchestrator.task(taskId)
    expect(task.state).toBe('complete')
    expect(task.completedAt).not.toBeNull()
    expect(task.counts).toMatchObject({ total: 3, completed: 3, failed: 0 })
    const round = ['evaluating_results', 'enqueuing_steps', 'steps_in_process']
    expect(await taskHistory(taskId)).toEqual([
      ...['pending', 'initializing', 'enqueuing_steps', 'steps_in_process'],
      ...[...round, ...round, 'evaluating_results', 'complete'],
    ])
    expect(await stepHistory(taskId, 'b')).toEqual([
      ...['pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration', 'complete'],
    ])
    expect(await bench.rows('SELECT complete FROM tasker.tasks WHERE task_uuid = $1', taskId)).toEqual([
      { complete: true },
    ])
  })

  it('shows what a step did: times, runtime, result and callable', async () => {
    const taskId = await begin('linear')
    await bench.worker.workUntil(settled(taskId), (step) => ({ success: true, result: { ran: step.name } }))
    const [first] = await orchestrator.steps(taskId)
    expect(first).toMatchObject({ name: 'a', state: 'complete', callable: 'a_handler', runtime: 'ruby', attempts: 1 })
    expect(first?.result).toBe('{"ran": "a"}')
    expect(first?.error).toBeNull()
    expect(first?.startedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(String(first?.finishedAt) >= String(first?.startedAt)).toBe(true)
  })

  it('joins a diamond once, after both branches', async () => {
    const taskId = await begin('diamond')
    const ran = await bench.worker.workUntil(settled(taskId), success)
    expect(ran[0]).toBe('top')
    expect(ran.slice(1, 3).sort()).toEqual(['left', 'right'])
    expect(ran.slice(3)).toEqual(['bottom'])
  })

  it('runs every branch of a tree', async () => {
    const taskId = await begin('tree')
    const ran = await bench.worker.workUntil(settled(taskId), success)
    expect([...ran].sort()).toEqual(['l', 'll', 'lr', 'r', 'root', 'rr'])
    for (const [parent, child] of [
      ['root', 'l'],
      ['root', 'r'],
      ['l', 'll'],
      ['l', 'lr'],
      ['r', 'rr'],
    ] as const) {
      expect(ran.indexOf(parent)).toBeLessThan(ran.indexOf(child))
    }
  })

  it('blocks the task at a permanent failure and runs nothing behind it', async () => {
    const taskId = await begin('linear')
    const ran = await bench.worker.workUntil(settled(taskId), (step) =>
      step.name === 'b' ? { success: false, retryable: false, message: 'no such account' } : { success: true },
    )
    expect(ran).toEqual(['a', 'b'])
    const task = await orchestrator.task(taskId)
    expect(task.state).toBe('blocked_by_failures')
    expect(task.counts.failed).toBe(1)
    expect(task.steps.map((step) => step.state)).toEqual(['complete', 'error', 'pending'])
    expect(JSON.parse(task.steps[1]?.error ?? '')).toMatchObject({ message: 'no such account' })
    expect(await bench.rows('SELECT complete FROM tasker.tasks WHERE task_uuid = $1', taskId)).toEqual([
      { complete: false },
    ])
  })

  it('retries a retryable failure until it works', async () => {
    const taskId = await begin('linear')
    const ran = await bench.worker.workUntil(settled(taskId), (step) =>
      step.name === 'b' && step.attempts < 3 ? { success: false, retryable: true } : { success: true },
    )
    expect(ran).toEqual(['a', 'b', 'b', 'b', 'c'])
    expect((await orchestrator.steps(taskId))[1]?.attempts).toBe(3)
    const failed = ['enqueued', 'in_progress', 'enqueued_as_error_for_orchestration', 'waiting_for_retry', 'pending']
    expect(await stepHistory(taskId, 'b')).toEqual([
      ...['pending', ...failed, ...failed],
      ...['enqueued', 'in_progress', 'enqueued_for_orchestration', 'complete'],
    ])
  })

  it('gives up when the attempts are spent, and when the step must not be retried', async () => {
    const retrying = await begin('linear')
    const failure: FakeOutcome = { success: false, retryable: true }
    expect(await bench.worker.workUntil(settled(retrying), () => failure)).toEqual(['a', 'a', 'a'])
    const stubborn = (await orchestrator.createTask(request('stubborn'))).taskId
    expect(await bench.worker.workUntil(settled(stubborn), () => failure)).toEqual(['never'])
    expect((await orchestrator.progress(stubborn)).state).toBe('blocked_by_failures')
  })

  it('wakes a retry while a sibling is still running', async () => {
    const taskId = await begin('patient', { backoff: backoffDefaults })
    const steps = await bench.worker.claim()
    const flaky = steps.find((step) => step.name === 'flaky')
    if (flaky === undefined) throw new Error('flaky was not enqueued')
    await bench.worker.complete(flaky, { success: false, retryable: true })
    let again: readonly { name: string; attempts: number }[] = []
    await until(async () => {
      again = await bench.worker.claim()
      return again.length > 0
    })
    expect(again).toMatchObject([{ name: 'flaky', attempts: 2 }])
    expect((await orchestrator.progress(taskId)).state).toBe('steps_in_process')
    const [wait] = await bench.rows(
      `SELECT extract(epoch FROM enqueued.created_at - waiting.created_at)::float8 AS seconds
         FROM tasker.workflow_step_transitions waiting JOIN tasker.workflow_step_transitions enqueued USING (workflow_step_uuid)
        WHERE workflow_step_uuid = $1 AND waiting.to_state = 'waiting_for_retry' AND enqueued.to_state = 'enqueued' AND enqueued.sort_key > waiting.sort_key`,
      flaky.stepId,
    )
    // Not before its time: the template's base of 150 ms is the first wait.
    expect(wait?.['seconds']).toBeGreaterThanOrEqual(0.149)
  })

  it('waits for a retry without running work, as asked by the retry-after header', async () => {
    const taskId = await begin('linear', { backoff: backoffDefaults })
    for (const step of await bench.worker.claim()) {
      await bench.worker.complete(step, { success: false, retryable: true, retryAfter: '120' })
    }
    await until(async () => (await orchestrator.progress(taskId)).state === 'waiting_for_dependencies')
    const [step] = await bench.rows(
      `SELECT backoff_request_seconds, (last_attempted_at + make_interval(secs => 119) > now()) AS far
         FROM tasker.workflow_steps WHERE task_uuid = $1 AND attempts = 1`,
      taskId,
    )
    expect(step).toEqual({ backoff_request_seconds: 120, far: true })
    expect((await orchestrator.steps(taskId))[0]).toMatchObject({ state: 'waiting_for_retry', ready: false })
    await bench.rows('UPDATE tasker.workflow_steps SET backoff_request_seconds = 0 WHERE task_uuid = $1', taskId)
    expect(await bench.worker.workUntil(settled(taskId), success)).toEqual(['a', 'b', 'c'])
    expect((await taskHistory(taskId)).slice(4, 9)).toEqual([
      ...[
        'evaluating_results',
        'waiting_for_dependencies',
        'evaluating_results',
        'enqueuing_steps',
        'steps_in_process',
      ],
    ])
  })

  it('completes a task that has nothing to do at the start', async () => {
    const taskId = await begin('deferred')
    expect(await taskHistory(taskId)).toEqual(['pending', 'initializing', 'complete'])
    expect((await orchestrator.task(taskId)).steps).toEqual([])
  })

  it('runs a chain that is as long as it is wide', async () => {
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`wide_${i}`, { after: ['head'] }]))
    await bench.store.registerTemplates([sketch('fan', { head: {}, ...wide, tail: { after: Object.keys(wide) } })])
    const taskId = await begin('fan')
    const ran = await bench.worker.workUntil(settled(taskId), success)
    expect(ran).toHaveLength(302)
    expect(ran.at(-1)).toBe('tail')
  })
})
