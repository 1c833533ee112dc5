// The orchestrator's gRPC services over a real connection and a real database: messages, codes, exact numbers, streams.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type OrchestratorGrpcOptions, orchestratorGrpc } from '../../src/api/grpc/orchestrator-grpc.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import type { TaskEvents } from '../../src/orchestration/task-events.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { Bench } from '../orchestration/orchestration-bench.ts'
import { GrpcClient } from './grpc-client.ts'
import { GrpcStand } from './grpc-stand.ts'

let stand: GrpcStand
let bench: Bench
let orchestrator: Orchestrator
let events: TaskEvents
let fresh = 0
const faults: unknown[] = []
const nowhere = '01980000-0000-7000-8000-000000000000'

beforeAll(async () => {
  stand = await GrpcStand.open()
  ;({ bench, orchestrator, events } = stand)
})
afterAll(async () => {
  await stand.close()
  expect([...stand.faults, ...faults]).toEqual([])
})

const client = (service: string) => stand.client(service)

/** A request with a context of its own, so that no two are duplicates. */
function wanted(changes: object = {}): object {
  fresh += 1
  const context = { fields: { fresh: { numberValue: fresh } } }
  const labels = { initiator: 'cli', source_system: 'crm', reason: 'demo' }
  return { ...{ name: 'pair', namespace: 'orders', version: '1.0.0', context }, ...labels, ...changes }
}

const newTask = () => stand.newTask()

