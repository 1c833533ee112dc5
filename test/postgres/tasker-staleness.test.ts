// Tasks that are stuck for too long go to the dead letter table.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { insertTask } from '../fixtures/tasker-rows.ts'

let open: OpenDatabase

beforeAll(async () => {
  open = await openTestDatabase()
})
afterAll(() => open.close())

describe('stale tasks', () => {
  const detect = async (options: { dryRun: boolean }) =>
    open.rows<Record<string, unknown>>(
      'SELECT * FROM tasker.detect_and_transition_stale_tasks($1, 100)',
      options.dryRun,
    )
  const running = { state: 'steps_in_process' }

  it('get an entry in the dead letter table and end in error, once', async () => {
    const stale = await insertTask(open.database, { ...running, stateAgoMinutes: 31 })
    const old = await insertTask(open.database, { ...running, ageMinutes: 25 * 60 })
    const own = await insertTask(open.database, {
      ...running,
      stateAgoMinutes: 6,
      configuration: { lifecycle: { max_steps_in_process_minutes: 5 } },
    })
    const patient = await insertTask(open.database, {
      ...running,
      stateAgoMinutes: 90,
      configuration: { lifecycle: { max_steps_in_process_minutes: 120 } },
    })
    const broken = await insertTask(open.database, {
      ...running,
      stateAgoMinutes: 90,
      configuration: { lifecycle: { max_steps_in_process_minutes: 'soon' } },
    })
    const never = await insertTask(open.database, {
      state: 'blocked_by_failures',
      ageMinutes: 9999,
      stateAgoMinutes: 9999,
    })
    const ended = [broken, stale, own, old].map((task) => task.taskId)

    const dry = await detect({ dryRun: true })
    expect(dry.map((row) => row['task_uuid'])).toEqual(ended)
    expect(await open.value('tasker.get_current_task_state($1)', stale.taskId)).toBe('steps_in_process')

    const found = await detect({ dryRun: false })
    expect(found.map((row) => row['task_uuid'])).toEqual(ended)
    expect(found[1]).toMatchObject({
      namespace_name: stale.namespace,
      current_state: 'steps_in_process',
      staleness_threshold_minutes: 30,
      moved_to_dlq: true,
      transition_success: true,
    })
    for (const task of ended) expect(await open.value('tasker.get_current_task_state($1)', task)).toBe('error')
    for (const { taskId } of [patient, never]) {
      expect(await open.value('tasker.get_current_task_state($1)', taskId)).not.toBe('error')
    }
    const entry = `SELECT original_state, dlq_reason, resolution_status, task_snapshot ->> 'namespace' AS namespace,
                          metadata ->> 'detection_method' AS method FROM tasker.tasks_dlq WHERE task_uuid = $1`
    expect(await open.rows(entry, stale.taskId)).toEqual([
      {
        original_state: 'steps_in_process',
        dlq_reason: 'staleness_timeout',
        resolution_status: 'pending',
        namespace: stale.namespace,
        method: 'automatic_staleness',
      },
    ])
    expect(await detect({ dryRun: false })).toEqual([])
  })

  it('are left alone while somebody works on them', async () => {
    const { taskId } = await insertTask(open.database, { ...running, stateAgoMinutes: 40 })
    await open.database.transaction(async (holder) => {
      await holder.query({
        text: 'SELECT 1 FROM tasker.tasks WHERE task_uuid = $1 FOR NO KEY UPDATE',
        values: [taskId],
      })
      expect(await detect({ dryRun: false })).toEqual([])
    })
    expect(await detect({ dryRun: false })).toMatchObject([{ task_uuid: taskId }])
  })

  it('have an entry whose updated_at follows its changes', async () => {
    const { taskId } = await insertTask(open.database)
    const enter = () => open.value(`tasker.create_dlq_entry($1, 'ns', 'order', 'pending', 1, 1, 'manual_dlq')`, taskId)
    expect(await enter()).not.toBeNull()
    expect(await enter()).toBeNull()
    const [entry] = await open.rows<{ moved: boolean }>(
      `UPDATE tasker.tasks_dlq SET resolution_status = 'cancelled', updated_at = 'epoch' WHERE task_uuid = $1
       RETURNING updated_at > created_at AS moved`,
      taskId,
    )
    expect(entry?.moved).toBe(true)
    expect(await enter()).not.toBeNull()
  })
})
