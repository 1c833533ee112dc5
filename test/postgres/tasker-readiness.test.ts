// Which steps are ready, and what a task needs next.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { insertEdge, insertTask, type StepRow } from '../fixtures/tasker-rows.ts'

let open: OpenDatabase

beforeAll(async () => {
  open = await openTestDatabase()
})
afterAll(() => open.close())

const diamond: Record<string, StepRow> = {
  top: { state: 'complete', processed: true, results: { n: 1 } },
  left: { parents: ['top'], state: 'complete', processed: true, results: { n: 2 } },
  right: { parents: ['top'], state: 'resolved_manually', processed: true },
  bottom: { parents: ['left', 'right'] },
}

describe('readiness', () => {
  const readiness = async (task: string, steps: readonly string[] | null = null) =>
    open.rows<Record<string, unknown>>('SELECT * FROM tasker.get_step_readiness_status($1, $2::uuid[])', task, steps)

  it.each<[string, StepRow, Record<string, unknown>]>([
    ['fresh', {}, { current_state: 'pending', ready_for_execution: true, attempts: 0, max_attempts: 3 }],
    ['without any transition', { state: null }, { current_state: 'pending', ready_for_execution: true }],
    ['enqueued', { state: 'enqueued' }, { ready_for_execution: false, retry_eligible: true }],
    ['processed', { processed: true }, { ready_for_execution: false }],
    ['in process', { inProcess: true }, { ready_for_execution: false }],
    ['complete', { state: 'complete' }, { ready_for_execution: false }],
    [
      'out of attempts',
      { state: 'waiting_for_retry', attempts: 3 },
      { retry_eligible: false, ready_for_execution: false },
    ],
    [
      'without a limit',
      { state: 'waiting_for_retry', attempts: 2, maxAttempts: null },
      { retry_eligible: true, max_attempts: 3, ready_for_execution: true },
    ],
    ['not retryable', { attempts: 1, retryable: false }, { retry_eligible: false }],
    ['not retryable, first attempt', { retryable: false }, { retry_eligible: true, ready_for_execution: true }],
    [
      'backing off',
      { state: 'waiting_for_retry', attempts: 1, backoffS: 60, lastAttemptAgoS: 30 },
      { ready_for_execution: false, backoff_request_seconds: 60 },
    ],
    [
      'past its backoff',
      { state: 'waiting_for_retry', attempts: 1, backoffS: 60, lastAttemptAgoS: 61 },
      { ready_for_execution: true },
    ],
    ['failed just now', { attempts: 2, failedAgoS: 1 }, { ready_for_execution: false }],
    ['failed a while ago', { attempts: 2, failedAgoS: 5 }, { ready_for_execution: true }],
  ])('of a step %s', async (_, step, expected) => {
    const { taskId } = await insertTask(open.database, { steps: { only: step } })
    expect(await readiness(taskId)).toMatchObject([{ name: 'only', dependencies_satisfied: true, ...expected }])
  })

  it('waits for every parent, also for those that were not asked for', async () => {
    const { taskId, steps } = await insertTask(open.database, {
      steps: { ...diamond, last: { parents: ['left', 'bottom'] } },
    })
    const all = await readiness(taskId)
    expect(all.map((row) => row['workflow_step_uuid'])).toEqual(Object.values(steps))
    expect(all.find((row) => row['name'] === 'last')).toMatchObject({
      dependencies_satisfied: false,
      ready_for_execution: false,
      total_parents: 2,
      completed_parents: 1,
    })
    const bottom = { dependencies_satisfied: true, ready_for_execution: true, total_parents: 2, completed_parents: 2 }
    expect(await readiness(taskId, [steps['bottom'] ?? ''])).toMatchObject([bottom])
  })

  it('counts a parent once that two edges name', async () => {
    const { taskId, steps } = await insertTask(open.database, { steps: diamond })
    await insertEdge(open.database, steps['left'] ?? '', steps['bottom'] ?? '', 'batch_dependency')
    expect(await readiness(taskId, [steps['bottom'] ?? ''])).toMatchObject([{ total_parents: 2, completed_parents: 2 }])
  })

  it.each([
    [`60, '2026-01-01', NULL, 1`, '2026-01-01 00:01:00'],
    [`60, '2026-01-01', '2027-01-01', 1`, '2026-01-01 00:01:00'],
    [`60, NULL, '2026-01-01', 1`, '2026-01-01 00:00:02'],
    [`NULL, '2026-01-01', '2026-01-01', NULL`, '2026-01-01 00:00:02'],
    [`NULL, NULL, '2026-01-01', 3`, '2026-01-01 00:00:08'],
    [`NULL, NULL, '2026-01-01', 2000`, '2026-01-01 00:01:00'],
    ['NULL, NULL, NULL, 3', null],
  ])('has calculate_step_next_retry_time(%s) = %s', async (args, expected) => {
    expect(await open.value(`tasker.calculate_step_next_retry_time(${args})::text`)).toBe(expected)
  })
})

describe('the execution context', () => {
  const context = (task: string) =>
    open.rows<Record<string, unknown>>('SELECT * FROM tasker.get_task_execution_context($1)', task)

  it.each<[string, Record<string, StepRow>, Record<string, unknown>]>([
    [
      'a failure before anything else',
      { a: { state: 'error' }, b: {}, c: { state: 'in_progress' } },
      {
        execution_status: 'blocked_by_failures',
        recommended_action: 'handle_failures',
        health_status: 'blocked',
        failed_steps: '1',
        ready_steps: '1',
        in_progress_steps: '1',
      },
    ],
    [
      'ready steps before running ones',
      { a: {}, b: { state: 'in_progress' } },
      { execution_status: 'has_ready_steps', recommended_action: 'execute_ready_steps', pending_steps: '1' },
    ],
    [
      'results on their way as processing',
      { a: { state: 'enqueued_for_orchestration' }, b: { state: 'enqueued' } },
      { execution_status: 'processing', recommended_action: 'wait_for_completion', enqueued_steps: '2' },
    ],
    [
      'completed and resolved steps as complete',
      { a: { state: 'complete' }, b: { state: 'resolved_manually' } },
      {
        execution_status: 'all_complete',
        recommended_action: 'finalize_task',
        completion_percentage: '100.00',
        health_status: 'healthy',
      },
    ],
    [
      'a retry that is not due as waiting',
      {
        a: { state: 'complete' },
        b: { state: 'complete' },
        c: { state: 'waiting_for_retry', attempts: 1, backoffS: 99, lastAttemptAgoS: 0 },
      },
      { execution_status: 'waiting_for_dependencies', completion_percentage: '66.67', total_steps: '3' },
    ],
    ['no steps as waiting', {}, { execution_status: 'waiting_for_dependencies', completion_percentage: '0.00' }],
  ])('names %s', async (_, steps, expected) => {
    const { taskId } = await insertTask(open.database, { steps, state: 'steps_in_process' })
    expect(await context(taskId)).toMatchObject([{ task_uuid: taskId, status: 'steps_in_process', ...expected }])
  })

  it('has no row for an unknown task', async () => {
    expect(await context('00000000-0000-7000-8000-000000000000')).toEqual([])
  })
})