describe('TaskService', () => {
  it('makes a task and answers with it as REST does', async () => {
    const tasks = await client('TaskService')
    const task = await tasks.call('CreateTask', wanted({ tags: ['t1'], priority: -5 }))
    expect(task).toEqual({
      task_uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...{ name: 'pair', namespace: 'orders', version: '1.0.0', status: 'TASK_STATE_STEPS_IN_PROCESS' },
      ...{ initiator: 'cli', source_system: 'crm', reason: 'demo', priority: -5, tags: ['t1'] },
      ...{ created_at: expect.any(Object), updated_at: expect.any(Object) },
      context: { fields: { fresh: expect.objectContaining({ numberValue: fresh }) } },
      correlation_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...{
        total_steps: 2,
        pending_steps: 1,
        in_progress_steps: 0,
        completed_steps: 0,
        failed_steps: 0,
        ready_steps: 0,
      },
      ...{ execution_status: 'processing', recommended_action: 'wait_for_completion', completion_percentage: 0 },
      health_status: 'healthy',
      steps: [expect.objectContaining({ name: 'one', current_state: 'STEP_STATE_ENQUEUED' }), expect.any(Object)],
    })
    expect(Math.abs(task.created_at.seconds - Date.now() / 1000)).toBeLessThan(3600)
    expect(await tasks.call('GetTask', { task_uuid: task.task_uuid.toUpperCase() })).toEqual(task)
  })

  it('keeps numbers that a double does not hold, both ways, and says where the Struct does not', async () => {
    const tasks = await client('TaskService')
    const context_json = '{"n":9223372036854775807,"one":1.0,"small":[1.50],"s":"é\\"b{"}'
    const task = await tasks.call('CreateTask', wanted({ context: undefined, context_json }))
    expect(task.context_json).toMatch(/"n": 9223372036854775807.*"one": 1\.0/)
    expect(task.context.fields.s.stringValue).toBe('é"b{')
    const read = await tasks.call('GetTaskContext', { task_uuid: task.task_uuid })
    expect(read).toEqual({ task_uuid: task.task_uuid, context: task.context, context_json: task.context_json })
    const [row] = await bench.rows('SELECT context::text FROM tasker.tasks WHERE task_uuid = $1', task.task_uuid)
    expect(row?.['context']).toContain('9223372036854775807')
  })

  it('stores a Struct as the document that it is', async () => {
    const tasks = await client('TaskService')
    const value = {
      fields: {
        list: { listValue: { values: [{ numberValue: 2.5 }, { boolValue: false }, { nullValue: 'NULL_VALUE' }] } },
        none: { structValue: {} },
        empty: { listValue: {} },
        key: { stringValue: `own ${Date.now()}` },
      },
    }
    const { task_uuid } = await tasks.call('CreateTask', wanted({ context: value }))
    const [row] = await bench.rows('SELECT context::text FROM tasker.tasks WHERE task_uuid = $1', task_uuid)
    expect(JSON.parse(row?.['context'] as string)).toEqual({
      ...{ list: [2.5, false, null], none: {}, empty: [], key: expect.stringMatching(/^own/) },
    })
  })

  it('lists by pages and filters', async () => {
    const tasks = await client('TaskService')
    const initiator = 'who lists'
    for (let made = 0; made < 3; made += 1) await tasks.call('CreateTask', wanted({ initiator }))
    const { tasks: page, pagination } = await tasks.call('ListTasks', { initiator, per_page: 2, page: 2 })
    expect(page).toEqual([expect.objectContaining({ initiator, status: 'TASK_STATE_STEPS_IN_PROCESS' })])
    expect(page[0].steps ?? []).toEqual([])
    expect(pagination).toEqual({
      ...{ page: 2, per_page: 2, total_count: 3, total_pages: 2, has_next: false, has_previous: true },
    })
    expect((await tasks.call('ListTasks', { initiator, status: 'completed' })).pagination.total_count).toBe(0)
  })

  it('cancels, and answers success = false to a task that has ended', async () => {
    const tasks = await client('TaskService')
    const { taskId: task_uuid } = await newTask()
    const first = await tasks.call('CancelTask', { task_uuid })
    expect([first.success, first.task.status]).toEqual([true, 'TASK_STATE_CANCELLED'])
    const second = await tasks.call('CancelTask', { task_uuid })
    expect(second).toMatchObject({ success: false, task: { status: 'TASK_STATE_CANCELLED' } })
    expect(second.message).not.toBe('')
  })

  it('sums a task up', async () => {
    const tasks = await client('TaskService')
    const { taskId: task_uuid } = await newTask()
    const summary = await tasks.call('GetTaskSummary', { task_uuid })
    expect(summary).toMatchObject({
      task: { task_uuid, status: 'TASK_STATE_STEPS_IN_PROCESS', created_at: expect.any(Object), total_steps: 2 },
      template: {
        steps: [
          { name: 'one', handler: 'one_handler' },
          { name: 'two', dependencies: ['one'] },
        ],
      },
      steps: [{ name: 'one', current_state: 'STEP_STATE_ENQUEUED' }, { name: 'two' }],
      dlq: { in_dlq: false },
      links: { task: `/v1/tasks/${task_uuid}` },
    })
  })

  it.each([
    ['an unknown template', { name: 'pear' }, 'NOT_FOUND', /Task template not found: .*orders\/pair@1\.0\.0/],
    ['an unknown version', { version: '2.0.0' }, 'NOT_FOUND', /Task template not found/],
    ['no version', { version: undefined }, 'INVALID_ARGUMENT', /version is missing/],
    ['no context', { context: undefined }, 'INVALID_ARGUMENT', /context is missing/],
    ['two contexts', { context_json: '{}' }, 'INVALID_ARGUMENT', /context or context_json, not both/],
    [
      'a context that is no JSON',
      { context: undefined, context_json: '{}, "name": "x"' },
      'INVALID_ARGUMENT',
      /not JSON/,
    ],
    ['a context that is no object', { context: undefined, context_json: '[1]' }, 'INVALID_ARGUMENT', /context/],
    [
      'a number that JSON does not have',
      { context: { fields: { n: { numberValue: Number.NaN } } } },
      'INVALID_ARGUMENT',
      /number/,
    ],
    ['an id that is no UUID', { correlation_id: 'one' }, 'INVALID_ARGUMENT', /correlation_id must be a UUID/],
    ['an initiator that is too long', { initiator: 'i'.repeat(200) }, 'INVALID_ARGUMENT', /initiator/],
    ['half a letter', { initiator: undefined, reason: '\ud800', name: '\ud800' }, 'INVALID_ARGUMENT', /./],
  ])('refuses %s', async (_what, changes, code, details) => {
    const tasks = await client('TaskService')
    expect(await tasks.refused('CreateTask', wanted(changes))).toMatchObject({
      code,
      details: expect.stringMatching(details),
    })
  })

  it('answers ALREADY_EXISTS to a duplicate', async () => {
    const tasks = await client('TaskService')
    const body = wanted()
    await tasks.call('CreateTask', body)
    expect(await tasks.refused('CreateTask', body)).toMatchObject({
      code: 'ALREADY_EXISTS',
      details: 'A task with this identity already exists',
    })
  })

  it('answers NOT_FOUND and INVALID_ARGUMENT by the id', async () => {
    const tasks = await client('TaskService')
    for (const method of ['GetTask', 'CancelTask', 'GetTaskContext', 'GetTaskSummary']) {
      expect(await tasks.refused(method, { task_uuid: nowhere })).toMatchObject({ code: 'NOT_FOUND' })
      expect(await tasks.refused(method, { task_uuid: 'x' })).toMatchObject({ code: 'INVALID_ARGUMENT' })
      expect(await tasks.refused(method)).toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    for (const query of [{ page: 0 }, { per_page: 101 }, { page: -1 }, { status: 'lost' }, { namespace: '\0' }]) {
      expect(await tasks.refused('ListTasks', query)).toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  it('refuses a message over the limit', async () => {
    const tasks = await client('TaskService')
    const context_json = `{"s":"${'x'.repeat(2_200_000)}"}`
    const refused = await tasks.refused('CreateTask', wanted({ context: undefined, context_json }))
    expect(refused.code).toBe('RESOURCE_EXHAUSTED')
  })

  it('answers UNAVAILABLE and when to come again while too much waits, and INTERNAL without the words of the database', async () => {
    const told: unknown[] = []
    const reads = { ...stand.options().reads, queueDepth: async () => 7_000 }
    const broken = async () => {
      throw new HostError('DATABASE_FAULT', 'the data of somebody else')
    }
    const busy = orchestratorGrpc({
      ...stand.options(),
      ...{ reads: { ...reads, tasks: broken }, onFault: (error) => told.push(error) },
    })
    await busy.start()
    onTestFinished(() => busy.stop())
    const tasks = await GrpcClient.open(busy.address ?? '', 'TaskService')
    expect(await tasks.refused('CreateTask', wanted())).toMatchObject({
      code: 'UNAVAILABLE',
      metadata: expect.objectContaining({ 'retry-after': '30' }),
    })
    expect(await tasks.refused('ListTasks')).toMatchObject({ code: 'INTERNAL', details: 'Database operation failed' })
    expect(told).toEqual([expect.objectContaining({ code: 'DATABASE_FAULT' })])
  })
})

describe('StreamTaskStatus', () => {
  it('tells of every change until the task has settled', async () => {
    const tasks = await client('TaskService')
    const { taskId: task_uuid } = await newTask()
    const { updates, ended } = tasks.stream('StreamTaskStatus', { task_uuid })
    await eventually('a first update', () => updates.length > 0)
    expect(updates[0]).toMatchObject({
      ...{ task_uuid, status: 'TASK_STATE_STEPS_IN_PROCESS', settled: false },
      steps: [{ name: 'one', current_state: 'STEP_STATE_ENQUEUED' }, { name: 'two' }],
    })
    await orchestrator.cancel(task_uuid)
    expect(await ended).toBeNull()
    expect(updates.at(-1)).toMatchObject({ status: 'TASK_STATE_CANCELLED', settled: true })
    const late = tasks.stream('StreamTaskStatus', { task_uuid })
    expect(await late.ended).toBeNull()
    expect(late.updates).toEqual([expect.objectContaining({ settled: true })])
  })

  it('refuses a task that is not there, and watchers that are too many', async () => {
    const tasks = await client('TaskService')
    expect(await tasks.stream('StreamTaskStatus', { task_uuid: nowhere }).ended).toMatchObject({ code: 'NOT_FOUND' })
    const full = orchestratorGrpc({ ...stand.options(), events: { watch: () => null } })
    await full.start()
    onTestFinished(() => full.stop())
    const others = await GrpcClient.open(full.address ?? '', 'TaskService')
    const { taskId: task_uuid } = await newTask()
    expect(await others.stream('StreamTaskStatus', { task_uuid }).ended).toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('ends with UNAVAILABLE when the server stops, and lets go of a client that went away', async () => {
    const watches = { open: 0 }
    const counted: OrchestratorGrpcOptions['events'] = {
      watch: (...parameters) => {
        const watch = events.watch(...parameters)
        watches.open += 1
        return {
          close: () => {
            watches.open -= 1
            watch?.close()
          },
        }
      },
    }
    const other = orchestratorGrpc({ ...stand.options(), events: counted })
    await other.start()
    onTestFinished(() => other.stop())
    const { taskId: task_uuid } = await newTask()
    const gone = await GrpcClient.open(other.address ?? '', 'TaskService')
    const left = gone.stream('StreamTaskStatus', { task_uuid })
    await eventually('a watch', () => watches.open === 1)
    left.cancel()
    expect(await left.ended).toMatchObject({ code: 'CANCELLED' })
    await eventually('no watch', () => watches.open === 0)
    const staying = await GrpcClient.open(other.address ?? '', 'TaskService')
    const { updates, ended } = staying.stream('StreamTaskStatus', { task_uuid })
    await eventually('an update', () => updates.length > 0)
    await other.stop()
    expect(await ended).toMatchObject({ code: 'UNAVAILABLE' })
    expect(watches.open).toBe(0)
  })
})

describe('HealthService', () => {
  it('answers as REST does', async () => {
    const health = await client('HealthService')
    expect(await health.call('CheckHealth')).toEqual({ status: 'healthy', timestamp: expect.any(Object) })
    expect((await health.call('CheckLiveness')).status).toBe('alive')
    const ready = await health.call('CheckReadiness')
    expect(ready).toMatchObject({ status: 'ready', info: { fields: { version: { stringValue: '0.1.0' } } } })
    expect(Object.keys(ready.checks).sort()).toEqual([
      ...['circuit_breaker', 'command_processor', 'orchestration_database', 'orchestration_system', 'web_database'],
    ])
    const detailed = await health.call('CheckDetailedHealth')
    expect(detailed).toMatchObject({ status: 'healthy', checks: { queue_depth: { status: 'healthy' } } })
  })

  it('says UNAVAILABLE, and why, while the orchestrator cannot work', async () => {
    const sick = { status: 'unhealthy', message: 'gone', durationMs: 1 } as const
    const source = { checks: async () => ({ web_database: sick }), info: () => ({}) }
    const ill = orchestratorGrpc({ ...stand.options(), health: source })
    await ill.start()
    onTestFinished(() => ill.stop())
    const health = await GrpcClient.open(ill.address ?? '', 'HealthService')
    expect(await health.refused('CheckReadiness')).toMatchObject({
      ...{ code: 'UNAVAILABLE', details: 'Not ready: web_database is unhealthy: gone' },
    })
    expect(await health.call('CheckDetailedHealth')).toMatchObject({
      ...{ status: 'degraded', checks: { web_database: { status: 'unhealthy', message: 'gone', duration_ms: 1 } } },
    })
  })
})
