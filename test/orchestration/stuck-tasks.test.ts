// Tasks that are stuck are found by the limits of their template or of the configuration, fail, and become dead letters.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { taskMoves, taskStates } from '../../src/model/task-state.ts'
import { BackgroundWork, type StalenessSettings } from '../../src/orchestration/background-work.ts'
import { backgroundStore } from '../../src/postgres/queries/orchestration/background-store.ts'
import { type InsertedTask, insertTask, insertTransition, type TaskRow } from '../fixtures/tasker-rows.ts'
import { until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
const limits = {
  waitingForDependenciesMinutes: 60,
  waitingForRetryMinutes: 30,
  stepsInProcessMinutes: 30,
  taskLifetimeMaxHours: 24,
}
const now = { ...limits, everyMs: 0, max: 100, dryRun: false }

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.rows('TRUNCATE tasker.tasks, stephost.workers, stephost.sweeps CASCADE')
})

const insert = (task: TaskRow) => insertTask(bench.database, task)
const lifecycle = (value: unknown) => ({ configuration: { lifecycle: value } })
async function detect(options: Partial<typeof now> = {}) {
  return (await backgroundStore(bench.database).staleTasks({ ...now, ...options })) ?? []
}
async function stateOf({ taskId }: { taskId: string }): Promise<unknown> {
  const [row] = await bench.rows(
    'SELECT to_state FROM tasker.task_transitions WHERE task_uuid = $1 AND most_recent',
    taskId,
  )
  return row?.['to_state']
}
async function entriesOf({ taskId }: { taskId: string }) {
  return bench.rows('SELECT * FROM tasker.tasks_dlq WHERE task_uuid = $1', taskId)
}
/** A worker that has the step in progress; its heartbeat came so long ago. */
async function claimedBy(stepId: string | undefined, heartbeatAgoS: number): Promise<void> {
  const workerId = randomUUID()
  await bench.rows(
    `INSERT INTO stephost.workers (worker_uuid, host, namespaces, notes_claims, heartbeat_at) VALUES ($1, 'here', '{}', true, clock_timestamp() - make_interval(secs => $2))`,
    ...[workerId, heartbeatAgoS],
  )
  await insertTransition(bench.database, stepId ?? '', 'in_progress', { metadata: { worker_uuid: workerId } })
}

