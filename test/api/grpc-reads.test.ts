// TemplateService, AnalyticsService, DlqService and ConfigService over real gRPC: what REST reads and notes down, as messages.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GrpcServer } from '../../src/api/grpc/grpc-server.ts'
import { type OrchestratorGrpcOptions, orchestratorGrpc } from '../../src/api/grpc/orchestrator-grpc.ts'
import { authOff } from '../../src/model/auth.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import { GrpcClient } from './grpc-client.ts'
import { GrpcStand } from './grpc-stand.ts'
import { noneInAnyState } from './state-counters.ts'

let stand: GrpcStand
let address: string
const servers: GrpcServer[] = []
const nowhere = '00000000-0000-7000-8000-000000000000'
const config = {
  ...{ environment: 'test', version: '0.1.0', connectionsMax: 10, deploymentMode: 'Hybrid' },
  circuitBreakers: { failureThreshold: 5, timeoutSeconds: 2.5, successThreshold: 2 },
  messaging: { backend: 'pgmq', queues: ['orchestration_step_results'] },
}
const keys = [
  { key: 'all-key-0123456789', permissions: ['templates:read', 'system:*', 'dlq:*'], description: 'all' },
  { key: 'task-key-0123456789', permissions: ['tasks:*'], description: 'tasks' },
]

beforeAll(async () => {
  stand = await GrpcStand.open()
  address = await serve({})
})
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  await stand.close()
  expect(stand.faults).toEqual([])
})

async function serve(changes: Partial<OrchestratorGrpcOptions>): Promise<string> {
  const server = orchestratorGrpc({
    ...{ ...stand.options(), config, redrives: stand.orchestrator },
    poolUse: () => ({ active: 9, idle: 1, max: 10 }),
    ...changes,
  })
  await server.start()
  servers.push(server)
  return server.address ?? ''
}

const client = (service: string) => GrpcClient.open(address, service)

/** A task that fails for good. */
async function blockedTask(): Promise<string> {
  const { taskId } = await stand.newTask()
  await stand.bench.worker.workUntil(
    async () => settledTaskStates.has((await stand.orchestrator.progress(taskId)).state),
    () => ({ success: false, retryable: false, message: 'no' }),
  )
  return taskId
}

const deadLetter = (taskId: string) =>
  stand.bench.rows(`SELECT tasker.create_dlq_entry($1, 'orders', 'pair', 'steps_in_process', 40, 30)`, taskId)

const aTime = { seconds: expect.any(Number), nanos: expect.any(Number) }

describe('TemplateService', () => {
  it('lists templates, of one namespace too, and shows one', async () => {
    const templates = await client('TemplateService')
    const all = await templates.call('ListTemplates')
    expect(all).toMatchObject({
      namespaces: [{ name: 'orders', template_count: 1 }],
      templates: [{ name: 'pair', namespace: 'orders', version: '1.0.0', step_count: 2 }],
      total_count: 1,
    })
    const none = await templates.call('ListTemplates', { namespace: 'x' })
    expect([none.templates ?? [], none.total_count]).toEqual([[], 1])
    const one = await templates.call('GetTemplate', { namespace: 'orders', name: 'pair', version: '1.0.0' })
    expect(one).toMatchObject({ name: 'pair', steps: [{ name: 'one', default_retryable: true }, { name: 'two' }] })
    expect(await templates.refused('GetTemplate', { namespace: 'orders', name: 'pair', version: '9' })).toMatchObject({
      ...{ code: 'NOT_FOUND', details: 'Template not found: orders/pair/9' },
    })
  })

  it('shows the schema of a result with its exact numbers', async () => {
    const step = '{"name":"one","handler":{"callable":"a"},"result_schema":{"maximum":90071992547409930}}'
    const configuration = `{"name":"exact","namespace_name":"orders","version":"1.0.0","steps":[${step}]}` as JsonText
    const about = { namespace: 'orders', name: 'exact', version: '1.0.0' }
    await stand.bench.store.registerTemplates([
      { ...about, description: 'of numbers', steps: [], inputSchema: null, configuration },
    ])
    const { description, steps } = await (await client('TemplateService')).call('GetTemplate', about)
    expect(description).toBe('of numbers')
    expect(steps[0].result_schema_json).toContain('90071992547409930')
    expect(steps[0].default_max_attempts).toBe(3)
  })
})

