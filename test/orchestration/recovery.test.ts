// What a crash leaves behind is found and repaired: lost step messages, lost result messages, tasks that stand still.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { RecoverySweep } from '../../src/orchestration/recovery-sweep.ts'
import { ResultProcessor } from '../../src/orchestration/result-processor.ts'
import { overdueMessages } from '../../src/postgres/queries/overdue-messages.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator
let taskId: string

beforeAll(async () => {
  bench = await openBench([
    sketch('pair', { one: {}, two: { after: ['one'] } }),
    sketch('siblings', { left: {}, right: {}, last: { after: ['left', 'right'] } }),
  ])
  orchestrator = bench.orchestrator()
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.rows('TRUNCATE pgmq.q_worker_orders_queue, pgmq.q_orchestration_step_results')
  await bench.rows('TRUNCATE tasker.tasks CASCADE')
  taskId = (await orchestrator.createTask(request('pair'))).taskId
})

function sweep(olderThanMs: number): RecoverySweep {
  const results = new ResultProcessor({ store: bench.store })
  return new RecoverySweep({ store: bench.store, results, resendAfterMs: olderThanMs, stalledAfterMs: olderThanMs })
}

async function setTaskState(state: string): Promise<void> {
  await bench.rows(
    'UPDATE tasker.task_transitions SET to_state = $2 WHERE task_uuid = $1 AND most_recent',
    taskId,
    state,
  )
}

const settled = async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)

describe('recovery', () => {
  it('sends a step again whose message is lost, once', async () => {
    await bench.rows('TRUNCATE pgmq.q_worker_orders_queue')
    expect(await sweep(60_000).sweep()).toMatchObject({ resent: 0 })
    expect(await sweep(0).sweep()).toEqual({ resent: 1, judged: 0, evaluated: 0 })
    expect(await sweep(0).sweep()).toMatchObject({ resent: 0 })
    expect(await bench.worker.claim()).toMatchObject([{ name: 'one', taskId }])
  })

  it('sends a step of a blocked task again, which goes on beside the one that failed', async () => {
    taskId = (await orchestrator.createTask(request('siblings'))).taskId
    const [left] = (await bench.worker.claim()).filter((step) => step.name === 'left')
    if (left === undefined) throw new Error('left was not enqueued')
    // Its message is lost, and so is that of its worker.
    await bench.rows(
      `UPDATE tasker.workflow_step_transitions w SET to_state = 'enqueued' FROM tasker.workflow_steps s, tasker.named_steps n
        WHERE s.workflow_step_uuid = w.workflow_step_uuid AND n.named_step_uuid = s.named_step_uuid
          AND s.task_uuid = $1 AND n.name = 'right' AND w.most_recent`,
      taskId,
    )
    await bench.rows(`UPDATE tasker.workflow_steps SET in_process = false WHERE task_uuid = $1`, taskId)
    await bench.worker.complete(left, { success: false, retryable: false })
    await new ResultProcessor({ store: bench.store }).processBatch()
    expect((await orchestrator.progress(taskId)).state).toBe('blocked_by_failures')
    const options = { olderThanMs: 0, notResentWithinMs: null, max: 10, after: null }
    const names = async () => {
      const steps = (await orchestrator.progress(taskId)).steps
      return (await overdueMessages(bench.database, options)).flatMap(
        ({ stepId }) => steps.find((step) => step.stepId === stepId)?.name ?? [],
      )
    }
    expect(await names()).toEqual(['right'])
    expect(await sweep(0).sweep()).toMatchObject({ resent: 1 })
    const [right] = (await bench.worker.claim()).filter((step) => step.taskId === taskId)
    expect(right?.name).toBe('right')
    if (right !== undefined) await bench.worker.complete(right, { success: true })
    await new ResultProcessor({ store: bench.store }).processBatch()
    expect((await orchestrator.progress(taskId)).steps.map((step) => step.state)).toEqual([
      'error',
      'complete',
      'pending',
    ])
    expect((await orchestrator.progress(taskId)).state).toBe('blocked_by_failures')
  })

  it('leaves a task alone that has been blocked for long', async () => {
    await bench.rows('TRUNCATE pgmq.q_worker_orders_queue')
    await setTaskState('blocked_by_failures')
    await bench.rows(
      `UPDATE tasker.task_transitions SET created_at = created_at - interval '25 hours' WHERE most_recent`,
    )
    expect(await sweep(0).sweep()).toEqual({ resent: 0, judged: 0, evaluated: 0 })
    const options = { olderThanMs: 0, notResentWithinMs: null, max: 10, after: null }
    expect(await overdueMessages(bench.database, options)).toEqual([])
  })

  it('leaves steps alone whose message is there', async () => {
    expect(await sweep(0).sweep()).toEqual({ resent: 0, judged: 0, evaluated: 0 })
  })

  it('judges a result whose message is lost', async () => {
    for (const step of await bench.worker.claim()) await bench.worker.complete(step, { success: true }, 0)
    expect(await sweep(60_000).sweep()).toMatchObject({ judged: 0 })
    expect(await sweep(0).sweep()).toMatchObject({ judged: 1 })
    expect((await orchestrator.progress(taskId)).steps.map((step) => step.state)).toEqual(['complete', 'enqueued'])
  })

  it.each([
    'pending',
    'initializing',
    'enqueuing_steps',
    'evaluating_results',
    'waiting_for_dependencies',
    'waiting_for_retry',
    'steps_in_process',
  ])('moves a task on that was left in %s', async (state) => {
    await bench.rows('TRUNCATE pgmq.q_worker_orders_queue')
    // As a crash between two commits leaves it: the step is pending and nothing speaks of it.
    await bench.rows(
      `UPDATE tasker.workflow_step_transitions SET to_state = 'pending'
          WHERE most_recent AND workflow_step_uuid IN (SELECT workflow_step_uuid FROM tasker.workflow_steps WHERE task_uuid = $1)`,
      taskId,
    )
    await setTaskState(state)
    expect(await sweep(60_000).sweep()).toMatchObject({ evaluated: 0 })
    expect(await sweep(0).sweep()).toMatchObject({ evaluated: 1 })
    expect((await orchestrator.progress(taskId)).state).toBe('steps_in_process')
    await orchestrator.start()
    expect(await bench.worker.workUntil(settled, () => ({ success: true }))).toEqual(['one', 'two'])
    await orchestrator.stop()
  })

  it('starts steps that have no transition row', async () => {
    await bench.rows('TRUNCATE pgmq.q_worker_orders_queue')
    await bench.rows('TRUNCATE tasker.workflow_step_transitions CASCADE')
    await sweep(0).sweep()
    expect(await bench.worker.claim()).toMatchObject([{ name: 'one' }])
  })
})
