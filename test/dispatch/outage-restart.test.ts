// PostgreSQL is stopped, replaced, read-only or full of others' connections while handlers run: results wait, and no step runs twice.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { HostError } from '../../src/model/host-error.ts'
import { Database } from '../../src/postgres/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OwnServer, openOwnServer } from '../fixtures/own-server.ts'
import { allStored, dropped, enqueueMany, type OutageWorker, startOutageWorker, uncounted } from './outage-worker.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'

const leaseMs = 1_000
const connectionsMax = 40
let server: OwnServer
let steps: StepDatabase
const workers: OutageWorker[] = []

beforeAll(async () => {
  server = await openOwnServer({ max_connections: String(connectionsMax) })
  steps = await openStepDatabase({}, { url: server.url, drop: async () => {} })
}, 120_000)
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})
afterAll(async () => {
  await steps.close()
  await server.end()
}, 60_000)

async function start(options: Parameters<typeof startOutageWorker>[1] = {}): Promise<OutageWorker> {
  const worker = await startOutageWorker(steps, { leaseMs, ...options })
  workers.push(worker)
  return worker
}

function running(): number {
  return workers.reduce((sum, { worker }) => sum + worker.running, 0)
}

function states(worker: OutageWorker): string[] {
  return worker.circuits.reports().map(({ state }) => state)
}

describe('PostgreSQL', () => {
  it('PostgreSQL away for 3 leases with 50 handlers running: none runs twice', async () => {
    await start({ concurrentHandlersMax: 25, handlersWait: true })
    await start({ concurrentHandlersMax: 25, handlersWait: true })
    const ids = await enqueueMany(steps, 50)
    await eventually('50 handlers run', () => running() === 50, 20_000)
    const idle = await start()
    await server.stop('fast')
    await delay(leaseMs)
    for (const worker of workers) worker.letHandlersEnd()
    await eventually('the handlers have finished', () => running() === 0)
    await eventually('circuits have opened', () =>
      workers.every(({ circuits }) => circuits.reports().some(({ opened }) => opened > 0)),
    )
    await delay(2 * leaseMs)
    expect(workers.map(({ worker }) => worker.counters.completed)).toEqual([0, 0, 0])
    await server.start()
    await allStored(steps, ids)
    await eventually('circuits are closed', () =>
      workers.every((one) => states(one).every((state) => state === 'closed')),
    )
    for (const id of ids) expect((await steps.row(id)).attempts).toBe(1)
    expect(workers.flatMap(({ adapter }) => adapter.seen)).toHaveLength(50)
    expect(idle.adapter.seen).toEqual([])
    expect(workers.map(dropped)).toEqual([0, 0, 0])
    expect(await steps.scalar('SELECT count(*)::int FROM stephost.workers WHERE declared_dead_at IS NOT NULL')).toBe(0)
  }, 90_000)

  it('makes no call while a circuit is open', async () => {
    const worker = await start()
    await server.stop('fast')
    const claims = () => worker.circuits.reports()[0]
    await eventually('the circuit is open', () => claims()?.state === 'open')
    const before = claims()
    await eventually('calls were refused', () => (claims()?.refused ?? 0) >= (before?.refused ?? 0) + 2)
    const after = claims()
    // Each time it opened one single call had tried.
    expect((after?.calls ?? 0) - (before?.calls ?? 0)).toBeLessThanOrEqual(
      (after?.opened ?? 0) - (before?.opened ?? 0) + 1,
    )
    await server.start()
    const [id] = await enqueueMany(steps, 1)
    await allStored(steps, id === undefined ? [] : [id])
  }, 60_000)

  it.each(['fast', 'immediate'] as const)(
    'restart (%s) under load loses nothing',
    async (how) => {
      await start({ concurrentHandlersMax: 8, prefetchMax: 8 })
      await start({ concurrentHandlersMax: 8, prefetchMax: 8 })
      const ids = await enqueueMany(steps, 40)
      await eventually('some are done', () => workers.some(({ worker }) => worker.counters.completed > 0))
      await server.stop(how)
      await server.start()
      const more = await enqueueMany(steps, 10).catch(() => enqueueMany(steps, 10))
      await allStored(steps, [...ids, ...more])
      expect(await uncounted(steps, [...ids, ...more], workers)).toEqual([])
    },
    90_000,
  )

  it('read-only: results wait, and a new connection finds the server that takes writes', async () => {
    const worker = await start({ handlersWait: true })
    const ids = await enqueueMany(steps, 4)
    await eventually('the handlers run', () => worker.worker.running === 4)
    await server.sql('ALTER SYSTEM SET default_transaction_read_only = on')
    await server.sql('SELECT pg_reload_conf()')
    worker.letHandlersEnd()
    const completions = () => worker.circuits.reports()[1]
    await eventually('completions were refused', () => (completions()?.opened ?? 0) > 0)
    expect(completions()?.lastFailure).toMatch(/takes no work: .*read-only transaction \(SQLSTATE 25006\)/)
    expect(worker.worker.counters.completed).toBe(0)
    await server.sql('ALTER SYSTEM RESET default_transaction_read_only')
    await server.sql('SELECT pg_reload_conf()')
    await allStored(steps, ids)
    expect(worker.adapter.seen).toHaveLength(4)
  }, 60_000)

  it('all connections taken by others: results wait, and the lease is kept', async () => {
    const worker = await start({ handlersWait: true, concurrentHandlersMax: 8, database: { acquireTimeoutMs: 2_000 } })
    const ids = await enqueueMany(steps, 4)
    await eventually('the handlers run', () => worker.worker.running === 4)
    const others = new OtherClients(server.url)
    await others.takeAll()
    await eventually('the worker is refused', async () => {
      await others.terminate('outage worker')
      await others.takeAll()
      return worker.circuits.reports()[0]?.lastFailure?.includes('53300')
    })
    worker.letHandlersEnd()
    for (let lease = 0; lease < 2; lease += 1) {
      await delay(leaseMs)
      await others.takeAll()
    }
    await others.leave()
    await allStored(steps, ids)
    expect(worker.adapter.seen).toHaveLength(4)
    expect(dropped(worker)).toBe(0)
  }, 60_000)
})

