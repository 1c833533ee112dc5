// What the orchestrator's REST API lists, counts and keeps: over real HTTP and a real database.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { authOff } from '../../src/model/auth.ts'
import type { TaskView } from '../../src/model/task.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'
import { noneInAnyState } from './state-counters.ts'

const noEvents = { watch: () => null }

let bench: Bench
let orchestrator: Orchestrator
let server: RestServer
let waiting: TaskView
let done: TaskView
let blocked: TaskView
const faults: unknown[] = []
const nobody = '00000000-0000-7000-8000-000000000000'
const keys = ['tasks:*', 'steps:read', 'dlq:*', 'templates:read', 'system:*']

beforeAll(async () => {
  bench = await openBench([
    sketch('pair', { one: {}, two: { after: ['one'] } }),
    sketch('other', { one: { type: 'decision' }, two: { after: ['one'] } }, { version: '2.1.0' }),
  ])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
  const settled = async (id: string) => settledTaskStates.has((await orchestrator.progress(id)).state)
  const task = (changes = {}) => orchestrator.createTask(request('pair', changes))
  done = await task({ initiator: 'cli' })
  await bench.worker.workUntil(
    () => settled(done.taskId),
    (step) => ({ success: true, result: { ran: step.name } }),
  )
  blocked = await task({ sourceSystem: 'crm' })
  await bench.worker.workUntil(
    () => settled(blocked.taskId),
    () => ({ success: false, retryable: false, message: 'no' }),
  )
  waiting = await task({ initiator: 'cli' })
  server = orchestratorRest({
    port: 0,
    ...{ tasks: orchestrator, reads: orchestrationReads(bench.database), events: noEvents, health: orchestrator },
    facts: { version: '0.1.0', environment: 'test' },
    onFault: (error) => faults.push(error),
    poolUse: () => ({ active: 9, idle: 1, max: 10 }),
    config: {
      ...{ environment: 'test', version: '0.1.0', connectionsMax: 10, deploymentMode: 'Hybrid' },
      circuitBreakers: { failureThreshold: 5, timeoutSeconds: 30, successThreshold: 2 },
      messaging: { backend: 'pgmq', queues: ['orchestration_step_results'] },
    },
    auth: { ...authOff, enabled: true, apiKeys: [{ key: 'k', permissions: keys, description: 'all' }] },
  })
  await server.start()
})
afterAll(async () => {
  await server.stop()
  await bench.close()
  expect(faults).toEqual([])
})

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
  readonly body: any
  readonly headers: Headers
}

async function get(path: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { 'x-api-key': 'k', ...(init.body === undefined ? {} : { 'content-type': 'application/json' }) }
  const response = await fetch(`${server.address}${path}`, { headers, ...init })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers }
}

const ids = ({ body }: Answer): string[] => body.tasks.map((task: { task_uuid: string }) => task.task_uuid)

