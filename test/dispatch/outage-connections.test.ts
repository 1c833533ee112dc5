// The server is well, the way to it is not: answers that are cut off, dead peers, killed backends, a pool that is used up.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { allStored, dropped, enqueueMany, type OutageWorker, startOutageWorker, uncounted } from './outage-worker.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'

let steps: StepDatabase
let proxy: TcpProxy
let url: string
const workers: OutageWorker[] = []

beforeAll(async () => {
  steps = await openStepDatabase()
  const behind = new URL(steps.url)
  proxy = new TcpProxy({ host: behind.hostname, port: Number(behind.port) })
  behind.host = `127.0.0.1:${await proxy.start()}`
  url = behind.toString()
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})
afterAll(async () => {
  await proxy.stop()
  await steps.close()
})

async function start(options: Parameters<typeof startOutageWorker>[1] = {}): Promise<OutageWorker> {
  const worker = await startOutageWorker(steps, { url, ...options })
  workers.push(worker)
  return worker
}

describe('the answer of a claim, a completion or a registration is cut off', () => {
  it('of a claim: the step comes back with its attempt, and runs once', async () => {
    const [step] = await enqueueMany(steps, 1)
    if (step === undefined) throw new Error('no step')
    const cut = proxy.cutAnswer({ request: 'claim:shop', answer: step })
    const worker = await start()
    await cut
    await allStored(steps, [step])
    expect(await steps.states(step)).toEqual([
      'pending',
      'enqueued',
      'in_progress',
      'enqueued',
      'in_progress',
      'enqueued_for_orchestration',
    ])
    expect((await steps.row(step)).attempts).toBe(1)
    expect(worker.runs(step)).toBe(1)
    expect(worker.worker.counters).toMatchObject({ claimed: 1, released: 1, completed: 1 })
  })

  it('of a completion: it is stored once, the second try says so, and orchestration is told once', async () => {
    const worker = await start({ handlersWait: true })
    const [step] = await enqueueMany(steps, 1)
    if (step === undefined) throw new Error('no step')
    await eventually('the handler runs', () => worker.worker.running === 1)
    const cut = proxy.cutAnswer({ request: 'complete-steps', answer: step })
    worker.letHandlersEnd()
    await cut
    expect(await steps.state(step)).toBe('enqueued_for_orchestration')
    await eventually('the result is settled', () => worker.worker.counters.completed === 1)
    expect(await steps.states(step)).toEqual(['pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration'])
    const told = `SELECT count(*)::int FROM pgmq.q_orchestration_step_results WHERE message ->> 'step_uuid' = $1`
    expect(await steps.scalar(told, [step])).toBe(1)
    expect(worker.circuits.reports()[1]).toMatchObject({ failures: 1, lastFailure: expect.stringContaining('broke') })
    expect(worker.worker.counters.dropped.refused).toBe(0)
  })

  it('of the registration after a death: the worker registers under one more id, and goes on', async () => {
    const { worker } = await start()
    const first = worker.workerId
    const cut = proxy.cutAnswer({ request: 'register-worker', answer: 'INSERT 0 1' })
    const declare = 'UPDATE stephost.workers SET declared_dead_at = clock_timestamp() WHERE worker_uuid = $1'
    await steps.database.query({ text: declare, values: [first] })
    await cut
    const lost = worker.workerId
    const registered = 'SELECT count(*)::int FROM stephost.workers WHERE worker_uuid = $1'
    expect([lost === first, await steps.scalar(registered, [lost])]).toEqual([false, 1])
    await allStored(steps, await enqueueMany(steps, 1))
    expect([first, lost]).not.toContain(worker.workerId)
  })
})

