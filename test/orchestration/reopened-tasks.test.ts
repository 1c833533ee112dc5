// A task that somebody took up again, however old it is, gets its whole lifetime anew, and is then ended like any other.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { StepAction } from '../../src/model/task.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { backgroundStore } from '../../src/postgres/queries/orchestration/background-store.ts'
import { until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

const limits = {
  ...{ waitingForDependenciesMinutes: 60, waitingForRetryMinutes: 30, stepsInProcessMinutes: 30 },
  ...{ taskLifetimeMaxHours: 24, everyMs: 0, max: 10, dryRun: false },
}
const wish = { resolutionStatus: null, resolutionNotes: 'the disk was full', resolvedBy: 'ann', metadata: null }
const reset: StepAction = { actionType: 'reset_for_retry', reason: 'the bank is back', resetBy: 'ann' }
const resolve: StepAction = { actionType: 'resolve_manually', reason: 'paid in cash', resolvedBy: 'ann' }

describe.each(['full', 'end_states'] as const)('with history %s, a task that was taken up again', (history) => {
  let bench: Bench
  let orchestrator: Orchestrator
  beforeAll(async () => {
    bench = await openBench(
      ['general', 'short', 'shown'].map((name) => sketch(name, { a: {}, b: { after: ['a'] } })),
      { history },
    )
    await setLifecycle('short', '{"max_duration_minutes": 10}')
    await setLifecycle('shown', '{"auto_fail_on_timeout": false}')
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

  const setLifecycle = (name: string, lifecycle: string) =>
    bench.rows(
      `UPDATE tasker.named_tasks SET configuration = configuration || jsonb_build_object('lifecycle', $2::jsonb) WHERE name = $1`,
      ...[name, lifecycle],
    )
  const state = async (taskId: string) => (await orchestrator.progress(taskId)).state
  const detect = async () => (await backgroundStore(bench.database).staleTasks(limits)) ?? []
  const finish = (taskId: string) =>
    bench.worker.workUntil(
      async () => settledTaskStates.has(await state(taskId)),
      () => ({ success: true }),
    )
  const entries = async (taskId: string) =>
    (await bench.rows('SELECT dlq_entry_uuid::text AS id FROM tasker.tasks_dlq WHERE task_uuid = $1', taskId)).map(
      (row) => String(row['id']),
    )
  async function create(name: string): Promise<string> {
    const { taskId } = await orchestrator.createTask(request(name))
    await bench.rows(
      `UPDATE tasker.tasks SET created_at = created_at - interval '25 hours' WHERE task_uuid = $1`,
      taskId,
    )
    return taskId
  }
  async function redrive(taskId: string): Promise<void> {
    const [entry] = await entries(taskId)
    expect(await orchestrator.redrive(entry ?? '', wish)).toMatchObject({ status: 'redriven' })
  }
  /** Its first step has failed for good. */
  async function blocked(): Promise<string> {
    const taskId = await create('general')
    const fails = () => ({ success: false, retryable: false }) as const
    await bench.worker.workUntil(async () => (await state(taskId)) === 'blocked_by_failures', fails)
    return taskId
  }
  async function help(taskId: string, action: StepAction): Promise<void> {
    const [first] = await orchestrator.steps(taskId)
    await orchestrator.actOnStep(taskId, first?.stepId ?? '', action)
  }

  it.each(['general', 'short'])('from the dead letters stays and completes, under the limit "%s"', async (name) => {
    const taskId = await create(name)
    expect(await detect()).toMatchObject([{ taskId, failed: true }])
    await redrive(taskId)
    expect(await detect()).toEqual([])
    expect(await state(taskId)).toBe('steps_in_process')
    expect(await finish(taskId)).toEqual(['a', 'b'])
    expect([await state(taskId), (await entries(taskId)).length]).toEqual(['complete', 1])
  })

  it('from the dead letters, which it had gone to without failing, gets no second entry', async () => {
    const taskId = await create('shown')
    await bench.rows(`UPDATE tasker.task_transitions SET created_at = created_at - interval '25 hours'`)
    expect(await detect()).toMatchObject([{ taskId, failed: false, inDeadLetters: true }])
    await redrive(taskId)
    expect(await detect()).toEqual([])
    expect(await finish(taskId)).toEqual(['a', 'b'])
  })

  it.each([reset, resolve])('by $actionType stays and completes', async (action) => {
    const taskId = await blocked()
    await help(taskId, action)
    expect(await detect()).toEqual([])
    expect(await finish(taskId)).toEqual(action === reset ? ['a', 'b'] : ['b'])
    expect([await state(taskId), await entries(taskId)]).toEqual(['complete', []])
  })

  it('is ended when it is over its lifetime again, with both ages in its entry', async () => {
    const taskId = await blocked()
    await help(taskId, reset)
    await bench.rows(`UPDATE stephost.reopened_tasks SET reopened_at = reopened_at - interval '24 hours 1 minute'`)
    expect(await detect()).toMatchObject([{ taskId, failed: true, ageMinutes: 1500 }])
    const [entry] = await bench.rows('SELECT metadata FROM tasker.tasks_dlq WHERE task_uuid = $1', taskId)
    expect(JSON.parse(String(entry?.['metadata']))).toMatchObject({ task_age_minutes: 1500, open_minutes: 1441 })
  })

  it('is one that had failed: help for a task that runs gives it no more time', async () => {
    const taskId = await create('general')
    await help(taskId, resolve)
    expect(await detect()).toMatchObject([{ taskId, failed: true }])
    await until(async () => (await state(taskId)) === 'error')
  })
})