describe('GET /v1/tasks', () => {
  it('pages through tasks, newest first, without steps', async () => {
    const first = await get('/v1/tasks?per_page=2')
    expect(ids(first)).toEqual([waiting.taskId, blocked.taskId])
    expect(first.body.pagination).toEqual({
      ...{ page: 1, per_page: 2, total_count: 3, total_pages: 2, has_next: true, has_previous: false },
    })
    const second = await get('/v1/tasks?per_page=2&page=2')
    expect(ids(second)).toEqual([done.taskId])
    expect(second.body.pagination).toMatchObject({ has_next: false, has_previous: true })
    expect(second.body.tasks[0]).toMatchObject({ status: 'completed', completed_steps: 2, steps: [], context: {} })
    expect((await get('/v1/tasks?page=9')).body).toMatchObject({ tasks: [], pagination: { total_count: 3 } })
  })

  it('filters by everything that is documented, and by state', async () => {
    const chosen = async (query: string) => ids(await get(`/v1/tasks?${query}`))
    expect(await chosen('status=completed')).toEqual([done.taskId])
    expect(await chosen('status=pending')).toEqual([waiting.taskId, blocked.taskId])
    expect(await chosen('status=blocked_by_failures')).toEqual([blocked.taskId])
    expect(await chosen('status=processing')).toEqual([waiting.taskId])
    expect(await chosen('status=all_complete')).toEqual([done.taskId])
    expect(await chosen('initiator=cli&status=pending')).toEqual([waiting.taskId])
    expect(await chosen('source_system=crm')).toEqual([blocked.taskId])
    expect(await chosen('namespace=orders&per_page=1')).toEqual([waiting.taskId])
    expect(await chosen('namespace=nowhere')).toEqual([])
  })

  it.each([
    ['page=0', 'page must be an integer from 1'],
    ['page=1.5', 'page must be'],
    ['per_page=101', 'per_page must be an integer from 1 to 100'],
    ['per_page=-1', 'per_page must be'],
    ['per_page=', 'per_page must be'],
    ['page=1&page=2', 'page was sent more than once'],
    ['status=fine', 'status must be one of completed'],
    ['namspace=orders', 'Unknown query parameter "namspace"; known: page'],
    ['namespace=%00', 'namespace holds characters'],
  ])('refuses ?%s', async (query, said) => {
    const { status, body } = await get(`/v1/tasks?${query}`)
    expect([status, body.error.code]).toEqual([400, 'BAD_REQUEST'])
    expect(body.error.message).toContain(said)
  })
})

describe('one task and its steps', () => {
  it('sums a task up', async () => {
    const { body } = await get(`/v1/tasks/${blocked.taskId}/summary`)
    expect(body).toMatchObject({
      task: { task_uuid: blocked.taskId, status: 'blocked_by_failures', failed_steps: 1, health_status: 'blocked' },
      template: {
        steps: [
          { name: 'one', step_type: 'standard', handler: 'one_handler', dependencies: [] },
          { name: 'two', dependencies: ['one'], retryable: true, max_attempts: 3 },
        ],
      },
      dlq: { in_dlq: false, dlq_reason: null, resolution_status: null },
      links: { task: `/v1/tasks/${blocked.taskId}`, dlq: '/v1/dlq' },
    })
    expect(body.steps[0]).toMatchObject({ name: 'one', current_state: 'error', error: { retryable: false } })
    expect(body.steps[1].error).toBeNull()
    await bench.rows('UPDATE tasker.tasks SET reason = NULL WHERE task_uuid = $1', done.taskId)
    expect((await get(`/v1/tasks/${done.taskId}/summary`)).body.task).toMatchObject({ initiator: 'cli', reason: '' })
    expect((await get(`/v1/tasks/${done.taskId}`)).body.reason).toBe('unknown')
    expect((await get(`/v1/tasks/${nobody}/summary`)).status).toBe(404)
    expect((await get('/v1/tasks/x/summary')).body.error.code).toBe('INVALID_UUID')
  })

  it('shows one step with its own readiness, and its audit', async () => {
    const [one, two] = (await get(`/v1/tasks/${done.taskId}/workflow_steps`)).body
    const path = `/v1/tasks/${done.taskId}/workflow_steps/${two.step_uuid}`
    expect((await get(path)).body).toEqual(two)
    expect(two).toMatchObject({ dependencies_satisfied: true, completed_parents: 1 })
    const { body: audit } = await get(`${path}/audit`)
    expect(audit).toEqual([
      {
        ...{ audit_uuid: expect.any(String), workflow_step_uuid: two.step_uuid, transition_uuid: expect.any(String) },
        ...{ task_uuid: done.taskId, recorded_at: expect.stringMatching(/Z$/), success: true, step_name: 'two' },
        ...{ from_state: 'in_progress', to_state: 'enqueued_for_orchestration' },
      },
    ])
    expect((await get(`/v1/tasks/${done.taskId}/workflow_steps/${one.step_uuid}/audit`)).body).toHaveLength(1)
  })

  it('answers for steps that are not there or elsewhere', async () => {
    const step = waiting.steps[0]?.stepId
    const elsewhere = await get(`/v1/tasks/${done.taskId}/workflow_steps/${step}`)
    const said = 'Step does not belong to the specified task'
    expect([elsewhere.status, elsewhere.body.error]).toEqual([404, { code: 'NOT_FOUND', message: said }])
    for (const tail of ['', '/audit']) {
      expect((await get(`/v1/tasks/${done.taskId}/workflow_steps/${nobody}${tail}`)).status).toBe(404)
      expect((await get(`/v1/tasks/${done.taskId}/workflow_steps/17${tail}`)).body.error.code).toBe('INVALID_UUID')
    }
  })
})

