// Functions of schema tasker: the graph of a task, the next tasks, changes of state, and any search path.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Queryable } from '../../src/postgres/statement.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { insertEdge, insertTask, insertTransition, type StepRow } from '../fixtures/tasker-rows.ts'

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

describe('the graph of a task', () => {
  const ancestors = (stepId: string | undefined) =>
    open.rows<{ step_name: string; distance: number; results: string | null; processed: boolean }>(
      'SELECT step_name, distance, results, processed FROM tasker.get_step_transitive_dependencies($1)',
      stepId,
    )

  it('gives each ancestor once, nearest first', async () => {
    const { steps } = await insertTask(open.database, {
      steps: { ...diamond, bottom: { parents: ['left', 'right', 'top'] } },
    })
    expect(await ancestors(steps['top'])).toEqual([])
    expect(await ancestors(steps['bottom'])).toEqual([
      { step_name: 'top', distance: 1, results: '{"n": 1}', processed: true },
      { step_name: 'left', distance: 1, results: '{"n": 2}', processed: true },
      { step_name: 'right', distance: 1, results: null, processed: true },
    ])
  })

  it('reaches the far end of a long chain, and ends in a cycle', async () => {
    const chain = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [`chain${n}`, n === 0 ? {} : { parents: [`chain${n - 1}`] }]),
    )
    const { steps, taskId } = await insertTask(open.database, { steps: chain })
    const far = await ancestors(steps['chain59'])
    expect(far.map((step) => step.distance)).toEqual(Array.from({ length: 59 }, (_, n) => n + 1))
    await insertEdge(open.database, steps['chain59'] ?? '', steps['chain0'] ?? '')
    expect(await ancestors(steps['chain59'])).toHaveLength(59)
    expect(await open.rows('SELECT * FROM tasker.calculate_dependency_levels($1)', taskId)).toEqual([])
  })

  it('puts every step one level below its deepest parent', async () => {
    const { taskId } = await insertTask(open.database, {
      steps: { ...diamond, deep: { parents: ['bottom', 'top'] }, alone: {} },
    })
    const levels = await open.rows<{ name: string; level: number }>(
      `SELECT n.name, l.dependency_level AS level FROM tasker.calculate_dependency_levels($1) l
         JOIN tasker.workflow_steps s USING (workflow_step_uuid) JOIN tasker.named_steps n USING (named_step_uuid)`,
      taskId,
    )
    expect(Object.fromEntries(levels.map((row) => [row.name, row.level]))).toEqual({
      top: 0,
      alone: 0,
      left: 1,
      right: 1,
      bottom: 2,
      deep: 3,
    })
  })
})

describe('the next tasks', () => {
  const due: Record<string, StepRow> = {
    only: { state: 'waiting_for_retry', attempts: 1, backoffS: 1, lastAttemptAgoS: 9 },
  }
  const next = (q: Queryable, limit = 50) =>
    q.query<{ task_uuid: string; ready_steps_count: string; computed_priority: string }>({
      text: 'SELECT * FROM tasker.get_next_ready_tasks($1::int)',
      values: [limit],
    })

  it('are pending or have a step that is due, however long they waited, in order of priority', async () => {
    const waiting = { state: 'waiting_for_dependencies', steps: due }
    const low = await insertTask(open.database, { ...waiting, priority: 700, stateAgoMinutes: 600 })
    const high = await insertTask(open.database, { priority: 900 })
    const middle = await insertTask(open.database, { ...waiting, state: 'waiting_for_retry', priority: 800 })
    await insertTask(open.database, { ...waiting, state: 'steps_in_process', priority: 1000 })
    await insertTask(open.database, {
      state: 'waiting_for_dependencies',
      steps: { only: { state: 'enqueued' } },
      priority: 1000,
    })
    const found = await next(open.database, 3)
    expect(found.map((row) => row.task_uuid)).toEqual([high.taskId, middle.taskId, low.taskId])
    expect(found.map((row) => row.ready_steps_count)).toEqual(['0', '1', '1'])
    expect(await open.rows('SELECT task_uuid FROM tasker.get_next_ready_task()')).toEqual([{ task_uuid: high.taskId }])
  })

  it('are not given to two callers at once', async () => {
    await insertTask(open.database, { priority: 5000 })
    await insertTask(open.database, { priority: 4000 })
    await open.database.transaction(async (first) => {
      const mine = await next(first, 1)
      const others = await next(open.database)
      expect(mine).toHaveLength(1)
      expect(others.map((row) => row.task_uuid)).not.toContain(mine[0]?.task_uuid)
      expect(others.length).toBeGreaterThan(0)
    })
  })

  it.each([
    [10, 0, 10],
    [10, 30, 10.05],
    [10, 12 * 60, 10 / Math.E],
    [10, 25 * 60, 0.1],
  ])('with priority %d and %d minutes of age count as %d', async (priority, ageMinutes, expected) => {
    const { taskId } = await insertTask(open.database, { priority, ageMinutes, state: 'complete' })
    const computed = await open.value('(SELECT computed_priority FROM tasker.get_task_ready_info($1))', taskId)
    expect(Number(computed)).toBeCloseTo(expected, 2)
  })
})

