// The orchestrator's gRPC services over a real connection and a real database: messages, codes, exact numbers, streams.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { GrpcServer } from '../../src/api/grpc/grpc-server.ts'
import { type OrchestratorGrpcOptions, orchestratorGrpc } from '../../src/api/grpc/orchestrator-grpc.ts'
import { documentFields } from '../../src/api/grpc/protobuf-document.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { TaskEvents } from '../../src/orchestration/task-events.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { transitionReads } from '../../src/postgres/queries/orchestration/read-transitions.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'
import { GrpcClient } from './grpc-client.ts'

let bench: Bench
let orchestrator: Orchestrator
let events: TaskEvents
let server: GrpcServer
let fresh = 0
const faults: unknown[] = []
const nowhere = '01980000-0000-7000-8000-000000000000'

function options(): OrchestratorGrpcOptions {
  return {
    ...{ port: 0, protoRoot: join(packageRoot(), 'proto') },
    ...{
      tasks: orchestrator,
      reads: orchestrationReads(bench.database),
      events,
      health: orchestrator,
      facts: { version: '0.1.0' },
    },
    onFault: (error) => faults.push(error),
  }
}

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
  events = new TaskEvents({ reads: transitionReads(bench.database), onFault: (error) => faults.push(error) })
  await events.start()
  server = orchestratorGrpc(options())
  await server.start()
})
afterAll(async () => {
  await server.stop()
  await events.stop()
  await bench.close()
  expect(faults).toEqual([])
})

const client = (service: string) => GrpcClient.open(server.address ?? '', service)

/** A request with a context of its own, so that no two are duplicates. */
function wanted(changes: object = {}): object {
  fresh += 1
  const context = { fields: { fresh: { numberValue: fresh } } }
  const labels = { initiator: 'cli', source_system: 'crm', reason: 'demo' }
  return { ...{ name: 'pair', namespace: 'orders', version: '1.0.0', context }, ...labels, ...changes }
}

async function newTask() {
  return orchestrator.createTask(request('pair'))
}

