// What a configuration says of the orchestrator's APIs reaches them, in a host as it is started.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { packageVersion } from '../../src/config/package-root.ts'
import { Host } from '../../src/host.ts'
import { Database } from '../../src/postgres/database.ts'
import { orchestrationStore } from '../../src/postgres/queries/orchestration/orchestration-store.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { request, sketch } from '../orchestration/orchestration-bench.ts'

const count = expect.any(Number)

let testDatabase: TestDatabase
let database: Database
let directory: string

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  const limits = { connectionsMax: 2, acquireTimeoutMs: 10_000 }
  database = new Database({ url: testDatabase.url, applicationName: 'api test', ...limits })
  await database.start()
  await orchestrationStore(database).registerTemplates([sketch('single', { one: {} })])
  directory = mkdtempSync(join(tmpdir(), 'stephost-apis-'))
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await database.stop()
  await testDatabase.drop()
})

async function serve(text: string) {
  const file = join(directory, 'site.toml')
  writeFileSync(file, text)
  const environment = { DATABASE_URL: testDatabase.url, TASKER_ORCHESTRATION_WEB_BIND_ADDRESS: '127.0.0.1:0' }
  const say = () => {}
  const errors: object[] = []
  const host = new Host({
    config: loadConfig({
      environment: { ...environment, TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: '127.0.0.1:0' },
      file,
    }),
    log: { info: say, warn: say, error: (details) => errors.push(details), handler: say },
    ...{ handlerRoots: [], databaseUrl: testDatabase.url, strict: false, dataDir: directory },
    parts: { worker: false, orchestrator: true, rest: true },
  })
  onTestFinished(() => host.stop())
  await host.start()
  return {
    tasks: host.tasks,
    errors,
    address: () => host.addresses().orchestrator,
    get: async (path: string) => {
      const response = await fetch(`${host.addresses().orchestrator}${path}`)
      // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
      return { status: response.status, body: (await response.json()) as any }
    },
  }
}

describe('a host with an orchestrator', () => {
  it('shows the depths and the minutes that are configured', async () => {
    const { get } = await serve(
      `[common.queues.pgmq.queue_depth_thresholds]
critical_threshold = 70
overflow_threshold = 80
[orchestration.dlq.staleness_detection.thresholds]
waiting_for_retry_minutes = 9`,
    )
    const { info } = (await get('/health/detailed')).body
    expect(info.limits).toEqual({
      ...{ queue_depth_critical: 70, queue_depth_overflow: 80 },
      stale_after_minutes: { waiting_for_dependencies: 60, waiting_for_retry: 9, steps_in_process: 30 },
    })
  })

  it.each(['/health/ready', '/health/detailed'])(
    'says at %s what Tasker says of itself, and its limits',
    async (path) => {
      const { get } = await serve('[common.database.pool]\nmax_connections = 20')
      const { status, body } = await get(path)
      expect([status, body.status]).toEqual([200, path === '/health/ready' ? 'ready' : 'healthy'])
      const pool = {
        ...{ active_connections: count, idle_connections: count, utilization_percent: count },
        ...{ total_acquires: count, slow_acquires: count, acquire_errors: 0 },
        ...{ average_acquire_time_ms: count, max_acquire_time_ms: count },
      }
      expect(body.info).toEqual({
        ...{ version: packageVersion(), environment: 'development' },
        ...{ operational_state: 'Normal', circuit_breaker_state: 'Closed' },
        ...{ web_database_pool_size: 20, orchestration_database_pool_size: 8 },
        pool_utilization: { tasker_pool: { ...pool, max_connections: 20 }, pgmq_pool: { ...pool, max_connections: 8 } },
        limits: expect.any(Object),
      })
    },
  )

  it('gives every answer the id of its request, and the log with it', async () => {
    const { address, tasks, errors } = await serve('')
    const { taskId } = await tasks.createTask(request('single'))
    const ask = async (path: string, init: RequestInit = {}) => {
      const headers = { ...init.headers, 'x-request-id': `of ${path}`.replaceAll(' ', '-') }
      const response = await fetch(`${address()}${path}`, { ...init, headers })
      await response.body?.cancel()
      expect(response.headers.get('x-request-id')).toBe(headers['x-request-id'])
      return response.status
    }
    expect(await ask('/metrics')).toBe(200)
    expect(await ask(`/v1/tasks/${taskId}/events`)).toBe(200)
    expect(await ask('/nowhere')).toBe(404)
    expect(await ask('/v1/%E0%A4%A')).toBe(400)
    expect(await ask('/v1/tasks', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } })).toBe(415)
    await database.query({ text: 'ALTER TABLE tasker.task_namespaces RENAME TO away' })
    expect(await ask('/v1/tasks')).toBe(500)
    await database.query({ text: 'ALTER TABLE tasker.away RENAME TO task_namespaces' })
    expect(errors).toEqual([{ err: expect.any(Error), request_id: 'of-/v1/tasks' }])
  })

  it('lets no page of another origin do anything', async () => {
    const { address } = await serve('')
    const origin = { origin: 'https://elsewhere.example' }
    const asked = {
      ...origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    }
    const answers = await Promise.all([
      fetch(`${address()}/v1/tasks`, { method: 'OPTIONS', headers: asked }),
      fetch(`${address()}/v1/tasks`, { headers: origin }),
      // What a browser sends without asking: forms' types, or none.
      ...['text/plain', ''].map((type) =>
        fetch(`${address()}/v1/tasks`, { method: 'POST', body: new Blob(['{}'], { type }), headers: origin }),
      ),
    ])
    expect(answers.map(({ status }) => status)).toEqual([404, 200, 415, 415])
    for (const { headers } of answers) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    }
    await Promise.all(answers.map(({ body }) => body?.cancel()))
  })

  it('waits as long as request_timeout_ms says', async () => {
    const { get } = await serve('[orchestration.web]\nrequest_timeout_ms = 100')
    await database.transaction(async (transaction) => {
      await transaction.query({ text: 'LOCK TABLE tasker.tasks IN ACCESS EXCLUSIVE MODE' })
      const response = await get('/v1/tasks')
      expect([response.status, response.body.error.code]).toEqual([408, 'TIMEOUT'])
    })
  })

  it.each([
    ['keeps figures where the cache is on', true, 0],
    ['works figures out anew where it is off', false, 1],
  ])('%s', async (_what, enabled, counted) => {
    const { get, tasks } = await serve(`[common.cache]\nenabled = ${enabled}\nbackend = "moka"`)
    const figures = async () => (await get('/v1/analytics/performance')).body
    const { total_tasks: before } = await figures()
    await tasks.createTask(request('single'))
    expect((await figures()).total_tasks).toBe(before + counted)
  })
})