describe('templates', () => {
  it('lists them by namespace', async () => {
    const { body } = await get('/v1/templates')
    expect(body).toEqual({
      namespaces: [{ name: 'orders', description: expect.anything(), template_count: 2 }],
      templates: [
        { name: 'other', namespace: 'orders', version: '2.1.0', description: null, step_count: 2 },
        { name: 'pair', namespace: 'orders', version: '1.0.0', description: null, step_count: 2 },
      ],
      total_count: 2,
    })
    expect((await get('/v1/templates?namespace=x')).body).toMatchObject({ templates: [], total_count: 2 })
    expect((await get('/v1/templates?name=x')).status).toBe(400)
  })

  it('shows one', async () => {
    expect((await get('/v1/templates/orders/pair/1.0.0')).body).toMatchObject({
      ...{ name: 'pair', namespace: 'orders', version: '1.0.0', configuration: null },
      steps: [{ name: 'one', default_retryable: true, default_max_attempts: 3, result_schema: null }, { name: 'two' }],
    })
    const { status, body } = await get('/v1/templates/orders/pair/9.0.0')
    expect([status, body.error.message]).toEqual([404, 'Template not found: orders/pair/9.0.0'])
  })
})

describe('analytics', () => {
  it('counts what ran', async () => {
    const { body } = await get('/v1/analytics/performance')
    expect(body).toMatchObject({
      ...{ total_tasks: 3, active_tasks: 2, completed_tasks: 1, failed_tasks: 1, completion_rate: 33.33 },
      ...{ error_rate: 33.33, tasks_per_hour: 3, steps_per_hour: 2, system_health_score: 0.6667 },
      ...{ analysis_period_start: expect.stringMatching(/Z$/), calculated_at: expect.stringMatching(/Z$/) },
    })
    expect(body.average_step_duration_seconds).toBeGreaterThanOrEqual(0)
    expect((await get('/v1/analytics/performance?hours=0')).status).toBe(400)
  })

  it('names what is slow, fails and is full', async () => {
    const { body } = await get('/v1/analytics/bottlenecks?min_executions=2')
    expect(body.slow_steps).toEqual([
      expect.objectContaining({ step_name: 'one', execution_count: 2, error_rate: 0.5 }),
    ])
    expect(body.slow_tasks).toEqual([expect.objectContaining({ task_name: 'pair', average_step_count: 1.5 })])
    expect(body.resource_utilization).toEqual({
      database_pool_utilization: 0.9,
      system_health: {
        ...noneInAnyState,
        ...{ complete_tasks: 1, blocked_by_failures_tasks: 1, steps_in_process_tasks: 1, total_tasks: 3 },
        ...{ complete_steps: 2, error_steps: 1, enqueued_steps: 1, pending_steps: 2, total_steps: 6 },
      },
    })
    expect(body.recommendations).toEqual([
      expect.stringContaining('Step one of pair fails in 50 %'),
      expect.stringContaining('90 % of the database connections'),
    ])
    expect((await get('/v1/analytics/bottlenecks')).body).toMatchObject({ slow_steps: [], slow_tasks: [] })
  })
})

