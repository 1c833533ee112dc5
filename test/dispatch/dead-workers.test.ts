// What becomes of the steps of dead workers, statement by statement: who judges, how long it is looked for them, and when a step has had enough.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { StepId, WorkerId } from '../../src/model/ids.ts'
import { emptyObject } from '../../src/model/json-text.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import type { Recovery } from '../../src/model/step-store.ts'
import { tryRecoveryLock } from '../../src/postgres/queries/recover-steps.ts'
import { eventually } from '../fixtures/eventually.ts'
import { handlerDescriptor, ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { claimAs, registerSilent, startWorker, storeOf } from './workers.ts'

const leaseMs = 300
let steps: StepDatabase
const workers: Worker[] = []
beforeAll(async () => {
  steps = await openStepDatabase({ attemptsMax: 10 })
})
beforeEach(async () => {
  await steps.database.query({ text: 'DELETE FROM stephost.workers' })
  await steps.database.query({ text: 'SELECT pgmq.purge_queue($1)', values: ['worker_shop_queue'] })
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})
afterAll(() => steps.close())

const succeed = async (request: StepRequest): Promise<StepResult> => ({
  ...{ stepId: request.stepId, success: true, outcome: null, result: emptyObject, metadata: emptyObject },
  executionTimeMs: 1,
})

const register = () => registerSilent(steps)

async function claim(workerId: WorkerId, free = 1): Promise<number> {
  return (await claimAs(steps, workerId, free)).length
}

async function age(workerId: WorkerId, ageMs: number): Promise<void> {
  const text = `UPDATE stephost.workers SET heartbeat_at = clock_timestamp() - $2::int * interval '1 ms' WHERE worker_uuid = $1`
  await steps.database.query({ text, values: [workerId, ageMs] })
}

function recover(workerId: WorkerId, mayJudge = true): Promise<Recovery> {
  return storeOf(steps, leaseMs).recover({ workerId, leaseMs, mayJudge })
}

function lives(workerId: WorkerId): Promise<boolean> {
  return steps.scalar('SELECT declared_dead_at IS NULL FROM stephost.workers WHERE worker_uuid = $1', [workerId])
}

/** The step is taken by a worker that dies, and goes back. */
async function dieWith(judge: WorkerId): Promise<{ dead: WorkerId; recovery: Recovery }> {
  const dead = await register()
  expect(await claim(dead)).toBe(1)
  await age(dead, 10_000)
  await age(judge, 0)
  return { dead, recovery: await recover(judge) }
}

describe('death', () => {
  it('is not declared by a worker whose own heartbeat is late, nor by one that may not judge', async () => {
    const [judge, silent] = [await register(), await register()]
    await age(silent, 10_000)
    await age(judge, leaseMs)
    expect((await recover(judge)).declaredDead).toEqual([])
    await age(judge, 0)
    expect((await recover(judge, false)).declaredDead).toEqual([])
    expect(await lives(silent)).toBe(true)
    expect((await recover(judge)).declaredDead).toEqual([silent])
    expect(await lives(silent)).toBe(false)
  })

  it('is declared by one recoverer at a time', async () => {
    const [judge, silent] = [await register(), await register()]
    await age(silent, 10_000)
    await age(judge, 0)
    await steps.database.transaction(async (other) => {
      await other.query({ text: `SELECT pg_advisory_xact_lock(hashtext('stephost.recovery'))` })
      expect((await recover(judge)).declaredDead).toEqual([])
    })
    await age(judge, 0)
    expect((await recover(judge)).declaredDead).toEqual([silent])
  })

  it('is declared by others when a recoverer is paused in the midst of it', async () => {
    const [judge, silent] = [await register(), await register()]
    let resume = () => {}
    const resumed = new Promise<void>((resolve) => {
      resume = resolve
    })
    let locked = false
    const paused = steps.database.transaction(async (transaction) => {
      locked = await tryRecoveryLock(transaction, leaseMs)
      await resumed
      await transaction.query({ text: 'SELECT 1' })
    })
    await eventually('a recoverer has the lock', () => locked)
    await age(silent, 10_000)
    const declared = async () => {
      await age(judge, 0)
      return (await recover(judge)).declaredDead.includes(silent)
    }
    await eventually('the silent one is declared dead', declared).finally(resume)
    await expect(paused).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  })

  it('is found at once by a heartbeat of whoever was declared dead, and never taken back', async () => {
    const dead = await register()
    const store = storeOf(steps, leaseMs)
    expect(await store.heartbeat(dead, { runnable: null })).toMatchObject({ recoveryDue: false })
    await steps.database.query({ text: 'UPDATE stephost.workers SET declared_dead_at = now()' })
    expect(await store.heartbeat(dead, { runnable: null })).toBeNull()
    expect(await store.heartbeat(dead, { runnable: null })).toBeNull()
  })

  it('tells with a heartbeat how long ago the last one was by its own clock, and whether somebody is silent (field note 27)', async () => {
    const [judge, silent] = [await register(), await register()]
    await age(judge, 5_000)
    const store = storeOf(steps, leaseMs)
    const late = await store.heartbeat(judge, { runnable: null })
    expect(late?.gapMs).toBeGreaterThanOrEqual(5_000)
    expect(late?.recoveryDue).toBe(false)
    await age(silent, 10_000)
    const next = await store.heartbeat(judge, { runnable: null })
    expect(next?.gapMs).toBeLessThan(5_000)
    expect(next?.recoveryDue).toBe(true)
  })
})

describe('the sweep of a dead worker', () => {
  it('goes on until a whole lease finds nothing, and a claim that commits later is still found', async () => {
    const judge = await register()
    const dead = await register()
    await steps.enqueue()
    expect(await claim(dead)).toBe(1)
    await age(dead, 10_000)
    await age(judge, 0)
    expect(await recover(judge)).toMatchObject({ declaredDead: [dead], requeued: 1 })
    const swept = () =>
      steps.scalar<boolean>('SELECT swept_at IS NOT NULL FROM stephost.workers WHERE worker_uuid = $1', [dead])
    expect(await swept()).toBe(false)
    await eventually(
      'a whole lease finds nothing',
      async () => (await recover(judge)).requeued === 0 && (await swept()),
    )
    const due = async () => (await storeOf(steps, 60_000).heartbeat(judge, { runnable: null }))?.recoveryDue
    expect(await due()).toBe(false)
    // The claim of the dead worker commits only now; some time later it is looked at again.
    const late = await steps.enqueue()
    await steps.database.query({
      text: 'UPDATE stephost.workers SET declared_dead_at = NULL WHERE worker_uuid = $1',
      values: [dead],
    })
    expect(await claim(dead, 10)).toBeGreaterThan(0)
    await steps.database.query({
      text: `UPDATE stephost.workers SET declared_dead_at = now() - interval '1 hour', swept_at = now() - interval '11 minutes' WHERE worker_uuid = $1`,
      values: [dead],
    })
    expect(await due()).toBe(true)
    expect((await recover(judge)).requeued).toBeGreaterThan(0)
    expect(await steps.state(late)).toBe('enqueued')
    expect(await swept()).toBe(false)
  })

  it('keeps its row for seven days, and for as long as a step names it', async () => {
    const judge = await register()
    const dead = await register()
    await steps.enqueue()
    expect(await claim(dead)).toBe(1)
    const old = `UPDATE stephost.workers SET declared_dead_at = now() - $2::interval, swept_at = now() WHERE worker_uuid = $1`
    await steps.database.query({ text: old, values: [dead, '8 days'] })
    const rows = () => steps.scalar<number>('SELECT count(*)::int FROM stephost.workers WHERE worker_uuid = $1', [dead])
    await recover(judge)
    expect(await rows()).toBe(1)
    await steps.database.query({
      text: 'UPDATE stephost.workers SET swept_at = NULL WHERE worker_uuid = $1',
      values: [dead],
    })
    expect(await recover(judge)).toMatchObject({ requeued: 1 })
    expect(await rows()).toBe(0)
    const young = await register()
    await steps.database.query({ text: old, values: [young, '6 days'] })
    await recover(judge)
    expect(await lives(young)).toBe(false)
  })

  it('takes more steps back than one transaction does', async () => {
    const judge = await register()
    const dead = await register()
    const copies = 1_100
    const step = await steps.enqueue()
    await manySteps(step, dead, copies)
    await age(dead, 10_000)
    await age(judge, 0)
    expect(await recover(judge)).toMatchObject({ requeued: copies, failed: 0 })
  })
})

describe('a step', () => {
  it('that three workers died with fails as worker_lost with what is known, although attempts are left', async () => {
    const judge = await register()
    const step = await steps.enqueue()
    const deaths = [await dieWith(judge), await dieWith(judge)]
    expect(deaths.map(({ recovery }) => recovery.requeued)).toEqual([1, 1])
    deaths.push(await dieWith(judge))
    expect(deaths[2]?.recovery).toMatchObject({ requeued: 0, failed: 1 })
    expect(await steps.state(step)).toBe('enqueued_as_error_for_orchestration')
    const { error } = JSON.parse((await steps.row(step)).results ?? '') as { error: Record<string, unknown> }
    expect(error).toMatchObject({
      error_type: 'worker_lost',
      retryable: false,
      message: expect.stringContaining('(attempt 3 of 10), and so did 2 workers before it'),
      context: {
        callable: 'work',
        attempts: 3,
        max_attempts: 10,
        workers: deaths.map(({ dead }) => ({ worker_uuid: dead, host: 'a-host', heartbeat_at: expect.any(String) })),
      },
    })
  })

  it('that an operator reopened starts anew', async () => {
    const judge = await register()
    const step = await steps.enqueue()
    await dieWith(judge)
    await dieWith(judge)
    const text = `UPDATE tasker.workflow_step_transitions SET from_state = 'error' WHERE workflow_step_uuid = $1 AND most_recent`
    await steps.database.query({ text, values: [step] })
    expect((await dieWith(judge)).recovery).toMatchObject({ requeued: 1, failed: 0 })
  })

  it('that nobody here can run waits as long as it takes while a living worker has a handler for it', async () => {
    const step = await steps.enqueue()
    const busy = await register()
    const [namedTaskId] = (await storeOf(steps).load(['shop'])).map((task) => task.namedTaskId)
    if (namedTaskId === undefined) throw new Error('no template')
    await storeOf(steps).heartbeat(busy, { runnable: [{ namedTaskId, templateStep: 'work' }] })
    const stranger = new ScriptedAdapter(succeed)
    stranger.announced = [handlerDescriptor('other')]
    const worker = await startWorker(steps, stranger, { foreignGraceMs: 0 })
    workers.push(worker)
    const looks = () => steps.scalar<boolean>('SELECT max(vt) > now() FROM pgmq.q_worker_shop_queue')
    await eventually('it was looked at', looks)
    expect([await steps.state(step), worker.counters.claimed]).toEqual(['enqueued', 0])
    await steps.database.query({
      text: 'UPDATE stephost.workers SET declared_dead_at = now() WHERE worker_uuid = $1',
      values: [busy],
    })
    await eventually('it fails', async () => (await steps.state(step)) === 'enqueued_as_error_for_orchestration')
    expect(JSON.parse((await steps.row(step)).results ?? '').error.error_type).toBe('handler_not_found')
  })

  it('of three workers out of ten that die at once gets exactly one fresh message (field notes 1 and 2)', async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, () => steps.enqueue()))
    const dead = await Promise.all(Array.from({ length: 3 }, register))
    for (const id of dead) expect(await claim(id, 10)).toBe(10)
    const held = new Set(await orphans())
    for (const id of dead) await age(id, 10_000)
    workers.push(
      ...(await Promise.all(
        Array.from({ length: 7 }, () =>
          startWorker(steps, new ScriptedAdapter(succeed), { leaseMs: 3_000, pollIntervalMs: 100 }),
        ),
      )),
    )
    const done = `SELECT count(*)::int FROM tasker.workflow_step_transitions WHERE most_recent AND to_state = 'enqueued_for_orchestration' AND workflow_step_uuid = ANY ($1)`
    await eventually('all are done', async () => (await steps.scalar(done, [ids])) === ids.length, 30_000)
    const messages = `SELECT message ->> 'step_uuid' AS id, count(*)::int AS messages FROM pgmq.a_worker_shop_queue WHERE message ->> 'step_uuid' = ANY ($1) GROUP BY 1`
    const rows = await steps.database.query<{ id: StepId; messages: number }>({ text: messages, values: [ids] })
    expect(rows).toHaveLength(ids.length)
    expect(rows.filter((row) => row.messages !== (held.has(row.id) ? 2 : 1))).toEqual([])
    for (const id of ids) expect((await steps.row(id)).attempts).toBe(held.has(id) ? 2 : 1)
  }, 60_000)
})