async function firstStep(taskId: string): Promise<{ task_uuid: string; step_uuid: string }> {
  const [step] = await orchestrator.steps(taskId)
  return { task_uuid: taskId, step_uuid: step?.stepId ?? '' }
}

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
    const reads = { ...options().reads, queueDepth: async () => 7_000 }
    const broken = async () => {
      throw new HostError('DATABASE_FAULT', 'the data of somebody else')
    }
    const busy = orchestratorGrpc({
      ...options(),
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
    const full = orchestratorGrpc({ ...options(), events: { watch: () => null } })
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
    const other = orchestratorGrpc({ ...options(), events: counted })
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

describe('StepService', () => {
  it('lists and gets steps', async () => {
    const steps = await client('StepService')
    const named = await firstStep((await newTask()).taskId)
    const { steps: listed } = await steps.call('ListSteps', { task_uuid: named.task_uuid })
    expect(listed).toEqual([
      expect.objectContaining({ ...named, name: 'one', current_state: 'STEP_STATE_ENQUEUED', max_attempts: 3 }),
      expect.objectContaining({ name: 'two', current_state: 'STEP_STATE_PENDING', total_parents: 1 }),
    ])
    expect(await steps.call('GetStep', named)).toEqual(listed[0])
    expect((await steps.call('ListSteps', { task_uuid: nowhere })).steps ?? []).toEqual([])
  })

  it('completes by hand with an exact result, resolves, and moves the task on', async () => {
    const steps = await client('StepService')
    const named = await firstStep((await newTask()).taskId)
    const done = await steps.call('ResolveStep', {
      ...{ ...named, action_type: 'complete_manually', reason: 'it was paid', completed_by: 'ann' },
      completion_data: { result_json: '{"sum":9007199254740993}', metadata: { structValue: { fields: {} } } },
    })
    expect(done).toMatchObject({ current_state: 'STEP_STATE_COMPLETE', completed_at: expect.any(Object) })
    expect(done.results_json).toContain('9007199254740993')
    expect(done.results.fields.success.boolValue).toBe(true)
    const [, second] = (await steps.call('ListSteps', { task_uuid: named.task_uuid })).steps
    expect(second).toMatchObject({ name: 'two', current_state: 'STEP_STATE_ENQUEUED' })
    const resolution = { action_type: 'resolve_manually', reason: 'no need', resolved_by: 'ann' }
    const resolved = await steps.call('ResolveStep', { ...named, step_uuid: second.step_uuid, ...resolution })
    expect(resolved.current_state).toBe('STEP_STATE_RESOLVED_MANUALLY')
    const task = await (await client('TaskService')).call('GetTask', { task_uuid: named.task_uuid })
    expect(task.status).toBe('TASK_STATE_COMPLETE')
  })

  it('takes a result as a Value', async () => {
    const steps = await client('StepService')
    const named = await firstStep((await newTask()).taskId)
    const done = await steps.call('ResolveStep', {
      ...{ ...named, action_type: 'complete_manually', reason: 'r', completed_by: 'ann' },
      completion_data: { result: { stringValue: 'paid' } },
    })
    expect(done.results.fields.result.stringValue).toBe('paid')
    expect(done.results_json).toBeUndefined()
  })

  it.each(['{"n":1e3}', '{"n":[1,0.1234567890123456]}', '[-1234567890123456]', '{"n":{"n":-12345678901234567}}'])(
    'sends the text of %s, which a Struct may not hold',
    (text) => expect(documentFields('a', text as JsonText)['a_json']).toBe(text),
  )

  it('sends no text where the Struct says it all', () => {
    const text = '{"id":"01a227e7-df17-735d-929a-95ece6e11f45","at":"2026-11-29T15:23:57.151812+00:00","n":-1.5}'
    expect(documentFields('a', text as JsonText)).toEqual({ a: expect.any(Object) })
    const deep = `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`
    expect(documentFields('a', deep as JsonText)).toEqual({ a_json: deep })
  })

  it('shows the audit of a step', async () => {
    const steps = await client('StepService')
    const { taskId } = await newTask()
    const named = await firstStep(taskId)
    expect((await steps.call('GetStepAudit', named)).entries ?? []).toEqual([])
    const claimed = await bench.worker.claim()
    for (const step of claimed.filter((each) => each.taskId === taskId)) {
      await bench.worker.complete(step, { success: true })
    }
    const { entries } = await steps.call('GetStepAudit', named)
    expect(entries).toEqual([
      expect.objectContaining({
        ...{ workflow_step_uuid: named.step_uuid, step_name: 'one', success: true, recorded_at: expect.any(Object) },
        ...{ from_state: 'STEP_STATE_IN_PROGRESS', to_state: 'STEP_STATE_ENQUEUED_FOR_ORCHESTRATION' },
      }),
    ])
  })

  it('refuses what cannot be done, and says why', async () => {
    const steps = await client('StepService')
    const named = await firstStep((await newTask()).taskId)
    const other = await firstStep((await newTask()).taskId)
    const refused = (changes: object) => steps.refused('ResolveStep', { ...named, ...changes })
    const reset = { action_type: 'reset_for_retry', reason: 'r', reset_by: 'ann' }
    expect(await refused(reset)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: expect.stringContaining('enqueued'),
    })
    expect(await refused({ ...reset, step_uuid: nowhere })).toMatchObject({ code: 'NOT_FOUND' })
    expect(await refused({ ...reset, step_uuid: other.step_uuid })).toMatchObject({
      code: 'NOT_FOUND',
      details: 'Step does not belong to the specified task',
    })
    expect(await refused({ ...reset, step_uuid: 'x' })).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await refused({ ...reset, reset_by: undefined })).toMatchObject({ details: 'The field reset_by is missing' })
    expect(await refused({ action_type: 'explode' })).toMatchObject({
      details: expect.stringMatching(/must be one of/),
    })
    const complete = { action_type: 'complete_manually', reason: 'r', completed_by: 'ann' }
    expect(await refused(complete)).toMatchObject({ details: 'The field completion_data is missing' })
    expect(await refused({ ...complete, completion_data: {} })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: 'The field completion_data.result is missing',
    })
    expect(await steps.refused('GetStepAudit', { ...named, step_uuid: nowhere })).toMatchObject({ code: 'NOT_FOUND' })
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
    const ill = orchestratorGrpc({ ...options(), health: source })
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