describe('dead letters', () => {
  const change = (id: string, body: unknown) =>
    get(`/v1/dlq/entry/${id}`, { method: 'PATCH', body: typeof body === 'string' ? body : JSON.stringify(body) })

  it('lists, counts, and notes down what an investigation found', async () => {
    await bench.rows(`SELECT tasker.create_dlq_entry($1, 'orders', 'pair', 'steps_in_process', 40, 30)`, waiting.taskId)
    const { body: entries } = await get('/v1/dlq')
    expect(entries).toEqual([
      expect.objectContaining({
        ...{ task_uuid: waiting.taskId, original_state: 'steps_in_process', dlq_reason: 'StalenessTimeout' },
        ...{ resolution_status: 'Pending', resolved_by: null, dlq_timestamp: expect.not.stringMatching(/Z$/) },
      }),
    ])
    const [{ dlq_entry_uuid: entry }] = entries
    expect((await get(`/v1/dlq/task/${waiting.taskId}`)).body).toEqual(entries[0])
    expect((await get('/v1/dlq/investigation-queue')).body).toEqual([
      expect.objectContaining({ dlq_entry_uuid: entry, current_state: 'steps_in_process', namespace_name: 'orders' }),
    ])
    expect((await get(`/v1/tasks/${waiting.taskId}/summary`)).body.dlq).toMatchObject({ in_dlq: true })
    const resolved = { resolution_status: 'ManuallyResolved', resolution_notes: 'it was the disk', resolved_by: 'me' }
    const answer = await change(entry, `{"metadata":{"ticket":90071992547409930},${JSON.stringify(resolved).slice(1)}`)
    expect(answer.body).toEqual({ success: true, message: expect.any(String), dlq_entry_uuid: entry })
    const [after] = (await get('/v1/dlq?resolution_status=manually_resolved')).body
    expect(after).toMatchObject({ ...resolved, resolution_timestamp: expect.any(String) })
    const [row] = await bench.rows('SELECT metadata::text AS m FROM tasker.tasks_dlq')
    expect(row?.['m']).toContain('"ticket": 90071992547409930')
    expect(row?.['m']).toContain('automatic_staleness')
    expect((await get('/v1/dlq?resolution_status=Pending')).body).toEqual([])
    expect((await get('/v1/dlq/stats')).body).toEqual([
      expect.objectContaining({ dlq_reason: 'StalenessTimeout', total_entries: 1, manually_resolved: 1, pending: 0 }),
    ])
    await bench.rows(`SELECT tasker.create_dlq_entry($1, 'orders', 'pair', 'error', 1, 1)`, waiting.taskId)
    expect(await change(entry, { resolution_status: 'pending' })).toMatchObject({ status: 409 })
  })

  it.each([
    ['{', 400, 'JSON_ERROR'],
    ['[]', 422, 'UNPROCESSABLE_ENTITY'],
    ['{"resolution_status":"fine"}', 422, 'UNPROCESSABLE_ENTITY'],
    ['{"resolved_by":5}', 422, 'UNPROCESSABLE_ENTITY'],
    ['{"metadata":[]}', 422, 'UNPROCESSABLE_ENTITY'],
    ['{"metadata":{"a":"\\u0000"}}', 400, 'BAD_REQUEST'],
    [`{"resolved_by":"${'x'.repeat(256)}"}`, 400, 'BAD_REQUEST'],
    ['{}', 404, 'NOT_FOUND'],
  ])('answers a change of %j with %i', async (body, status, code) => {
    const answer = await change(nobody, body)
    expect([answer.status, answer.body.error.code]).toEqual([status, code])
  })

  it('answers for what is not there', async () => {
    expect((await get(`/v1/dlq/task/${nobody}`)).status).toBe(404)
    expect((await get('/v1/dlq/task/17')).body.error.code).toBe('INVALID_UUID')
    expect((await change('17', {})).body.error.code).toBe('INVALID_UUID')
    expect((await get('/v1/dlq?resolution_status=fine')).body.error.message).toContain('manually_resolved')
    expect((await get('/v1/dlq?limit=0')).status).toBe(400)
    expect((await get('/v1/dlq/stats?x=1')).status).toBe(400)
  })

  it('says how near tasks are to their limit', async () => {
    await bench.rows(
      `UPDATE tasker.task_transitions SET created_at = now() - interval '25 minutes' WHERE task_uuid = $1 AND most_recent`,
      waiting.taskId,
    )
    expect((await get('/v1/dlq/staleness')).body).toEqual([
      expect.objectContaining({
        ...{ task_uuid: waiting.taskId, current_state: 'steps_in_process', time_in_state_minutes: 25 },
        ...{ staleness_threshold_minutes: 30, health_status: 'warning' },
      }),
    ])
  })
})

