// The two histories of transitions: every state that is passed, or only those where tasks and steps come to rest. All else is the same.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TransitionHistory } from '../../src/model/orchestration-store.ts'
import type { StepAction } from '../../src/model/task.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { performance as performanceOf } from '../../src/postgres/queries/orchestration/read-analytics.ts'
import { type FakeOutcome, type FakeStep, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

const histories = ['full', 'end_states'] as const
const templates = [
  sketch('linear', { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }),
  sketch('flaky', { first: {}, again: { after: ['first'] }, last: { after: ['again'] } }),
  sketch('routed', {
    ask: {},
    route: { type: 'decision', after: ['ask'] },
    left: { after: ['route'] },
    right: { after: ['route'] },
    end: { type: 'deferred_convergence', after: ['left', 'right'] },
  }),
  sketch('rows', {
    cut: { type: 'batchable' },
    work: { type: 'batch_worker', after: ['cut'], strategy: 'fail_fast' },
    sum: { type: 'deferred_convergence', after: ['work'] },
  }),
  sketch('nothing', { never: { type: 'batch_worker' } }),
  sketch('checked', { only: {} }, { inputSchema: { type: 'object', required: ['amount'] } }),
]
const benches = {} as Record<TransitionHistory, Bench>
const orchestrators = {} as Record<TransitionHistory, Orchestrator>

beforeAll(async () => {
  for (const history of histories) {
    benches[history] = await openBench(templates, { history })
    orchestrators[history] = benches[history].orchestrator()
    await orchestrators[history].start()
  }
})
afterAll(() => Promise.all(Object.values(benches).map((bench) => bench.close())))

const success = (): FakeOutcome => ({ success: true })
const settled = (history: TransitionHistory, taskId: string) => async () =>
  settledTaskStates.has((await orchestrators[history].progress(taskId)).state)

async function run(history: TransitionHistory, name: string, answer: (step: FakeStep) => FakeOutcome = success) {
  const { taskId } = await orchestrators[history].createTask(request(name))
  await benches[history].worker.workUntil(settled(history, taskId), answer)
  return taskId
}

/** What everybody but a reader of the history sees. */
async function outcome(history: TransitionHistory, taskId: string) {
  const task = await orchestrators[history].task(taskId)
  const [row] = await benches[history].rows('SELECT complete FROM tasker.tasks WHERE task_uuid = $1', taskId)
  const steps = await orchestrators[history].steps(taskId)
  const seen = steps.map(({ name, state, attempts, result }) => ({ name, state, attempts, result }))
  return { state: task.state, counts: task.counts, complete: row?.['complete'], steps: seen }
}

async function rowsOf(history: TransitionHistory, taskId: string): Promise<number> {
  const [row] = await benches[history].rows(
    `SELECT (SELECT count(*)::int FROM tasker.task_transitions WHERE task_uuid = $1)
          + (SELECT count(*)::int FROM tasker.workflow_step_transitions JOIN tasker.workflow_steps USING (workflow_step_uuid) WHERE task_uuid = $1) AS n`,
    taskId,
  )
  return Number(row?.['n'])
}

/** `from to` of each, in order. */
async function taskMoves(history: TransitionHistory, taskId: string) {
  return benches[history].rows(
    `SELECT concat_ws(' ', from_state, to_state) AS move, metadata ->> 'event' AS event, metadata -> 'passed' AS passed, sort_key, most_recent
       FROM tasker.task_transitions WHERE task_uuid = $1 ORDER BY sort_key`,
    taskId,
  )
}

async function stepMoves(history: TransitionHistory, taskId: string, name: string): Promise<readonly unknown[]> {
  const rows = await benches[history].rows(
    `SELECT concat_ws(' ', w.from_state, w.to_state) AS move, w.sort_key FROM tasker.workflow_step_transitions w
       JOIN tasker.workflow_steps s USING (workflow_step_uuid) JOIN tasker.named_steps n USING (named_step_uuid)
      WHERE s.task_uuid = $1 AND n.name = $2 ORDER BY w.sort_key`,
    taskId,
    name,
  )
  expect(rows.map((row) => row['sort_key'])).toEqual(rows.map((_, index) => index + 1))
  return rows.map((row) => row['move'])
}

/** Of every task: each transition left the state before it, and one is the last. */
async function brokenChains(history: TransitionHistory): Promise<readonly unknown[]> {
  const chain = (table: string, key: string) => `
    SELECT ${key} FROM (SELECT ${key}, from_state, most_recent, lag(to_state) OVER w AS before, lead(to_state) OVER w AS after
                          FROM tasker.${table} WINDOW w AS (PARTITION BY ${key} ORDER BY sort_key)) x
     WHERE from_state IS DISTINCT FROM before AND NOT (before IS NULL AND from_state = 'pending') OR most_recent <> (after IS NULL)`
  return benches[history].rows(
    `${chain('task_transitions', 'task_uuid')} UNION ALL ${chain('workflow_step_transitions', 'workflow_step_uuid')}`,
  )
}

describe('a history of end states', () => {
  const batch = {
    cursor_configs: [1, 2].map((n) => ({ batch_id: `00${n}`, start_cursor: n, end_cursor: n + 1, batch_size: 1 })),
  }
  const cases: Readonly<Record<string, (step: FakeStep) => FakeOutcome>> = {
    linear: success,
    flaky: ({ name, attempts }) =>
      name === 'again' && attempts < 3 ? { success: false, retryable: true } : { success: true },
    routed: ({ name }) => {
      if (name !== 'route') return { success: true }
      const decision = { type: 'create_steps', step_names: ['right'] }
      return { success: true, result: { decision_point_outcome: decision } }
    },
    rows: ({ name }) => {
      if (name !== 'cut') return { success: true }
      const made = { type: 'create_batches', worker_template_name: 'work', worker_count: 2, total_items: 2, ...batch }
      return { success: true, result: { batch_processing_outcome: made } }
    },
    nothing: success,
  }

  it.each(Object.keys(cases))('ends %s as the full one does, with fewer rows', async (name) => {
    const [full, short] = [await run('full', name, cases[name]), await run('end_states', name, cases[name])]
    const ended = await outcome('full', full)
    expect(ended.state).toBe('complete')
    expect(await outcome('end_states', short)).toEqual(ended)
    expect(await rowsOf('end_states', short)).toBeLessThan(await rowsOf('full', full))
  })

  it('has one row for where each transaction leaves a task, and none for a step before it is enqueued', async () => {
    const full = await run('full', 'linear')
    const short = await run('end_states', 'linear')
    expect(await taskMoves('end_states', short)).toEqual([
      {
        ...{ move: 'pending steps_in_process', event: 'StepsEnqueued', passed: '["initializing", "enqueuing_steps"]' },
        ...{ sort_key: 1, most_recent: false },
      },
      {
        ...{ move: 'steps_in_process complete', event: 'AllStepsSuccessful', passed: '["evaluating_results"]' },
        ...{ sort_key: 2, most_recent: true },
      },
    ])
    for (const name of ['a', 'c']) {
      expect(await stepMoves('end_states', short, name)).toEqual([
        ...['pending enqueued', 'enqueued in_progress', 'in_progress enqueued_for_orchestration'],
        'enqueued_for_orchestration complete',
      ])
    }
    // Three steps of five rows; a task of twelve.
    expect([await rowsOf('full', full), await rowsOf('end_states', short)]).toEqual([27, 14])
  })

  it('keeps all that a retry writes', async () => {
    const again = cases['flaky'] ?? success
    const [full, short] = [await run('full', 'flaky', again), await run('end_states', 'flaky', again)]
    const before = await stepMoves('full', full, 'again')
    expect(before).toContain('waiting_for_retry pending')
    expect(await stepMoves('end_states', short, 'again')).toEqual(before.slice(1))
    expect(await brokenChains('full')).toEqual([])
    expect(await brokenChains('end_states')).toEqual([])
  })

  it('tells since when a task stands still as the full one does', async () => {
    const { database, rows, worker } = benches.end_states
    const { taskId } = await orchestrators.end_states.createTask(request('linear'))
    const [first] = await worker.claim()
    if (first === undefined) throw new Error('no step was enqueued')
    await database.query({
      text: `UPDATE tasker.task_transitions SET created_at = created_at - interval '1 day' WHERE task_uuid = $1`,
      values: [taskId],
    })
    await worker.complete(first, { success: true })
    const sinceS = async () => {
      const [row] = await rows(
        `SELECT extract(epoch FROM now()::timestamp - created_at)::float8 AS s FROM tasker.task_transitions WHERE task_uuid = $1 AND most_recent`,
        taskId,
      )
      return Number(row?.['s'])
    }
    await until(async () => (await sinceS()) < 3_600)
    expect((await taskMoves('end_states', taskId)).map((row) => row['move'])).toEqual(['pending steps_in_process'])
    await orchestrators.end_states.cancel(taskId)
  })

  it('keeps the warning of a task', async () => {
    await orchestrators.end_states.createTask(request('checked'))
    const kept = await benches.end_states.rows(
      `SELECT metadata ->> 'warning' AS warning FROM tasker.task_transitions WHERE metadata ? 'warning'`,
    )
    expect(kept).toHaveLength(1)
    expect(kept[0]?.['warning']).toContain('amount')
  })

  it.each(histories)('counts, resolves and cancels steps that wait: %s', async (history) => {
    const orchestrator = orchestrators[history]
    const { taskId } = await orchestrator.createTask(request('linear'))
    expect((await orchestrator.task(taskId)).counts).toMatchObject({ total: 3, pending: 2, enqueued: 1 })
    const by: StepAction = { actionType: 'resolve_manually', reason: 'paid in cash', resolvedBy: 'bob' }
    const last = (await orchestrator.steps(taskId)).find(({ name }) => name === 'c')
    await orchestrator.actOnStep(taskId, last?.stepId ?? '', by)
    await orchestrator.cancel(taskId)
    expect((await orchestrator.steps(taskId)).map(({ state }) => state)).toEqual([
      'cancelled',
      'cancelled',
      'resolved_manually',
    ])
    const pending = JSON.parse(await performanceOf(benches[history].database, 1)) as { active_tasks: number }
    const { taskId: next } = await orchestrator.createTask(request('linear'))
    const after = JSON.parse(await performanceOf(benches[history].database, 1)) as { active_tasks: number }
    expect(after.active_tasks - pending.active_tasks).toBe(1)
    await orchestrator.cancel(next)
    expect(await brokenChains(history)).toEqual([])
    expect(benches[history].faults).toEqual([])
  })
})
