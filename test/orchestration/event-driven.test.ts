// An orchestrator without polls (`EventDrivenOnly`): notifications and due times alone bring its looks, and the recovery stands behind them.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { Orchestrator, type OrchestratorTiming } from '../../src/orchestration/orchestrator.ts'
import { Listener } from '../../src/postgres/listener.ts'
import { orchestrationStore } from '../../src/postgres/queries/orchestration/orchestration-store.ts'
import { type FakeOutcome, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

const never = 600_000
const queue = 'pgmq.q_orchestration_step_results'
let bench: Bench
let listener: Listener
const orchestrators: Orchestrator[] = []

beforeAll(async () => {
  bench = await openBench([sketch('single', { one: {} })])
  listener = new Listener({ url: bench.url, applicationName: 'event-driven test' })
  await listener.start()
})
afterEach(async () => {
  await Promise.all(orchestrators.splice(0).map((orchestrator) => orchestrator.stop()))
})
afterAll(async () => {
  await listener.stop()
  await bench.close()
})

async function start(polls: boolean, timing: Partial<OrchestratorTiming>): Promise<Orchestrator> {
  const orchestrator = new Orchestrator({
    ...{ store: orchestrationStore(bench.database), wakeUps: listener, polls },
    onFault: ({ error }) => bench.faults.push(error),
    onWarning: () => {},
    timing: { resultPollMs: 20, retryPollMs: 20, sweepIntervalMs: never, heartbeatMs: 20, ...timing },
  })
  orchestrators.push(orchestrator)
  await orchestrator.start()
  return orchestrator
}

/** Ends the only step of a new task; the message about it notifies nobody. */
async function silentResult(orchestrator: Orchestrator, outcome: FakeOutcome): Promise<string> {
  const { taskId } = await orchestrator.createTask(request('single'))
  const [step] = await bench.worker.claim()
  if (step === undefined) throw new Error('no step was enqueued')
  await bench.worker.complete(step, outcome)
  return taskId
}

const stateOf = async (orchestrator: Orchestrator, taskId: string) =>
  (await orchestrator.progress(taskId)).steps[0]?.state
const notify = () => bench.rows(`SELECT pg_notify('pgmq_message_ready.orchestration', '{}')`)
const left = async () => (await bench.rows(`SELECT msg_id FROM ${queue}`)).length

/** A heartbeat has the interval of the polls, so as many of those would have come. */
async function heartbeats(count: number): Promise<void> {
  const last = async () =>
    JSON.stringify(await bench.rows('SELECT max(heartbeat_at)::text AS at FROM stephost.orchestrators'))
  for (let seen = 0; seen < count; seen += 1) {
    const before = await last()
    await until(async () => (await last()) !== before)
  }
}

it('does not look at results before a notification', async () => {
  const orchestrator = await start(false, {})
  await heartbeats(2)
  const taskId = await silentResult(orchestrator, { success: true })
  await heartbeats(10)
  expect(await left()).toBe(1)
  await notify()
  await until(async () => (await orchestrator.progress(taskId)).state === 'complete')
})

it('looks at them by itself with polls', async () => {
  const orchestrator = await start(true, {})
  await heartbeats(2)
  const taskId = await silentResult(orchestrator, { success: true })
  await until(async () => (await orchestrator.progress(taskId)).state === 'complete')
})

it('wakes a retry when it is due', async () => {
  const orchestrator = await start(false, {})
  const taskId = await silentResult(orchestrator, { success: false, retryable: true, retryAfter: '1' })
  await notify()
  await until(async () => (await stateOf(orchestrator, taskId)) === 'enqueued')
  await bench.worker.claim()
})

it('takes up with its recovery what another one had in hand when it died', async () => {
  const orchestrator = await start(false, { sweepIntervalMs: 40 })
  const done = await silentResult(orchestrator, { success: true })
  await until(async () => (await orchestrator.progress(done)).state === 'complete')
  const waiting = await silentResult(orchestrator, { success: false, retryable: true, retryAfter: '600' })
  await until(async () => (await stateOf(orchestrator, waiting)) === 'waiting_for_retry')
  // As if the wait had been begun elsewhere: nothing here knows its time.
  await bench.rows(`UPDATE tasker.workflow_steps SET backoff_request_seconds = 0 WHERE task_uuid = $1`, waiting)
  await until(async () => (await stateOf(orchestrator, waiting)) === 'enqueued')
  await bench.worker.claim()
})

it('looks again after a look that failed', async () => {
  await start(false, {})
  await heartbeats(2)
  await bench.rows(`SELECT pgmq.send('orchestration_step_results', '{}')`)
  await bench.rows(`ALTER TABLE ${queue} RENAME TO away`)
  await notify()
  await until(async () => bench.faults.length > 0)
  await bench.rows(`ALTER TABLE pgmq.away RENAME TO q_orchestration_step_results`)
  await until(async () => (await left()) === 0)
  bench.faults.length = 0
})