describe('a dead peer', () => {
  it('is given up after the limits of a statement, and neither the lease nor a step is lost', async () => {
    const leaseMs = 3_000
    const worker = await start({
      ...{ leaseMs, handlersWait: true, concurrentHandlersMax: 8 },
      database: { statementTimeoutMs: 400, answerGraceMs: 100 },
    })
    const ids = await enqueueMany(steps, 4)
    await eventually('the handlers run', () => worker.worker.running === 4)
    const before = worker.worker.workerId
    proxy.silence()
    worker.letHandlersEnd()
    await allStored(steps, ids)
    expect(worker.adapter.seen).toHaveLength(4)
    expect(worker.worker.workerId).toBe(before)
    const dead = 'SELECT declared_dead_at IS NOT NULL FROM stephost.workers WHERE worker_uuid = $1'
    expect(await steps.scalar(dead, [before])).toBe(false)
    const [next] = await enqueueMany(steps, 1)
    await allStored(steps, next === undefined ? [] : [next])
    expect(dropped(worker)).toBe(0)
  })

  it('costs one statement, not one for each idle connection, and does not hold up the end', async () => {
    const database = new Database({
      ...{ url, applicationName: 'silent', connectionsMax: 4, acquireTimeoutMs: 2_000 },
      ...{ statementTimeoutMs: 200, answerGraceMs: 100 },
    })
    await database.start()
    const answers = () => Promise.all([1, 2, 3, 4].map(() => database.query({ text: 'SELECT pg_sleep(0.05)' })))
    await answers()
    expect(database.poolUse).toMatchObject({ idle: 4, active: 0 })
    proxy.silence()
    const lost: unknown = await database.query({ text: 'SELECT 1' }).catch((error: unknown) => error)
    expect(lost).toMatchObject({ code: 'DATABASE_ANSWER_LOST' })
    expect(await answers()).toHaveLength(4)
    await database.stop()
  })

  it('is given up once, however many statements waited for it', async () => {
    const database = new Database({
      ...{ url, applicationName: 'silent', connectionsMax: 2, acquireTimeoutMs: 2_000 },
      statementTimeoutMs: 1_500,
    })
    await database.start()
    const lost = (answerTimeoutMs: number) =>
      expect(database.query({ text: 'SELECT pg_sleep(30)', answerTimeoutMs })).rejects.toMatchObject({
        code: 'DATABASE_ANSWER_LOST',
      })
    const [sooner, later] = [lost(50), lost(1_000)]
    const backend = () => database.query({ text: 'SELECT pg_backend_pid()' })
    await sooner
    const renewed = await backend()
    await later
    expect(await backend()).toEqual(renewed)
    await database.stop()
  })

  it('does not break an end that waits for its statement', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', note)
    const database = new Database({
      ...{ url, applicationName: 'ending', connectionsMax: 1, acquireTimeoutMs: 2_000 },
      ...{ statementTimeoutMs: 200, answerGraceMs: 100 },
    })
    await database.start()
    proxy.silence()
    const query = database.query({ text: 'SELECT 1' }).catch((error: unknown) => error)
    await eventually('it is under way', () => database.poolUse?.active === 1)
    await database.stop()
    expect(await query).toMatchObject({ code: 'DATABASE_ANSWER_LOST' })
    // Node tells of a rejection once the promises of the turn are done.
    await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  it('is given up sooner by a statement that says so', async () => {
    const database = new Database({
      url,
      applicationName: 'hasty',
      connectionsMax: 1,
      acquireTimeoutMs: 2_000,
      statementTimeoutMs: 1_000,
    })
    await database.start()
    const slow = database.query({ text: 'SELECT pg_sleep(30)', answerTimeoutMs: 50 })
    await expect(slow).rejects.toMatchObject({ code: 'DATABASE_ANSWER_LOST' })
    expect(await database.query({ text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }])
    await database.stop()
  })
})

it('kill of every backend, again and again: nothing is lost, and no run is uncounted', async () => {
  await start({ concurrentHandlersMax: 8, prefetchMax: 8 })
  await start({ concurrentHandlersMax: 8, prefetchMax: 8 })
  const ids = await enqueueMany(steps, 60)
  const killed = `SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name IN ('outage worker', 'outage lease')`
  for (let round = 0; round < 8; round += 1) {
    await eventually('a backend is killed', async () => (await steps.scalar<number>(killed)) > 0)
  }
  await allStored(steps, ids)
  expect(await uncounted(steps, ids, workers)).toEqual([])
})

it('a pool that is used up costs time, not the lease', async () => {
  const leaseMs = 1_000
  const worker = await start({ leaseMs, handlersWait: true, database: { acquireTimeoutMs: 1_000, connectionsMax: 2 } })
  const [step] = await enqueueMany(steps, 1)
  if (step === undefined) throw new Error('no step')
  await eventually('the handler runs', () => worker.worker.running === 1)
  const before = worker.worker.workerId
  let letGo = () => {}
  const held = new Promise<void>((resolve) => (letGo = resolve))
  const holders = [1, 2].map(() => eventually('a connection', () => hold(worker.database, held).catch(() => false)))
  await eventually('both are held', () => worker.database.poolUse?.active === 2)
  worker.letHandlersEnd()
  const refusal = 'became free within 1000 ms (limit 2)'
  await eventually('the result waits', () => worker.circuits.reports()[1]?.lastFailure?.includes(refusal))
  await delay(2 * leaseMs)
  expect(await steps.state(step)).toBe('in_progress')
  letGo()
  await Promise.all(holders)
  await allStored(steps, [step])
  expect(worker.worker.workerId).toBe(before)
  expect(worker.database.poolUse?.slowAcquires).toBeGreaterThan(0)
  expect(worker.database.poolUse?.acquireErrors).toBeGreaterThan(0)
})

async function hold(database: Database, until: Promise<void>): Promise<boolean> {
  await database.transaction(() => until)
  return true
}