describe('the server itself', () => {
  it('shows metrics as Prometheus text, to everybody', async () => {
    const response = await fetch(`${server.address}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    const text = await response.text()
    for (const line of ['tasker_orchestration_running 1', 'tasker_db_pool_connections{state="active"} 9']) {
      expect(text).toContain(line)
    }
    expect(text).toContain('tasker_orchestration_info{version="0.1.0"} 1')
  })

  it('shows its configuration without secrets', async () => {
    const { body } = await get('/config')
    expect(body).toMatchObject({
      metadata: { environment: 'test', version: '0.1.0' },
      auth: { enabled: true, api_key_count: 1, api_key_header: 'X-API-Key', allowed_algorithms: ['RS256'] },
      circuit_breakers: { enabled: true, failure_threshold: 5 },
      ...{ deployment_mode: 'Hybrid', messaging: { backend: 'pgmq' } },
    })
    expect(Object.keys(body)).toHaveLength(6)
  })

  it('asks for a permission on every route below /v1 and on /config, and describes each', async () => {
    const { body: document } = await get('/api-docs/openapi.json', { headers: {} })
    const routes = Object.entries(document.paths as Record<string, Record<string, Record<string, unknown>>>).flatMap(
      ([path, methods]) => Object.entries(methods).map(([method, about]) => ({ path, method, about })),
    )
    const guarded = routes.filter(({ path }) => path.startsWith('/v1/') || path === '/config')
    expect(guarded.length).toBeGreaterThan(15)
    for (const { path, method, about } of guarded) {
      expect(about['x-required-permission'], `${method} ${path}`).toEqual(expect.any(String))
      const url = `${server.address}${path.replaceAll(/\{\w+\}/g, nobody)}`
      expect((await fetch(url, { method: method.toUpperCase() })).status, `${method} ${path}`).toBe(401)
    }
  })

  it('is described by the document that is checked in (UPDATE_OPENAPI=1 writes it)', async () => {
    const { body: document } = await get('/api-docs/openapi.json')
    const file = 'proto/openapi/orchestration.json'
    if (process.env['UPDATE_OPENAPI'] === '1') {
      const { writeFileSync, mkdirSync } = await import('node:fs')
      mkdirSync('proto/openapi', { recursive: true })
      writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`)
    }
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(document)
  })

  it('turns new tasks away while too many results wait', async () => {
    const full = { ...orchestrationReads(bench.database), queueDepth: async () => 10_000 }
    const busy = orchestratorRest({
      ...{
        port: 0,
        tasks: orchestrator,
        reads: full,
        events: noEvents,
        health: orchestrator,
        facts: {},
        onFault: () => {},
      },
    })
    await busy.start()
    try {
      const labels = { initiator: 'i', source_system: 's', reason: 'r' }
      const body = JSON.stringify({
        name: 'pair',
        namespace: 'orders',
        version: '1.0.0',
        context: { busy: 1 },
        ...labels,
      })
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${busy.address}/v1/tasks`, { method: 'POST', body, headers })
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '60'])
      const refused = { code: 'BACKPRESSURE', message: expect.any(String), retry_after_seconds: 60 }
      expect(await response.json()).toEqual({ error: refused })
    } finally {
      await busy.stop()
    }
  })
})
