// What people do to running tasks: cancel them, reset, resolve and complete their steps, while workers and results go on.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { StepAction, StepView } from '../../src/model/task.ts'
import { finishedStepStates, settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator
const wide = Array.from({ length: 200 }, (_, i) => `w${i}`)

beforeAll(async () => {
  bench = await openBench([
    sketch('line', { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }),
    sketch('pair', { left: {}, right: {}, join: { after: ['left', 'right'] } }),
    sketch('wide', Object.fromEntries(wide.map((name) => [name, {}]))),
  ])
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.rows('TRUNCATE pgmq.q_worker_orders_queue, pgmq.q_orchestration_step_results')
  await bench.rows('TRUNCATE tasker.tasks CASCADE')
  orchestrator = bench.orchestrator()
  await orchestrator.start()
})
afterEach(async () => {
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})

const reset: StepAction = { actionType: 'reset_for_retry', reason: 'the bank is back', resetBy: 'ann' }
const resolve: StepAction = { actionType: 'resolve_manually', reason: 'paid in cash', resolvedBy: 'bob' }
function completion(result: string, metadata: string | null = null): StepAction {
  const documents = { result: result as JsonText, metadata: metadata as JsonText | null }
  return { actionType: 'complete_manually', reason: 'done by hand', completedBy: 'cy', ...documents }
}

const settled = (taskId: string) => async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)
const states = async (taskId: string) => (await orchestrator.steps(taskId)).map(({ state }) => state)
async function step(taskId: string, name: string): Promise<StepView> {
  const found = (await orchestrator.steps(taskId)).find((view) => view.name === name)
  if (found === undefined) throw new Error(`no step ${name}`)
  return found
}
async function act(taskId: string, name: string, action: StepAction): Promise<StepView> {
  return orchestrator.actOnStep(taskId, (await step(taskId, name)).stepId, action)
}
async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )
}
async function blocked(template: string, failing: string): Promise<string> {
  const { taskId } = await orchestrator.createTask(request(template))
  await bench.worker.workUntil(settled(taskId), ({ name }) =>
    name === failing ? { success: false, retryable: true } : { success: true },
  )
  expect((await orchestrator.progress(taskId)).state).toBe('blocked_by_failures')
  return taskId
}