describe('a stuck task', () => {
  it('fails, and becomes a dead letter with what an investigation needs', async () => {
    const steps = {
      done: { state: 'complete', processed: true },
      open: { state: 'enqueued', attempts: 2, parents: ['done'] },
    }
    const task = await insert({ state: 'steps_in_process', stateAgoMinutes: 31, priority: 4, steps })
    expect(await detect()).toMatchObject([
      {
        taskId: task.taskId,
        state: 'steps_in_process',
        inStateMinutes: 31,
        thresholdMinutes: 30,
        failed: true,
        inDeadLetters: true,
      },
    ])
    expect(await stateOf(task)).toBe('error')
    const [transition] = await bench.rows(
      `SELECT from_state, sort_key, metadata ->> 'reason' AS reason FROM tasker.task_transitions WHERE task_uuid = $1 AND most_recent`,
      task.taskId,
    )
    expect(transition).toEqual({ from_state: 'steps_in_process', sort_key: 2, reason: 'staleness_timeout' })
    const [entry] = await entriesOf(task)
    expect(entry).toMatchObject({
      original_state: 'steps_in_process',
      dlq_reason: 'staleness_timeout',
      resolution_status: 'pending',
    })
    expect(JSON.parse(String(entry?.['task_snapshot']))).toMatchObject({
      ...{
        task_uuid: task.taskId,
        namespace: task.namespace,
        task_name: 'order',
        current_state: 'steps_in_process',
        priority: 4,
      },
      open_steps: [{ step_uuid: task.steps['open'], name: 'open', state: 'enqueued', attempts: 2 }],
    })
    expect(JSON.parse(String(entry?.['metadata']))).toMatchObject({
      ...{ detection_method: 'automatic_staleness', time_in_state_minutes: 31, threshold_minutes: 30 },
    })
    expect(await detect()).toEqual([])
  })

  it.each([
    ['waiting_for_dependencies', 59, 60],
    ['waiting_for_retry', 29, 30],
    ['steps_in_process', 29, 30],
    ['initializing', 29, 30],
    ['enqueuing_steps', 29, 30],
    ['evaluating_results', 29, 30],
  ])('in %s is found at the limit and not before', async (state, before, at) => {
    const young = await insert({ state, stateAgoMinutes: before })
    const old = await insert({ state, stateAgoMinutes: at })
    expect((await detect()).map(({ taskId }) => taskId)).toEqual([old.taskId])
    expect(await stateOf(young)).toBe(state)
  })

  it('is found by its age in every state that is open', async () => {
    const open: InsertedTask[] = []
    for (const state of ['pending', 'steps_in_process', 'evaluating_results']) {
      open.push(await insert({ state, ageMinutes: 24 * 60 + 1 }))
    }
    const short = await insert({ state: 'pending', ageMinutes: 11, ...lifecycle({ max_duration_minutes: 10 }) })
    await insert({ state: 'pending', ageMinutes: 24 * 60 + 1, ...lifecycle({ max_duration_minutes: 9000 }) })
    for (const state of ['blocked_by_failures', 'complete', 'error', 'cancelled', 'resolved_manually']) {
      await insert({ state, ageMinutes: 99_999, stateAgoMinutes: 99_999 })
    }
    const found = (await detect()).map(({ taskId }) => taskId)
    expect(found.toSorted()).toEqual([...open, short].map(({ taskId }) => taskId).toSorted())
  })

  it('ends by the moves that the table calls Fail, and by all of them', async () => {
    for (const state of taskStates) await insert({ state, ageMinutes: 24 * 60 + 1, stateAgoMinutes: 24 * 60 + 1 })
    await detect()
    const written = await bench.rows(
      `SELECT from_state, metadata ->> 'event' AS event, to_state FROM tasker.task_transitions WHERE from_state IS NOT NULL`,
    )
    const fails = taskMoves.filter(([, event]) => event === 'Fail')
    expect(written.map((row) => Object.values(row).join(' ')).toSorted()).toEqual(
      fails.map((move) => move.join(' ')).toSorted(),
    )
  })

  it('is judged by the limits of its template before those of the configuration', async () => {
    const own = (minutes: unknown) => ({
      state: 'steps_in_process',
      stateAgoMinutes: 40,
      ...lifecycle({ max_steps_in_process_minutes: minutes }),
    })
    const strict = await insert({ ...own(5), stateAgoMinutes: 6 })
    const patient = await insert(own(50))
    const broken = await insert(own('soon'))
    const list = await insert({ state: 'steps_in_process', stateAgoMinutes: 40, ...lifecycle(['nothing']) })
    const found = (await detect()).map(({ taskId }) => taskId)
    expect(found.toSorted()).toEqual([strict, broken, list].map(({ taskId }) => taskId).toSorted())
    expect(await stateOf(patient)).toBe('steps_in_process')
  })

  it('keeps its state or gets no entry where its template says so', async () => {
    const row = { state: 'steps_in_process', stateAgoMinutes: 40 }
    const shown = await insert({ ...row, ...lifecycle({ auto_fail_on_timeout: false }) })
    const failed = await insert({ ...row, ...lifecycle({ auto_dlq_on_timeout: false }) })
    const left = await insert({ ...row, ...lifecycle({ auto_fail_on_timeout: false, auto_dlq_on_timeout: false }) })
    await detect()
    expect([await stateOf(shown), await stateOf(failed), await stateOf(left)]).toEqual([
      'steps_in_process',
      'error',
      'steps_in_process',
    ])
    const entries = [await entriesOf(shown), await entriesOf(failed), await entriesOf(left)]
    expect(entries.map(({ length }) => length)).toEqual([1, 0, 0])
    expect(await detect()).toEqual([])
  })
})

describe('a slow task', () => {
  it('is spared while a living worker runs a step of it, but not by its own limit', async () => {
    const row = { state: 'steps_in_process', stateAgoMinutes: 40, steps: { one: { state: 'in_progress' } } }
    const [busy, orphaned] = [await insert(row), await insert(row)]
    const limited = await insert({ ...row, ...lifecycle({ max_steps_in_process_minutes: 30 }) })
    for (const task of [busy, limited]) await claimedBy(task.steps['one'], 0)
    await claimedBy(orphaned.steps['one'], 120)
    expect((await detect()).map(({ taskId }) => taskId)).toEqual([orphaned.taskId, limited.taskId])
    expect(await stateOf(busy)).toBe('steps_in_process')
  })

  it('is spared beyond the general lifetime while a living worker runs a step of it, but not beyond its own', async () => {
    const row = { state: 'steps_in_process', ageMinutes: 24 * 60 + 1, steps: { one: { state: 'in_progress' } } }
    const [busy, orphaned] = [await insert(row), await insert(row)]
    const limited = await insert({ ...row, ...lifecycle({ max_duration_minutes: 24 * 60 }) })
    for (const task of [busy, limited]) await claimedBy(task.steps['one'], 0)
    await claimedBy(orphaned.steps['one'], 120)
    const found = (await detect()).map(({ taskId }) => taskId)
    expect(found.toSorted()).toEqual([orphaned.taskId, limited.taskId].toSorted())
    expect([await stateOf(busy), await stateOf(limited)]).toEqual(['steps_in_process', 'error'])
  })

  it('is spared while a retry is still to come', async () => {
    const waiting = (lastAttemptAgoS: number) => ({
      ...{ state: 'waiting_for_dependencies', stateAgoMinutes: 70 },
      steps: { one: { state: 'waiting_for_retry', attempts: 1, backoffS: 7200, lastAttemptAgoS } },
    })
    await insert(waiting(3600))
    const overdue = await insert(waiting(7300))
    expect((await detect()).map(({ taskId }) => taskId)).toEqual([overdue.taskId])
  })
})