describe('AnalyticsService', () => {
  it('counts what ran and names what is slow', async () => {
    await blockedTask()
    const analytics = await client('AnalyticsService')
    const figures = await analytics.call('GetPerformanceMetrics', { hours: 2 })
    const rest = JSON.parse(await stand.options().reads.performance(2))
    const { analysis_period_start, calculated_at, ...numbers } = figures
    expect([analysis_period_start, calculated_at]).toEqual([aTime, aTime])
    expect(calculated_at.seconds - analysis_period_start.seconds).toBe(7200)
    const { analysis_period_start: _, calculated_at: __, ...expected } = rest
    expect(numbers).toEqual(expected)
    expect(numbers.failed_tasks).toBeGreaterThan(0)
    const slow = await analytics.call('GetBottleneckAnalysis', { min_executions: 1, limit: 1 })
    expect(slow.slow_steps).toEqual([expect.objectContaining({ step_name: 'one', last_executed_at: aTime })])
    expect(slow.slow_tasks).toEqual([expect.objectContaining({ task_name: 'pair', average_step_count: 1 })])
    expect(slow.resource_utilization.database_pool_utilization).toBe(0.9)
    expect(slow.resource_utilization.system_health).toMatchObject({ waiting_for_retry_tasks: 0, in_progress_steps: 0 })
    expect(slow.resource_utilization.system_health.error_steps).toBeGreaterThan(0)
    expect(Object.keys(slow.resource_utilization.system_health).sort()).toEqual(Object.keys(noneInAnyState).sort())
    expect(slow.recommendations).toContainEqual(expect.stringContaining('90 % of the database connections'))
  })

  it('refuses what REST refuses', async () => {
    const analytics = await client('AnalyticsService')
    expect(await analytics.refused('GetPerformanceMetrics', { hours: 0 })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: expect.stringContaining('hours must be an integer from 1'),
    })
    expect(await analytics.refused('GetBottleneckAnalysis', { limit: -1 })).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('DlqService', () => {
  it('lists entries, and notes down what an investigation found', async () => {
    const dlq = await client('DlqService')
    const { taskId: task_uuid } = await stand.newTask()
    await deadLetter(task_uuid)
    const { entries } = await dlq.call('ListEntries', { resolution_status: 'DLQ_RESOLUTION_STATUS_PENDING' })
    const entry = entries.find((each: { task_uuid: string }) => each.task_uuid === task_uuid)
    expect(entry).toMatchObject({
      ...{ dlq_reason: 'DLQ_REASON_STALENESS_TIMEOUT', resolution_status: 'DLQ_RESOLUTION_STATUS_PENDING' },
      ...{ original_state: 'steps_in_process', dlq_timestamp: aTime, created_at: aTime },
      task_snapshot: { fields: expect.any(Object) },
    })
    expect(entry.resolution_timestamp).toBeUndefined()
    expect(await dlq.call('GetEntryByTask', { task_uuid })).toEqual(entry)
    const queue = await dlq.call('GetInvestigationQueue', { limit: 1000 })
    expect(queue.entries).toContainEqual(
      expect.objectContaining({ dlq_entry_uuid: entry.dlq_entry_uuid, namespace_name: 'orders', dlq_timestamp: aTime }),
    )
    const answer = await dlq.call('UpdateInvestigation', {
      ...{ dlq_entry_uuid: entry.dlq_entry_uuid, resolution_status: 'DLQ_RESOLUTION_STATUS_MANUALLY_RESOLVED' },
      ...{ resolution_notes: 'it was the disk', resolved_by: 'me', metadata_json: '{"ticket":90071992547409930}' },
    })
    expect(answer).toEqual({ success: true, message: expect.any(String), dlq_entry_uuid: entry.dlq_entry_uuid })
    const after = await dlq.call('GetEntryByTask', { task_uuid })
    expect(after).toMatchObject({
      ...{ resolution_status: 'DLQ_RESOLUTION_STATUS_MANUALLY_RESOLVED', resolution_notes: 'it was the disk' },
      ...{ resolved_by: 'me', resolution_timestamp: aTime },
      metadata_json: expect.stringMatching(/"ticket": ?90071992547409930/),
    })
    const { stats } = await dlq.call('GetStats')
    const [{ dlq_reason, manually_resolved, oldest_entry }] = stats
    expect([dlq_reason, oldest_entry]).toEqual(['DLQ_REASON_STALENESS_TIMEOUT', aTime])
    expect(manually_resolved).toBeGreaterThan(0)
  })

  it('takes metadata as a Struct, and lets a task go on where that is asked for', async () => {
    const dlq = await client('DlqService')
    const task_uuid = await blockedTask()
    await deadLetter(task_uuid)
    const { dlq_entry_uuid } = await dlq.call('GetEntryByTask', { task_uuid })
    const metadata = { fields: { cause: { stringValue: 'disk' } } }
    await dlq.call('UpdateInvestigation', { dlq_entry_uuid, metadata, redrive: true })
    expect(settledTaskStates.has((await stand.orchestrator.progress(task_uuid)).state)).toBe(false)
    const after = await dlq.call('GetEntryByTask', { task_uuid })
    expect(after.metadata.fields.cause.stringValue).toBe('disk')
    expect(await dlq.refused('UpdateInvestigation', { dlq_entry_uuid, redrive: true })).toMatchObject({
      code: 'ALREADY_EXISTS',
    })
  })

  it('says how near tasks are to their limit', async () => {
    const { taskId } = await stand.newTask()
    await stand.bench.rows(
      `UPDATE tasker.task_transitions SET created_at = now() - interval '25 minutes' WHERE task_uuid = $1 AND most_recent`,
      taskId,
    )
    const { entries } = await (await client('DlqService')).call('GetStalenessMonitoring', { limit: 1 })
    expect(entries).toEqual([
      expect.objectContaining({
        ...{ task_uuid: taskId, current_state: 'steps_in_process', time_in_state_minutes: 25 },
        ...{ staleness_threshold_minutes: 30, health_status: 'warning' },
      }),
    ])
  })

  it.each([
    ['GetEntryByTask', { task_uuid: 'x' }, 'INVALID_ARGUMENT'],
    ['GetEntryByTask', { task_uuid: nowhere }, 'NOT_FOUND'],
    ['ListEntries', { limit: 0 }, 'INVALID_ARGUMENT'],
    ['ListEntries', { resolution_status: 99 }, 'INVALID_ARGUMENT'],
    ['UpdateInvestigation', { dlq_entry_uuid: nowhere }, 'NOT_FOUND'],
    ['UpdateInvestigation', { dlq_entry_uuid: nowhere, metadata_json: '[]' }, 'INVALID_ARGUMENT'],
    ['UpdateInvestigation', { dlq_entry_uuid: nowhere, metadata_json: '{' }, 'INVALID_ARGUMENT'],
    ['UpdateInvestigation', { dlq_entry_uuid: nowhere, metadata_json: '{}', metadata: {} }, 'INVALID_ARGUMENT'],
    [
      'UpdateInvestigation',
      { dlq_entry_uuid: nowhere, resolution_status: 'DLQ_RESOLUTION_STATUS_CANCELLED', redrive: true },
      'INVALID_ARGUMENT',
    ],
  ])('answers %s of %j with %s', async (method, sent, code) => {
    expect(await (await client('DlqService')).refused(method, sent)).toMatchObject({ code })
  })
})

describe('ConfigService', () => {
  it('shows what REST shows, without secrets', async () => {
    expect(await (await client('ConfigService')).call('GetConfig')).toMatchObject({
      metadata: { timestamp: aTime, environment: 'test', version: '0.1.0' },
      auth: { enabled: false, api_key_count: 0 },
      circuit_breakers: { enabled: true, failure_threshold: 5, timeout_seconds: 2.5, success_threshold: 2 },
      database_pools: { web_api_pool_size: 10, web_api_max_connections: 10 },
      ...{ deployment_mode: 'Hybrid', messaging: { backend: 'pgmq', queues: ['orchestration_step_results'] } },
    })
  })

  it('is not served where the configuration is not shown', async () => {
    const settings = await GrpcClient.open(await serve({ config: null }), 'ConfigService')
    expect(await settings.refused('GetConfig')).toMatchObject({ code: 'UNIMPLEMENTED' })
  })
})

describe('with authentication', () => {
  it.each([
    ['TemplateService', 'ListTemplates', {}],
    ['TemplateService', 'GetTemplate', { namespace: 'orders', name: 'pair', version: '1.0.0' }],
    ['AnalyticsService', 'GetPerformanceMetrics', {}],
    ['AnalyticsService', 'GetBottleneckAnalysis', {}],
    ['DlqService', 'ListEntries', {}],
    ['DlqService', 'GetEntryByTask', null],
    ['DlqService', 'UpdateInvestigation', null],
    ['DlqService', 'GetStats', {}],
    ['DlqService', 'GetInvestigationQueue', {}],
    ['DlqService', 'GetStalenessMonitoring', {}],
    ['ConfigService', 'GetConfig', {}],
  ])('%s asks for the permission of %s', async (service, method, sent) => {
    const guarded = await serve({ auth: { ...authOff, enabled: true, apiKeys: keys } })
    const called = await GrpcClient.open(guarded, service)
    expect(await called.refused(method)).toMatchObject({ code: 'UNAUTHENTICATED' })
    const others = { 'x-api-key': 'task-key-0123456789' }
    expect(await called.refused(method, {}, others)).toMatchObject({ code: 'PERMISSION_DENIED' })
    const own = { 'x-api-key': 'all-key-0123456789' }
    if (sent !== null) await called.call(method, sent, own)
    else expect(await called.refused(method, {}, own)).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
