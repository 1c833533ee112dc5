// Notifications: results wake the orchestrator, and steps wake workers in the way that each kind of worker understands.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { Listener } from '../../src/postgres/listener.ts'
import { orchestrationStore } from '../../src/postgres/queries/orchestration/orchestration-store.ts'
import { until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let listener: Listener
let orchestrator: Orchestrator
const heard = { orders: 0, everybody: 0 }

beforeAll(async () => {
  bench = await openBench([sketch('wide', { one: {}, two: {}, three: {}, last: { after: ['one', 'two', 'three'] } })])
  listener = new Listener({ url: bench.url, applicationName: 'wake-ups test' })
  await listener.start()
  await listener.listen('pgmq_message_ready.orders', () => {
    heard.orders += 1
  })
  await listener.listen('pgmq_message_ready', () => {
    heard.everybody += 1
  })
  orchestrator = new Orchestrator({
    store: orchestrationStore(bench.database),
    wakeUps: listener,
    onFault: ({ error }) => bench.faults.push(error),
    onWarning: () => {},
    // Long enough that only a wake-up can be what moves a task on.
    timing: { resultPollMs: 600_000, retryPollMs: 600_000 },
  })
  await orchestrator.start()
})
afterAll(async () => {
  await orchestrator.stop()
  await listener.stop()
  await bench.close()
})
beforeEach(async () => {
  await bench.rows('TRUNCATE stephost.workers, pgmq.q_worker_orders_queue')
  Object.assign(heard, { orders: 0, everybody: 0 })
})

async function registerWorker(columns: string, values: string): Promise<void> {
  await bench.rows(
    `INSERT INTO stephost.workers (worker_uuid, host, namespaces, notes_claims${columns}) VALUES (gen_random_uuid(), 'here', '{orders,billing}', true${values})`,
  )
}

/** A notification of our own behind those we count: notifications arrive in order. */
async function afterNotifications(): Promise<void> {
  const { orders, everybody } = heard
  await bench.rows(`SELECT pg_notify('pgmq_message_ready', 'end'), pg_notify('pgmq_message_ready.orders', 'end')`)
  await until(async () => heard.orders > orders && heard.everybody > everybody)
}

describe('wake-ups', () => {
  it('tell foreign workers of every message, on both channels', async () => {
    await orchestrator.createTask(request('wide'))
    await until(async () => heard.orders === 3 && heard.everybody === 3)
  })

  it('tell our own workers once for a whole batch', async () => {
    await registerWorker('', '')
    await orchestrator.createTask(request('wide'))
    await until(async () => heard.orders === 1)
    await afterNotifications()
    expect(heard).toEqual({ orders: 2, everybody: 1 })
    expect(await bench.worker.claim()).toHaveLength(3)
  })

  it.each([
    ['declared dead', ', declared_dead_at', ', now()'],
    ['without a heartbeat', ', heartbeat_at', `, now() - interval '16 seconds'`],
  ])('do not count on workers that are %s', async (_case, columns, values) => {
    await registerWorker(columns, values)
    await orchestrator.createTask(request('wide'))
    await until(async () => heard.orders === 3)
  })

  it('bring a result to the orchestrator without polling', async () => {
    const { taskId } = await orchestrator.createTask(request('wide'))
    for (const step of await bench.worker.claim()) {
      await bench.worker.complete(step, { success: true }, 0)
      await bench.rows(
        `SELECT tasker.pgmq_send_with_notify('orchestration_step_results', jsonb_build_object('step_uuid', $1::text), 0)`,
        step.stepId,
      )
    }
    await until(async () => (await orchestrator.progress(taskId)).steps.at(-1)?.state === 'enqueued')
  })

  it('come for a retry at its own time, not at the poll', async () => {
    const { taskId } = await orchestrator.createTask(request('wide'))
    const [step] = await bench.worker.claim()
    if (step === undefined) throw new Error('no step was enqueued')
    await bench.worker.complete(step, { success: false, retryable: true, retryAfter: '1' }, 0)
    await bench.rows(
      `SELECT tasker.pgmq_send_with_notify('orchestration_step_results', jsonb_build_object('step_uuid', $1::text), 0)`,
      step.stepId,
    )
    const state = async () =>
      (await orchestrator.progress(taskId)).steps.find((one) => one.stepId === step.stepId)?.state
    await until(async () => (await state()) === 'waiting_for_retry')
    await until(async () => (await state()) === 'enqueued')
    expect(bench.faults).toEqual([])
  })
})
