// Finished tasks and archived messages leave by their age, with all that hangs on them and nothing else; orphaned messages are set aside.
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { type RetentionSettings, removeOld, setAsideOrphans } from '../../src/orchestration/retention.ts'
import { backgroundStore } from '../../src/postgres/queries/orchestration/background-store.ts'
import { sendRaw } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator
const tables = [
  ...['tasks', 'task_transitions', 'workflow_steps', 'workflow_step_edges', 'workflow_step_transitions'],
  ...['workflow_step_result_audit', 'tasks_dlq'],
]

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.rows('TRUNCATE pgmq.q_worker_orders_queue, pgmq.q_orchestration_step_results, pgmq.a_worker_orders_queue')
  await bench.rows('TRUNCATE tasker.tasks, stephost.sweeps, stephost.rejected_messages, stephost.archived_rows CASCADE')
  orchestrator = bench.orchestrator()
  await orchestrator.start()
})
afterEach(async () => {
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})

const settings: RetentionSettings = {
  ...{
    intervalMs: 0,
    sweepMaxMs: 10_000,
    batchRowsMax: 10_000,
    finishedTasksDays: 7,
    archive: false,
    queueArchivesDays: null,
  },
}
const remove = (changes: Partial<RetentionSettings> = {}) =>
  removeOld(backgroundStore(bench.database), { ...settings, ...changes }, () => false)

/** A task that ended so long ago. */
async function ended(daysAgo: number, success = true): Promise<string> {
  const { taskId } = await orchestrator.createTask(request('pair'))
  const settled = async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)
  await bench.worker.workUntil(settled, () => (success ? { success } : { success, retryable: false }))
  await age(taskId, daysAgo)
  return taskId
}
async function age(taskId: string, days: number): Promise<void> {
  for (const table of ['tasks', 'task_transitions']) {
    await bench.rows(
      `UPDATE tasker.${table} SET created_at = created_at - make_interval(days => $2) WHERE task_uuid = $1`,
      taskId,
      days,
    )
  }
}
async function count(place: string): Promise<number> {
  const [row] = await bench.rows(`SELECT count(*)::int AS n FROM ${place}`)
  return Number(row?.['n'])
}
const taskIds = async () =>
  (await bench.rows('SELECT task_uuid AS id FROM tasker.tasks ORDER BY 1')).map((row) => row['id'])

describe('finished tasks', () => {
  it('leave when they are old enough, with every row that hangs on them, and nothing of others', async () => {
    const old = await ended(8)
    await bench.rows(`SELECT tasker.create_dlq_entry($1, 'orders', 'pair', 'error', 1, 1, 'manual_dlq')`, old)
    await bench.rows(`UPDATE tasker.tasks_dlq SET resolution_status = 'cancelled'`)
    const young = await ended(6)
    await bench.rows('INSERT INTO stephost.reopened_tasks SELECT task_uuid, now() FROM tasker.tasks')
    const before = await Promise.all(tables.map((table) => count(`tasker.${table}`)))
    expect(await remove()).toEqual({ tasks: 1, archivedMessages: 0 })
    expect(await taskIds()).toEqual([young])
    const after = await Promise.all(tables.map((table) => count(`tasker.${table}`)))
    expect(after.slice(0, -1)).toEqual(before.slice(0, -1).map((rows) => rows / 2))
    expect(after.at(-1)).toBe(0)
    expect(await bench.rows('SELECT task_uuid AS id FROM stephost.reopened_tasks')).toEqual([{ id: young }])
    expect((await orchestrator.progress(young)).steps.map(({ state }) => state)).toEqual(['complete', 'complete'])
    expect(await count('stephost.archived_rows')).toBe(0)
  })

  it('are kept row by row where they are to be archived', async () => {
    const old = await ended(8)
    const rows = Object.fromEntries(
      await Promise.all(tables.map(async (table) => [table, await count(`tasker.${table}`)])),
    )
    const [results] = await bench.rows(
      'SELECT jsonb_agg(results ORDER BY workflow_step_uuid) AS r FROM tasker.workflow_steps',
    )
    await remove({ archive: true })
    expect(await count('tasker.tasks')).toBe(0)
    const kept = await bench.rows(
      'SELECT table_name, count(*)::int AS n FROM stephost.archived_rows WHERE task_uuid = $1 GROUP BY 1',
      old,
    )
    expect(Object.fromEntries(kept.map((row) => [row['table_name'], row['n']]))).toEqual(
      Object.fromEntries(Object.entries(rows).filter(([, n]) => Number(n) > 0)),
    )
    const [archived] = await bench.rows(
      `SELECT jsonb_agg(row -> 'results' ORDER BY row ->> 'workflow_step_uuid') AS r FROM stephost.archived_rows WHERE table_name = 'workflow_steps'`,
    )
    expect(archived).toEqual(results)
  })

  it('stay while they are open, blocked, investigated, or still with a worker', async () => {
    const open = (await orchestrator.createTask(request('pair'))).taskId
    await age(open, 30)
    await bench.rows('TRUNCATE pgmq.q_worker_orders_queue')
    await ended(30, false)
    const letter = await ended(30)
    await bench.rows(`SELECT tasker.create_dlq_entry($1, 'orders', 'pair', 'error', 1, 1, 'manual_dlq')`, letter)
    const running = (await orchestrator.createTask(request('pair'))).taskId
    const [step] = await bench.worker.claim()
    await bench.rows(
      `UPDATE tasker.task_transitions SET to_state = 'error' WHERE most_recent AND task_uuid = $1`,
      running,
    )
    await age(running, 30)
    expect(await remove()).toMatchObject({ tasks: 0 })
    expect(await count('tasker.tasks')).toBe(4)
    if (step === undefined) throw new Error('nothing was claimed')
    expect(await bench.worker.complete(step, { success: true })).toBe(true)
  })

  it('leave in portions, and the rest next time when the time is over', async () => {
    for (let n = 0; n < 5; n += 1) await ended(8)
    expect(await remove({ batchRowsMax: 12, sweepMaxMs: 0 })).toMatchObject({ tasks: 2 })
    expect(await remove({ batchRowsMax: 1 })).toMatchObject({ tasks: 3 })
  })

  it('leave once under two orchestrators that sweep at the same time', async () => {
    for (let n = 0; n < 6; n += 1) await ended(8)
    const both = await Promise.all([remove({ batchRowsMax: 1 }), remove({ batchRowsMax: 1 })])
    expect(both.map(({ tasks }) => tasks).reduce((sum, tasks) => sum + tasks)).toBe(6)
    expect(await count('tasker.tasks')).toBe(0)
  })

  it('finds every row by an index', async () => {
    await ended(8)
    await remove()
    const made = () =>
      bench.rows(`SELECT indexname AS name FROM pg_indexes WHERE indexname LIKE 'idx_stephost_retention_%' ORDER BY 1`)
    // Audit rows are found by the key of their step.
    const [dlq, transitions] = ['idx_stephost_retention_tasks_dlq_task', 'idx_stephost_retention_task_transitions_task']
    expect(await made()).toEqual([{ name: transitions }, { name: dlq }])
    await bench.rows('DROP INDEX tasker.idx_stephost_retention_task_transitions_task')
    await bench.rows('CREATE INDEX by_hand ON tasker.task_transitions (task_uuid, sort_key)')
    await remove()
    expect(await made()).toEqual([{ name: dlq }])
  })

  it('stay beside a schema that Tasker made and that lacks an index, and the fault says which', async () => {
    await ended(8)
    await remove({ finishedTasksDays: 100 })
    const key = `ALTER TABLE tasker.workflow_step_result_audit
                   ALTER CONSTRAINT workflow_step_result_audit_workflow_step_transition_uuid_fkey`
    await bench.rows(`${key} ENFORCED`)
    const ran = await bench.rows(`DELETE FROM stephost.migrations WHERE file LIKE '%_tasker%' RETURNING file`)
    await expect(remove()).rejects.toMatchObject({
      code: 'DATABASE_FAULT',
      message: expect.stringMatching(
        /CREATE INDEX CONCURRENTLY ON tasker.workflow_step_result_audit \(workflow_step_transition_uuid\)$/,
      ),
    })
    expect(await count('tasker.tasks')).toBe(1)
    for (const { file } of ran) await bench.rows('INSERT INTO stephost.migrations (file) VALUES ($1)', file)
    await bench.rows(`${key} NOT ENFORCED`)
    expect(await remove()).toMatchObject({ tasks: 1 })
  })
})