describe('the search', () => {
  const settings: StalenessSettings = { ...limits, intervalMs: 60_000, batchMax: 2, dryRun: false }
  function work(changes: Partial<StalenessSettings> = {}) {
    const [warnings, faults]: [string[], unknown[]] = [[], []]
    const options = {
      store: backgroundStore(bench.database),
      settings: { staleness: { ...settings, ...changes }, retention: null, orphans: null },
    }
    const around = {
      breaker: null,
      onWarning: (text: string) => warnings.push(text),
      onFault: (_: string, error: unknown) => error !== null && faults.push(error),
    }
    return { warnings, faults, work: new BackgroundWork(options, around) }
  }
  const stuck = (count: number) =>
    Promise.all(Array.from({ length: count }, () => insert({ state: 'steps_in_process', stateAgoMinutes: 40 })))

  it('only says what it would do in a dry run', async () => {
    const [task] = await stuck(1)
    if (task === undefined) throw new Error('no task')
    const one = work({ dryRun: true })
    await one.work.start()
    await until(async () => one.warnings.length > 0)
    await one.work.stop()
    expect(one.warnings).toEqual([
      expect.stringMatching(`${task.taskId} of ${task.namespace}/order is stuck: 40 minutes.*Nothing was done`),
    ])
    expect([await stateOf(task), await entriesOf(task)]).toEqual(['steps_in_process', []])
  })

  it('moves each task once under two orchestrators, more of them than one transaction takes', async () => {
    const tasks = await stuck(7)
    const both = [work(), work()]
    await Promise.all(both.map((one) => one.work.start()))
    await until(async () => both.flatMap((one) => one.warnings).length >= 7)
    await Promise.all(both.map((one) => one.work.stop()))
    expect(both.flatMap((one) => one.faults)).toEqual([])
    expect(both.flatMap((one) => one.warnings)).toHaveLength(7)
    for (const task of tasks) expect([await stateOf(task), (await entriesOf(task)).length]).toEqual(['error', 1])
  })

  it('takes place once in its interval, whoever asks', async () => {
    const store = backgroundStore(bench.database)
    expect(await store.staleTasks({ ...now, everyMs: 60_000 })).toEqual([])
    await stuck(1)
    expect(await store.staleTasks({ ...now, everyMs: 60_000 })).toBeNull()
    await bench.rows(`UPDATE stephost.sweeps SET swept_at = swept_at - interval '61 s'`)
    expect(await store.staleTasks({ ...now, everyMs: 60_000 })).toHaveLength(1)
  })

  it('leaves a task alone that moves on while it is looked at', async () => {
    const orchestrator = bench.orchestrator()
    const { taskId } = await orchestrator.createTask(request('pair'))
    await bench.rows(
      `UPDATE tasker.task_transitions SET created_at = created_at - interval '1 hour' WHERE task_uuid = $1`,
      taskId,
    )
    let found: Promise<readonly unknown[]> = Promise.resolve([])
    await bench.database.transaction(async (q) => {
      await q.query({ text: 'SELECT FROM tasker.tasks WHERE task_uuid = $1 FOR NO KEY UPDATE', values: [taskId] })
      found = detect()
      await until(async () => {
        const waiting = await bench.rows(`SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()`)
        return waiting.length > 0
      })
      await q.query({
        text: 'UPDATE tasker.task_transitions SET created_at = now() WHERE task_uuid = $1',
        values: [taskId],
      })
    })
    expect(await found).toEqual([])
    expect(await stateOf({ taskId })).toBe('steps_in_process')
  })
})
