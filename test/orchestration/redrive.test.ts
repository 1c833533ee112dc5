// A dead letter is redriven: over REST, with real steps that run again, and with the trail of who wanted it.
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { backgroundStore } from '../../src/postgres/queries/orchestration/background-store.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

const noEvents = { watch: () => null }

let bench: Bench
let orchestrator: Orchestrator
let server: RestServer

beforeAll(async () => {
  bench = await openBench([
    sketch('line', { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }),
    sketch('pair', { left: {}, right: {} }),
  ])
  // A limit of its own ends a task that is at work, too.
  await bench.rows(
    `UPDATE tasker.named_tasks SET configuration = configuration || '{"lifecycle":{"max_duration_minutes":60}}' WHERE name = 'pair'`,
  )
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.rows('TRUNCATE pgmq.q_worker_orders_queue, pgmq.q_orchestration_step_results')
  await bench.rows('TRUNCATE tasker.tasks, stephost.workers, stephost.sweeps CASCADE')
  orchestrator = bench.orchestrator()
  await orchestrator.start()
  server = orchestratorRest({
    port: 0,
    ...{
      tasks: orchestrator,
      redrives: orchestrator,
      reads: orchestrationReads(bench.database),
      health: orchestrator,
      events: noEvents,
    },
    ...{ facts: {}, onFault: (error) => bench.faults.push(error as Error) },
  })
  await server.start()
})
afterEach(async () => {
  await server.stop()
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})

const settled = (taskId: string) => async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)
const states = async (taskId: string) => (await orchestrator.steps(taskId)).map(({ state }) => state)
const create = async (name: string) => (await orchestrator.createTask(request(name))).taskId

/** As the detection of stuck tasks does it. Resolves with the entry. */
async function goStale(taskId: string): Promise<string> {
  await bench.rows(
    `UPDATE tasker.task_transitions SET created_at = created_at - interval '2 days' WHERE task_uuid = $1`,
    taskId,
  )
  const options = {
    waitingForDependenciesMinutes: 60,
    waitingForRetryMinutes: 30,
    stepsInProcessMinutes: 30,
    taskLifetimeMaxHours: 24,
  }
  await backgroundStore(bench.database).staleTasks({ ...options, everyMs: 0, max: 10, dryRun: false })
  expect((await orchestrator.progress(taskId)).state).toBe('error')
  return entryOf(taskId)
}
async function entryOf(taskId: string): Promise<string> {
  const [row] = await bench.rows('SELECT dlq_entry_uuid AS id FROM tasker.tasks_dlq WHERE task_uuid = $1', taskId)
  return String(row?.['id'])
}
async function patch(entry: string, body: unknown) {
  const init = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`${server.address}/v1/dlq/entry/${entry}`, init)
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
  return { status: response.status, body: (await response.json()) as any }
}
const runAll = (taskId: string) => bench.worker.workUntil(settled(taskId), () => ({ success: true }))
const redrive = { redrive: true, resolved_by: 'ann', resolution_notes: 'the disk was full' }