describe('cancelling a task', () => {
  it('ends every step that has not finished, with the transitions, and leaves the others', async () => {
    const { taskId } = await orchestrator.createTask(request('line'))
    for (const one of await bench.worker.claim()) await bench.worker.complete(one, { success: true })
    await until(async () => (await states(taskId))[1] === 'enqueued')
    const task = await orchestrator.cancel(taskId)
    expect(task.state).toBe('cancelled')
    expect(task.steps.map(({ state }) => state)).toEqual(['complete', 'cancelled', 'cancelled'])
    const rows = await bench.rows(
      `SELECT w.from_state, w.metadata ->> 'event' AS event, s.processed FROM tasker.workflow_step_transitions w
         JOIN tasker.workflow_steps s USING (workflow_step_uuid) WHERE w.to_state = 'cancelled' ORDER BY w.workflow_step_uuid`,
    )
    expect(rows).toEqual([
      { from_state: 'enqueued', event: '{"type":"Cancel"}', processed: true },
      { from_state: 'pending', event: '{"type":"Cancel"}', processed: true },
    ])
    // The message of b is still there; nothing comes of it.
    expect(await bench.worker.claim()).toEqual([])
  })

  it('refuses the late result of a step that ran, and a second cancel', async () => {
    const { taskId } = await orchestrator.createTask(request('line'))
    const [running] = await bench.worker.claim()
    await orchestrator.cancel(taskId)
    expect(running && (await bench.worker.complete(running, { success: true }))).toBe(false)
    expect(await refusal(orchestrator.cancel(taskId))).toBe(
      'TASK_FINISHED: Cannot cancel a completed task: it is cancelled',
    )
    expect(await states(taskId)).toEqual(['cancelled', 'cancelled', 'cancelled'])
  })

  it('refuses what does not exist or has ended', async () => {
    const { taskId } = await orchestrator.createTask(request('line'))
    await bench.worker.workUntil(settled(taskId), () => ({ success: true }))
    expect(await refusal(orchestrator.cancel(taskId))).toContain('TASK_FINISHED')
    expect(await refusal(orchestrator.cancel(crypto.randomUUID()))).toContain('TASK_NOT_FOUND')
    expect(await refusal(orchestrator.cancel('seven'))).toContain('TASK_NOT_FOUND')
  })

  it('takes a blocked task as well', async () => {
    const taskId = await blocked('line', 'b')
    expect((await orchestrator.cancel(taskId)).steps.map(({ state }) => state)).toEqual([
      ...['complete', 'cancelled', 'cancelled'],
    ])
  })

  it('wins against claims and completions of 200 steps, of which none is left behind', async () => {
    const second = bench.orchestrator()
    await second.start()
    const { taskId } = await orchestrator.createTask(request('wide'))
    let completed = 0
    const worker = async () => {
      for (let idle = 0; idle < 3; ) {
        const claimed = await bench.worker.claim()
        idle = claimed.length === 0 ? idle + 1 : 0
        await Promise.all(
          claimed.map(async (one) => {
            if (await bench.worker.complete(one, { success: true })) completed += 1
          }),
        )
      }
    }
    const working = [worker(), worker()]
    await until(async () => completed > 20)
    expect((await second.cancel(taskId)).state).toBe('cancelled')
    await Promise.all(working)
    const after = await states(taskId)
    expect(after.filter((state) => !finishedStepStates.has(state))).toEqual([])
    expect((await orchestrator.progress(taskId)).state).toBe('cancelled')
    const [row] = await bench.rows(
      'SELECT count(*)::int AS n FROM (SELECT FROM tasker.workflow_step_transitions WHERE most_recent GROUP BY workflow_step_uuid HAVING count(*) <> 1) x',
    )
    expect(row).toEqual({ n: 0 })
    await second.stop()
  })
})

