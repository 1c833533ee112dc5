// The audit row that a step result leaves behind.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { insertTask, insertTransition } from '../fixtures/tasker-rows.ts'

let open: OpenDatabase

beforeAll(async () => {
  open = await openTestDatabase()
})
afterAll(() => open.close())

describe('the audit of a result', () => {
  const worker = '0198c0de-0000-7000-8000-000000000001'
  const success = 'enqueued_for_orchestration'
  const failure = 'enqueued_as_error_for_orchestration'
  const event = (data: unknown) => JSON.stringify({ type: 'EnqueueForOrchestration', data })

  it.each<[string, string, unknown, Record<string, unknown>]>([
    [
      "Tasker's wrapped event",
      success,
      {
        event: event({ success: true, metadata: { execution_time_ms: 42 } }),
        worker_uuid: worker,
        correlation_id: worker,
      },
      { success: true, execution_time_ms: '42', worker_uuid: worker, correlation_id: worker },
    ],
    [
      'a bare event',
      success,
      { event: JSON.stringify({ success: false, execution_time_ms: 7.9 }) },
      { success: false, execution_time_ms: '7', worker_uuid: null },
    ],
    ['an event without data', success, { event: '{"type":"EnqueueForOrchestration"}' }, { success: true }],
    ['an event that is no JSON', failure, { event: '{"type":' }, { success: false, execution_time_ms: null }],
    ['an event that is no document', success, { event: '"done"' }, { success: true, execution_time_ms: null }],
    [
      'odd values',
      failure,
      { event: event({ success: 'yes', metadata: { execution_time_ms: 1e30 } }) },
      { success: false, execution_time_ms: null },
    ],
    [
      'ids that are none',
      success,
      { worker_uuid: 'worker_1', correlation_id: 7 },
      { worker_uuid: null, correlation_id: null },
    ],
    [
      'the time of a host of before, beside the event',
      success,
      { event: event({ success: true }), claim_token: worker, execution_time_ms: 9 },
      { success: true, execution_time_ms: '9' },
    ],
    ['metadata that is no object', failure, [1], { success: false, worker_uuid: null }],
  ])('reads %s', async (_, state, metadata, expected) => {
    const { steps, taskId } = await insertTask(open.database, { steps: { only: { state: 'in_progress' } } })
    const transition = await insertTransition(open.database, steps['only'] ?? '', state, { metadata })
    expect(
      await open.rows('SELECT * FROM tasker.workflow_step_result_audit WHERE task_uuid = $1', taskId),
    ).toMatchObject([{ workflow_step_uuid: steps['only'], workflow_step_transition_uuid: transition, ...expected }])
  })

  it('is left to whoever says to have written it', async () => {
    const { steps, taskId } = await insertTask(open.database, { steps: { only: { state: 'in_progress' } } })
    await insertTransition(open.database, steps['only'] ?? '', success, { metadata: { audited: true } })
    expect(await open.rows('SELECT FROM tasker.workflow_step_result_audit WHERE task_uuid = $1', taskId)).toEqual([])
  })

  it('is written for results only', async () => {
    const { steps, taskId } = await insertTask(open.database, { steps: { only: {} } })
    for (const state of ['enqueued', 'in_progress', 'complete'])
      await insertTransition(open.database, steps['only'] ?? '', state)
    expect(await open.rows('SELECT 1 FROM tasker.workflow_step_result_audit WHERE task_uuid = $1', taskId)).toEqual([])
  })
})
