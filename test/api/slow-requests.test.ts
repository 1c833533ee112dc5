// Requests that take longer than the limit, because PostgreSQL makes them wait for a lock: 408, and nothing of them stays behind.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import type { TaskEventSource, TaskWatcher } from '../../src/model/task-events.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'

const faults: unknown[] = []
const watchers: TaskWatcher[] = []
const events: TaskEventSource = {
  watch: (_task, _since, watcher) => {
    watchers.push(watcher)
    return { close: () => {} }
  },
}

let bench: Bench
let orchestrator: Orchestrator
let server: RestServer

beforeAll(async () => {
  bench = await openBench([sketch('single', { one: {} })])
  orchestrator = bench.orchestrator()
  server = orchestratorRest({
    ...{ port: 0, tasks: orchestrator, reads: orchestrationReads(bench.database), events },
    ...{ health: orchestrator, facts: {}, requestTimeoutMs: 150, onFault: (error) => faults.push(error) },
  })
  await server.start()
})
afterAll(async () => {
  await server.stop()
  await bench.close()
  expect(faults).toEqual([])
})

const tooSlow = {
  error: { code: 'TIMEOUT', message: 'The request took too long; what it asks for may still take place' },
}

const body = JSON.stringify({
  ...{ name: 'single', namespace: 'orders', version: '1.0.0', context: { order: 1 } },
  ...{ initiator: 'cli', source_system: 'crm', reason: 'demo' },
})

function post(): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(`${server.address}/v1/tasks`, { method: 'POST', body, headers })
}

/** Nobody else reads or writes tasks meanwhile. */
async function whileTasksAreLocked(work: () => Promise<void>): Promise<void> {
  await bench.database.transaction(async (transaction) => {
    await transaction.query({ text: 'LOCK TABLE tasker.tasks IN ACCESS EXCLUSIVE MODE' })
    await work()
  })
}

/** Statements that wait for the lock. */
async function waiting(): Promise<number> {
  const rows = await bench.rows(
    `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  )
  return Number(rows[0]?.['waiting'])
}

async function expectTooSlow(response: Response): Promise<void> {
  expect(response.status).toBe(408)
  expect(await response.json()).toEqual(tooSlow)
}

describe('a request that PostgreSQL keeps waiting', () => {
  it.each([
    ['a list of tasks', '/v1/tasks'],
    ['a task', '/v1/tasks/00000000-0000-7000-8000-000000000000'],
    ['figures', '/v1/analytics/performance'],
  ])('is answered with 408: %s', async (_what, path) => {
    await whileTasksAreLocked(async () => expectTooSlow(await fetch(`${server.address}${path}`)))
    await eventually('nobody waits any more', async () => (await waiting()) === 0)
    const again = await fetch(`${server.address}${path}`)
    expect(again.status).not.toBe(408)
    await again.text()
  })

  it('may take place all the same: a task is created once, and asking again tells so', async () => {
    await whileTasksAreLocked(async () => expectTooSlow(await post()))
    await eventually('the task is there', async () => (await bench.rows('SELECT FROM tasker.tasks')).length === 1)
    expect((await post()).status).toBe(409)
  })

  it('opens no stream of events that nobody would close', async () => {
    const { taskId } = await orchestrator.createTask(request('single'))
    await whileTasksAreLocked(async () => expectTooSlow(await fetch(`${server.address}/v1/tasks/${taskId}/events`)))
    await eventually('nobody waits any more', async () => (await waiting()) === 0)
    expect((await fetch(`${server.address}/health`)).status).toBe(200)
    expect(watchers).toEqual([])
  })

  it('does not end a stream of events that is older than the limit', async () => {
    const { taskId } = await orchestrator.createTask(request('single'))
    const stream = await fetch(`${server.address}/v1/tasks/${taskId}/events`)
    // Whoever asks later is over the limit already.
    await whileTasksAreLocked(async () => expectTooSlow(await fetch(`${server.address}/v1/tasks`)))
    watchers[0]?.ended('complete')
    expect(await stream.text()).toContain('event: end')
  })
})