describe('an operator', () => {
  it('resets a failed step, which gets all its attempts again, and the task goes on to its end', async () => {
    const taskId = await blocked('line', 'b')
    expect((await step(taskId, 'b')).attempts).toBe(3)
    expect(await act(taskId, 'b', reset)).toMatchObject({ state: 'enqueued', attempts: 0 })
    expect((await orchestrator.progress(taskId)).state).toBe('steps_in_process')
    const ran = await bench.worker.workUntil(settled(taskId), ({ name, attempts }) =>
      name === 'b' && attempts < 3 ? { success: false, retryable: true } : { success: true },
    )
    expect(ran).toEqual(['b', 'b', 'b', 'c'])
    expect((await orchestrator.progress(taskId)).state).toBe('complete')
  })

  it('resolves a failed step, behind which the others run', async () => {
    const taskId = await blocked('line', 'b')
    expect(await act(taskId, 'b', resolve)).toMatchObject({ state: 'resolved_manually' })
    expect(await bench.worker.workUntil(settled(taskId), () => ({ success: true }))).toEqual(['c'])
    expect((await orchestrator.progress(taskId)).state).toBe('complete')
  })

  it('completes the last step by hand, and with it the task; the envelope says who', async () => {
    const taskId = await blocked('line', 'c')
    const done = await act(taskId, 'c', completion('{"paid":12345678901234567890}', '["note"]'))
    expect(done).toMatchObject({ state: 'complete', result: '{"paid": 12345678901234567890}', error: null })
    expect(JSON.parse(done.results ?? '')).toMatchObject({
      ...{ success: true, status: 'completed' },
      metadata: {
        execution_time_ms: 0,
        custom: {
          ...{ operator_metadata: ['note'], manually_completed: true },
          ...{ completed_by: 'cy', completion_reason: 'done by hand' },
        },
      },
    })
    expect((await orchestrator.progress(taskId)).state).toBe('complete')
  })

  it('leaves a trail of who did what and why', async () => {
    const taskId = await blocked('line', 'b')
    await act(taskId, 'b', reset)
    await act(taskId, 'b', resolve)
    const rows = await bench.rows(
      `SELECT w.to_state, w.metadata ->> 'operator' AS operator, w.metadata ->> 'reason' AS reason, a.success
         FROM tasker.workflow_step_result_audit a JOIN tasker.workflow_step_transitions w USING (workflow_step_transition_uuid)
        WHERE w.metadata ? 'operator' ORDER BY w.sort_key`,
    )
    expect(rows).toEqual([
      { to_state: 'pending', operator: 'ann', reason: 'the bank is back', success: false },
      { to_state: 'resolved_manually', operator: 'bob', reason: 'paid in cash', success: true },
    ])
  })

  it('helps one of two failures: the task stays blocked until the other is helped too', async () => {
    const { taskId } = await orchestrator.createTask(request('pair'))
    const running = await bench.worker.claim()
    for (const one of running) await bench.worker.complete(one, { success: false, retryable: false })
    await until(async () => (await states(taskId)).filter((state) => state === 'error').length === 2)
    await act(taskId, 'left', resolve)
    expect((await orchestrator.progress(taskId)).state).toBe('blocked_by_failures')
    await act(taskId, 'right', resolve)
    expect(await bench.worker.workUntil(settled(taskId), () => ({ success: true }))).toEqual(['join'])
  })

  it('takes a running step from its worker, whose result is refused', async () => {
    const { taskId } = await orchestrator.createTask(request('line'))
    const [running] = await bench.worker.claim()
    await act(taskId, 'a', completion('1'))
    expect(running && (await bench.worker.complete(running, { success: true }))).toBe(false)
    expect(await states(taskId)).toEqual(['complete', 'enqueued', 'pending'])
  })

  it('reopens a task that was given up', async () => {
    const taskId = await blocked('line', 'b')
    await bench.rows(
      `UPDATE tasker.task_transitions SET to_state = 'error' WHERE task_uuid = $1 AND most_recent`,
      taskId,
    )
    await act(taskId, 'b', reset)
    expect(await bench.worker.workUntil(settled(taskId), () => ({ success: true }))).toEqual(['b', 'c'])
    expect((await orchestrator.progress(taskId)).state).toBe('complete')
  })

  it('is refused with a reason: wrong state, finished task, unknown ids, documents that cannot be stored', async () => {
    const taskId = await blocked('line', 'b')
    expect(await refusal(act(taskId, 'a', reset))).toBe(
      'STEP_TRANSITION_INVALID: Cannot reset step for retry: invalid transition from complete to pending',
    )
    expect(await refusal(act(taskId, 'a', resolve))).toContain('invalid transition from complete to resolved_manually')
    expect(await refusal(act(taskId, 'c', reset))).toContain('invalid transition from pending to pending')
    expect(await refusal(act(taskId, 'b', completion('{"a":"\\u0000"}')))).toContain('STEP_ACTION_INVALID')
    expect(await refusal(act(taskId, 'b', { ...resolve, reason: '\0' }))).toContain('STEP_ACTION_INVALID: reason')
    expect(await refusal(orchestrator.actOnStep(taskId, crypto.randomUUID(), reset))).toContain('STEP_NOT_FOUND')
    expect(await refusal(orchestrator.actOnStep(taskId, 'b', reset))).toContain('STEP_NOT_FOUND')
    const { stepId } = await step(taskId, 'b')
    expect(await refusal(orchestrator.actOnStep(crypto.randomUUID(), stepId, reset))).toContain('TASK_NOT_FOUND')
    const other = (await orchestrator.createTask(request('pair'))).taskId
    expect(await refusal(orchestrator.actOnStep(other, stepId, reset))).toContain('STEP_NOT_FOUND')
    expect(await states(taskId)).toEqual(['complete', 'error', 'pending'])
    await orchestrator.cancel(taskId)
    expect(await refusal(act(taskId, 'b', reset))).toContain('TASK_FINISHED')
  })
})