/** Take every connection that the server has left. */
class OtherClients {
  readonly #url: string
  readonly #all: Database[] = []

  constructor(url: string) {
    this.#url = url
  }

  async takeAll(): Promise<void> {
    for (;;) {
      const one = new Database({ url: this.#url, applicationName: 'other', connectionsMax: 1, acquireTimeoutMs: 5_000 })
      const taken = await one.start().then(
        () => true,
        () => false,
      )
      if (!taken) return
      this.#all.push(one)
    }
  }

  async terminate(applicationName: string): Promise<void> {
    await this.#all[0]?.query({
      text: 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
      values: [applicationName],
    })
  }

  async leave(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.stop()))
  }
}

it('says which fault it was', async () => {
  const database = new Database({
    url: server.url,
    applicationName: 'faults',
    connectionsMax: 1,
    acquireTimeoutMs: 5_000,
  })
  await database.start()
  const fault = (text: string) => database.query({ text }).catch((error: unknown) => error)
  expect(await fault('SELECT pg_terminate_backend(pg_backend_pid())')).toMatchObject({ code: 'DATABASE_ANSWER_LOST' })
  const readOnly = database.transaction(async (q) => {
    await q.query({ text: 'SET TRANSACTION READ ONLY' })
    await q.query({ text: 'DELETE FROM tasker.tasks' })
  })
  await expect(readOnly).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  const lost = database.transaction((q) => q.query({ text: 'SELECT pg_terminate_backend(pg_backend_pid())' }))
  await expect(lost).rejects.toBeInstanceOf(HostError)
  await expect(lost).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  await database.stop()
})