describe('a redriven task', () => {
  it('runs the step again whose worker vanished, and those behind it', async () => {
    const taskId = await create('line')
    await bench.worker.claim()
    const entry = await goStale(taskId)
    expect(await patch(entry, redrive)).toMatchObject({ status: 200, body: { success: true, dlq_entry_uuid: entry } })
    expect((await orchestrator.progress(taskId)).state).toBe('steps_in_process')
    expect(await states(taskId)).toEqual(['enqueued', 'pending', 'pending'])
    expect(await runAll(taskId)).toEqual(['a', 'b', 'c'])
    expect((await orchestrator.progress(taskId)).state).toBe('complete')
    const [row] = await bench.rows(
      'SELECT resolution_status, resolved_by, resolution_notes, resolution_timestamp IS NOT NULL AS dated FROM tasker.tasks_dlq',
    )
    expect(row).toEqual({
      resolution_status: 'manually_resolved',
      resolved_by: 'ann',
      resolution_notes: 'the disk was full',
      dated: true,
    })
    const [moved] = await bench.rows(
      `SELECT to_state, metadata ->> 'operator' AS operator, metadata ->> 'dlq_entry_uuid' AS entry FROM tasker.workflow_step_transitions WHERE from_state = 'in_progress' AND metadata ? 'operator'`,
    )
    expect(moved).toEqual({ to_state: 'enqueued', operator: 'ann', entry })
  })

  it('gets a new message for a step whose message is lost', async () => {
    const taskId = await create('line')
    const entry = await goStale(taskId)
    await bench.rows('TRUNCATE pgmq.q_worker_orders_queue')
    await patch(entry, redrive)
    expect(await runAll(taskId)).toEqual(['a', 'b', 'c'])
  })

  it.each([true, false])('gives a step that failed its attempts back, with retryable %s', async (retryable) => {
    const taskId = await create('line')
    await bench.worker.workUntil(settled(taskId), () => ({ success: false, retryable }))
    expect(await states(taskId)).toEqual(['error', 'pending', 'pending'])
    await bench.rows(
      `SELECT tasker.create_dlq_entry($1, 'orders', 'line', 'blocked_by_failures', 1, 1, 'manual_dlq')`,
      taskId,
    )
    expect((await patch(await entryOf(taskId), redrive)).body.message).toContain('again: 1')
    expect((await orchestrator.steps(taskId))[0]).toMatchObject({ state: 'enqueued', attempts: 0 })
    const attempts: number[] = []
    await bench.worker.workUntil(settled(taskId), (step) => {
      attempts.push(step.attempts)
      return step.name === 'a' && step.attempts < 3 ? { success: false, retryable: true } : { success: true }
    })
    expect(attempts).toEqual([1, 2, 3, 1, 1])
    expect((await orchestrator.progress(taskId)).state).toBe('complete')
    const [audit] = await bench.rows(
      `SELECT count(*)::int AS rows FROM tasker.workflow_step_result_audit a JOIN tasker.workflow_step_transitions w USING (workflow_step_transition_uuid)
        WHERE w.metadata ->> 'operator' = 'ann' AND NOT a.success`,
    )
    expect(audit).toEqual({ rows: 1 })
  })

  it('does not wait for a retry any more', async () => {
    const taskId = await create('pair')
    for (const step of await bench.worker.claim()) {
      await bench.worker.complete(step, { success: false, retryable: true, retryAfter: '3000' })
    }
    await until(async () => (await states(taskId)).every((state) => state === 'waiting_for_retry'))
    await bench.rows(`UPDATE tasker.tasks SET created_at = created_at - interval '2 days'`)
    await patch(await goStale(taskId), redrive)
    expect(await runAll(taskId)).toEqual(['left', 'right'])
  })

  it('leaves a step to the living worker that runs it, and ends with its result', async () => {
    const taskId = await create('pair')
    const [left, right] = await bench.worker.claim()
    if (left === undefined || right === undefined) throw new Error('nothing was claimed')
    const workerId = randomUUID()
    await bench.rows(
      `INSERT INTO stephost.workers (worker_uuid, host, namespaces, notes_claims) VALUES ($1, 'here', '{}', true)`,
      workerId,
    )
    await bench.rows(
      `UPDATE tasker.workflow_step_transitions SET metadata = jsonb_build_object('worker_uuid', $2::text) WHERE workflow_step_uuid = $1 AND most_recent`,
      ...[left.stepId, workerId],
    )
    await bench.rows(`UPDATE tasker.tasks SET created_at = created_at - interval '2 days'`)
    await patch(await goStale(taskId), redrive)
    expect(await states(taskId)).toEqual(['in_progress', 'enqueued'])
    expect(await bench.worker.complete(right, { success: true })).toBe(false)
    expect(await bench.worker.complete(left, { success: true })).toBe(true)
    expect(await runAll(taskId)).toEqual(['right'])
  })
})

describe('a redrive', () => {
  it('happens once, however often it is asked for', async () => {
    const taskId = await create('line')
    const entry = await goStale(taskId)
    const answers = await Promise.all([patch(entry, redrive), patch(entry, redrive), patch(entry, redrive)])
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409])
    expect(answers.find(({ status }) => status === 409)?.body.error).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('pending first'),
    })
    expect(await runAll(taskId)).toEqual(['a', 'b', 'c'])
  })

  it('is refused for a task that is over', async () => {
    const taskId = await create('line')
    const entry = await goStale(taskId)
    await bench.rows(
      `UPDATE tasker.task_transitions SET to_state = 'cancelled' WHERE most_recent AND task_uuid = $1`,
      taskId,
    )
    expect(await patch(entry, redrive)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('cancelled') } },
    })
    const [row] = await bench.rows('SELECT resolution_status FROM tasker.tasks_dlq')
    expect(row).toEqual({ resolution_status: 'pending' })
  })

  it.each([
    [{ redrive: 'yes' }, 422],
    [{ redrive: true, resolution_status: 'cancelled' }, 400],
    [{ redrive: true, metadata: { a: '\u0000' } }, 400],
    [{ redrive: true }, 404],
  ])('of %j is answered with %i, and nothing happens', async (body, status) => {
    const taskId = await create('line')
    const entry = await goStale(taskId)
    expect(await patch(status === 404 ? randomUUID() : entry, body)).toMatchObject({ status })
    expect((await orchestrator.progress(taskId)).state).toBe('error')
  })

  it('is what a note alone does not do: the task stays as it is', async () => {
    const taskId = await create('line')
    const entry = await goStale(taskId)
    expect(await patch(entry, { resolution_status: 'manually_resolved' })).toMatchObject({ status: 200 })
    expect((await orchestrator.progress(taskId)).state).toBe('error')
  })
})