async function orphans(): Promise<readonly StepId[]> {
  const rows = await steps.database.query<{ id: StepId }>({
    text: `SELECT workflow_step_uuid AS id FROM tasker.workflow_step_transitions WHERE most_recent AND to_state = 'in_progress'`,
  })
  return rows.map(({ id }) => id)
}

/** Steps of the same task that the worker holds. */
async function manySteps(like: StepId, worker: WorkerId, count: number): Promise<void> {
  await steps.database.query({
    text: `
WITH named AS (
  INSERT INTO tasker.named_steps (name, created_at, updated_at) SELECT 'copy-' || i, now(), now() FROM generate_series(1, $3::int) AS i RETURNING named_step_uuid
), copies AS (
  INSERT INTO tasker.workflow_steps (task_uuid, named_step_uuid, max_attempts, attempts, created_at, updated_at)
  SELECT s.task_uuid, named.named_step_uuid, 10, 1, now(), now() FROM named, tasker.workflow_steps s WHERE s.workflow_step_uuid = $1::uuid
  RETURNING workflow_step_uuid
), begun AS (
  INSERT INTO tasker.workflow_step_transitions (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT workflow_step_uuid, 'in_progress', 'enqueued', jsonb_build_object('worker_uuid', $2::text), 1, true, now(), now() FROM copies
  RETURNING workflow_step_transition_uuid
)
INSERT INTO stephost.claims (worker_uuid, tokens) SELECT $2::uuid, array_agg(workflow_step_transition_uuid) FROM begun`,
    values: [like, worker, count],
  })
}