describe('changes of state', () => {
  it('are compare-and-set: one of many wins, and a wrong belief writes nothing', async () => {
    const { taskId } = await insertTask(open.database)
    const change = (from: string, to: string) =>
      open.value(`tasker.transition_task_state_atomic($1, $2, $3, uuidv7(), '{"by":"test"}')`, taskId, from, to)
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => change('pending', 'initializing')))
    expect(outcomes.filter((won) => won === true)).toHaveLength(1)
    expect(await change('pending', 'cancelled')).toBe(false)
    expect(await open.value('tasker.get_current_task_state($1)', taskId)).toBe('initializing')
    expect(
      await open.rows(
        `SELECT from_state, sort_key, metadata = transition_metadata AS same FROM tasker.task_transitions
          WHERE task_uuid = $1 AND most_recent`,
        taskId,
      ),
    ).toEqual([{ from_state: 'pending', sort_key: 2, same: true }])
  })

  it('of a backoff start the wait now', async () => {
    const { steps, taskId } = await insertTask(open.database, {
      steps: { only: { attempts: 1, state: 'waiting_for_retry' } },
    })
    expect(await open.value('tasker.set_step_backoff_atomic($1, 30)', steps['only'])).toBe(true)
    expect(await open.value('tasker.set_step_backoff_atomic(uuidv7(), 30)')).toBe(false)
    const waits = '(SELECT next_retry_at > now() AND NOT ready_for_execution FROM tasker.get_step_readiness_status($1))'
    expect(await open.value(waits, taskId)).toBe(true)
  })
})

describe('every function', () => {
  it('works whatever the search path is', async () => {
    const { taskId, steps } = await insertTask(open.database, { steps: diamond })
    await open.database.transaction(async (session) => {
      const run = (text: string, ...values: unknown[]) => session.query({ text, values })
      await run('SET LOCAL search_path = pg_catalog')
      await run(`SELECT pgmq.create('worker_anywhere_queue')`)
      await run(`SELECT tasker.pgmq_send_with_notify('worker_anywhere_queue', '{}', 0)`)
      await run(`SELECT tasker.pgmq_send_batch_with_notify('worker_anywhere_queue', ARRAY['1']::jsonb[], 0)`)
      await run(`SELECT * FROM tasker.pgmq_read_specific_message('worker_anywhere_queue', 1, 30)`)
      await run(`SELECT tasker.pgmq_extend_vt_specific_message('worker_anywhere_queue', 1, 30)`)
      await run(`SELECT tasker.pgmq_delete_specific_message('worker_anywhere_queue', 1)`)
      await run('SELECT * FROM tasker.get_step_transitive_dependencies($1)', steps['bottom'])
      await run('SELECT * FROM tasker.get_task_execution_context($1), tasker.get_task_ready_info($1)', taskId)
      await run('SELECT * FROM tasker.calculate_dependency_levels($1)', taskId)
      await run('SELECT * FROM tasker.get_next_ready_tasks(1)')
      await run('SELECT * FROM tasker.detect_and_transition_stale_tasks(false, 1, 0, 0, 0, 0)')
      await run(`SELECT tasker.transition_task_state_atomic($1, 'pending', 'initializing', NULL)`, taskId)
      await run('SELECT tasker.set_step_backoff_atomic($1, 1)', steps['bottom'])
      await run('SELECT tasker.uuid_generate_v7(), public.uuid_generate_v7()')
      await insertTransition(session, steps['bottom'] ?? '', 'enqueued_for_orchestration')
      expect(
        await run(
          'SELECT success FROM tasker.workflow_step_result_audit WHERE workflow_step_uuid = $1',
          steps['bottom'],
        ),
      ).toEqual([{ success: true }])
    })
  })
})