describe('archives of queues', () => {
  it('lose what is older, in portions, and only where a queue is ours', async () => {
    await bench.rows(`SELECT pgmq.create('somebody_elses')`)
    for (const queue of ['worker_orders_queue', 'somebody_elses']) {
      await bench.rows(
        `INSERT INTO pgmq.a_${queue} (msg_id, enqueued_at, archived_at, vt, message)
         SELECT n, now(), now() - make_interval(days => 10 - n), now(), '{}' FROM generate_series(1, 9) n`,
      )
    }
    const archives = { finishedTasksDays: null, queueArchivesDays: 3, batchRowsMax: 2 }
    expect(await remove(archives)).toEqual({ tasks: 0, archivedMessages: 7 })
    expect(await count('pgmq.a_worker_orders_queue')).toBe(2)
    expect(await count('pgmq.a_somebody_elses')).toBe(9)
  })
})

describe('orphaned messages', () => {
  const sweep = (olderThanMs = 0) =>
    setAsideOrphans(
      backgroundStore(bench.database),
      { intervalMs: 0, sweepMaxMs: 10_000, batchRowsMax: 2, olderThanMs },
      () => false,
    )
  const send = (queue: string, message: unknown) =>
    bench.rows('SELECT pgmq.send($1, $2::jsonb)', queue, JSON.stringify(message))

  it('are set aside with their reason, and the others stay', async () => {
    await orchestrator.stop()
    await orchestrator.createTask(request('pair'))
    const [step, task] = [randomUUID(), randomUUID()]
    for (let n = 0; n < 3; n += 1)
      await send('worker_orders_queue', { step_uuid: step, task_uuid: task, correlation_id: task })
    await send('worker_orders_queue', 'nonsense')
    await send('worker_orders_queue', { step_uuid: 'no id', task_uuid: task })
    await sendRaw(bench.database, { step_uuid: step })
    await send('orchestration_task_finalizations', { task_uuid: task })
    await send('orchestration_task_requests', { namespace: 'orders' })
    expect(await sweep(60_000)).toBe(0)
    expect(await sweep()).toBe(5)
    expect(await sweep()).toBe(0)
    const kept = await bench.rows(
      'SELECT queue_name AS queue, reason, count(*)::int AS n FROM stephost.rejected_messages GROUP BY 1, 2 ORDER BY 1',
    )
    expect(kept).toEqual([
      { queue: 'orchestration_step_results', reason: 'there is no step with this id any more', n: 1 },
      { queue: 'orchestration_task_finalizations', reason: 'there is no task with this id any more', n: 1 },
      { queue: 'worker_orders_queue', reason: 'there is no step with this id any more', n: 3 },
    ])
    expect(await count('pgmq.q_worker_orders_queue')).toBe(3)
    expect(await count('pgmq.q_orchestration_task_requests')).toBe(1)
    expect(await bench.worker.claim().catch(() => 'nonsense')).toBe('nonsense')
  })
})
