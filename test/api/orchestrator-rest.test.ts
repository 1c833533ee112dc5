// The orchestrator's REST API over real HTTP and a real database: shapes, codes and exact numbers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { type Bench, openBench, sketch } from '../orchestration/orchestration-bench.ts'

const noEvents = { watch: () => null }

let bench: Bench
let orchestrator: Orchestrator
let server: RestServer
let fresh = 0
const faults: unknown[] = []

beforeAll(async () => {
  bench = await openBench([
    sketch('pair', { one: {}, two: { after: ['one'] } }),
    sketch('checked', { one: {} }, { inputSchema: { type: 'object', required: ['amount'] } }),
  ])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
  server = orchestratorRest({
    port: 0,
    tasks: orchestrator,
    reads: orchestrationReads(bench.database),
    events: noEvents,
    health: orchestrator,
    facts: { version: '0.1.0', environment: 'test' },
    onFault: (error) => faults.push(error),
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
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
  readonly body: any
}

async function send(path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(`${server.address}${path}`, init)
  const text = await response.text()
  return { status: response.status, text, body: JSON.parse(text) }
}

function post(body: string, type = 'application/json'): Promise<Answer> {
  return send('/v1/tasks', { method: 'POST', body, headers: { 'content-type': type } })
}

/** A request with a context of its own, so that no two are duplicates. */
function taskRequest(changes: Readonly<Record<string, unknown>> = {}): string {
  const labels = { initiator: 'cli', source_system: 'crm', reason: 'demo' }
  fresh += 1
  return JSON.stringify({
    name: 'pair',
    namespace: 'orders',
    version: '1.0.0',
    context: { fresh },
    ...labels,
    ...changes,
  })
}

describe('POST /v1/tasks', () => {
  it('answers 200 with the whole TaskResponse', async () => {
    const { status, body } = await post(taskRequest({ tags: ['t1'], priority: 5, context: { answer: 42 } }))
    expect(status).toBe(200)
    const [first] = body.steps
    expect(body).toEqual({
      task_uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...{ name: 'pair', namespace: 'orders', version: '1.0.0', status: 'steps_in_process', completed_at: null },
      created_at: expect.stringMatching(/T.*Z$/),
      updated_at: expect.stringMatching(/T.*Z$/),
      ...{ context: { answer: 42 }, initiator: 'cli', source_system: 'crm', reason: 'demo', priority: 5, tags: ['t1'] },
      correlation_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      parent_correlation_id: null,
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
      steps: [expect.any(Object), expect.any(Object)],
    })
    expect(first).toEqual({
      ...{ workflow_step_uuid: expect.any(String), task_uuid: body.task_uuid, named_step_uuid: expect.any(String) },
      ...{ name: 'one', current_state: 'enqueued', dependencies_satisfied: true, retry_eligible: true },
      ...{
        ready_for_execution: false,
        last_failure_at: null,
        next_retry_at: null,
        total_parents: 0,
        completed_parents: 0,
      },
      ...{ attempts: 0, max_attempts: 3, backoff_request_seconds: null, last_attempted_at: null },
    })
  })

  it('stores the context as it was written, whatever else the body holds', async () => {
    const context = '{"n":9223372036854775807,"one":1.0,"nested":{"context":{"x":[1.50,"}"]}},"s":"a\\"b{"}'
    const body = `{ "context" : {"overwritten":true}, "reason":"r", "extra":{"context":1},
      "name":"pair","namespace":"orders","version":"1.0.0","initiator":"i","source_system":"s", "\\u0063ontext":${context} , "z":[1,{"a":"]"}] }`
    const { status, text, body: task } = await post(body)
    expect(status).toBe(200)
    expect(text).toContain('"n": 9223372036854775807')
    expect(text).toContain('"one": 1.0')
    expect(text).toContain('1.50')
    const [row] = await bench.rows('SELECT context::text FROM tasker.tasks WHERE task_uuid = $1', task.task_uuid)
    expect(row?.['context']).toBe(
      '{"n": 9223372036854775807, "s": "a\\"b{", "one": 1.0, "nested": {"context": {"x": [1.50, "}"]}}}',
    )
  })

  it('answers 409 to a duplicate', async () => {
    const body = taskRequest()
    expect((await post(body)).status).toBe(200)
    const { status, body: refusal } = await post(body)
    expect([status, refusal]).toEqual([
      409,
      { error: { code: 'CONFLICT', message: 'A task with this identity already exists' } },
    ])
  })

  it('answers 404 to an unknown template or version, and says what exists', async () => {
    for (const changes of [{ name: 'pear' }, { version: '2.0.0' }, { namespace: 'nowhere' }]) {
      const { status, body } = await post(taskRequest(changes))
      expect([status, body.error.code]).toEqual([404, 'NOT_FOUND'])
      expect(body.error.message).toMatch(/^Task template not found: .*orders\/pair@1\.0\.0/)
    }
  })

  it('accepts a context against the schema, with a warning', async () => {
    expect((await post(taskRequest({ name: 'checked' }))).status).toBe(200)
    expect(bench.warnings.join()).toContain(`must have required property 'amount'`)
  })

  it.each([
    ['', 400, 'JSON_ERROR'],
    ['{', 400, 'JSON_ERROR'],
    ['{"a":NaN}', 400, 'JSON_ERROR'],
    ['[]', 422, 'UNPROCESSABLE_ENTITY'],
    ['null', 422, 'UNPROCESSABLE_ENTITY'],
    ['{}', 422, 'UNPROCESSABLE_ENTITY'],
  ])('answers %j with %i', async (text, status, code) => {
    const answer = await post(text)
    expect([answer.status, answer.body.error.code]).toEqual([status, code])
    expect(answer.body.error.message).not.toBe('')
  })

  it.each([
    [{ name: 5 }, 422],
    [{ version: null }, 422],
    [{ reason: undefined }, 422],
    [{ context: undefined }, 422],
    [{ tags: 'a' }, 422],
    [{ tags: [1] }, 422],
    [{ priority: 1.5 }, 422],
    [{ priority: 2 ** 31 }, 422],
    [{ priority: -(2 ** 31) - 1 }, 422],
    [{ priority: '5' }, 422],
    [{ correlation_id: 'x' }, 422],
    [{ namespace: '' }, 400],
    [{ context: [] }, 400],
    [{ context: null }, 400],
    [{ context: { a: '\0' } }, 400],
    [{ initiator: 'x'.repeat(129) }, 400],
    [{ context: { a: 'x'.repeat(10_001) } }, 400],
  ])('refuses %j naming the field', async (changes, status) => {
    const { status: answered, body } = await post(taskRequest(changes))
    expect(answered).toBe(status)
    expect(body.error.message).toContain(Object.keys(changes)[0])
  })

  it('refuses other media types and bodies over the limit', async () => {
    expect((await post(taskRequest(), 'text/plain')).body.error.code).toBe('UNSUPPORTED_MEDIA_TYPE')
    const { status, body } = await post(taskRequest({ extra: 'x'.repeat(3_000_000) }))
    expect([status, body.error.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })
})

describe('GET', () => {
  it('shows a finished task and its steps with their stored envelopes', async () => {
    const { body: created } = await post(taskRequest())
    const settled = async () => settledTaskStates.has((await orchestrator.progress(created.task_uuid)).state)
    await bench.worker.workUntil(settled, (step) => ({ success: true, result: { ran: step.name } }))
    const { body: task } = await send(`/v1/tasks/${created.task_uuid}`)
    expect(task).toMatchObject({ status: 'complete', execution_status: 'all_complete', completion_percentage: 100 })
    expect(task.steps[1].last_attempted_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+$/)
    const { body: steps } = await send(`/v1/tasks/${created.task_uuid}/workflow_steps`)
    expect(steps).toHaveLength(2)
    expect(steps[0]).toMatchObject({ name: 'one', current_state: 'complete', attempts: 1, max_attempts: 3 })
    expect(steps[0].results).toMatchObject({ success: true, result: { ran: 'one' }, status: 'completed' })
    expect(Object.keys(steps[1]).sort()).toEqual([
      ...['attempts', 'completed_at', 'completed_parents', 'created_at', 'current_state', 'dependencies_satisfied'],
      ...['last_attempted_at', 'last_failure_at', 'max_attempts', 'name', 'next_retry_at', 'ready_for_execution'],
      ...['results', 'retry_eligible', 'step_uuid', 'task_uuid', 'total_parents', 'updated_at'],
    ])
  })

  it('answers for what is not there', async () => {
    const nobody = '00000000-0000-7000-8000-000000000000'
    const notFound = { error: { code: 'NOT_FOUND', message: 'Resource not found' } }
    expect(await send(`/v1/tasks/${nobody}`)).toMatchObject({ status: 404, body: notFound })
    expect(await send(`/v1/tasks/${nobody}/workflow_steps`)).toMatchObject({ status: 200, body: [] })
    expect(await send('/v1/tasks/17')).toMatchObject({ status: 400, body: { error: { code: 'INVALID_UUID' } } })
    expect(await send('/v1/nothing')).toMatchObject({ status: 404, body: notFound })
    expect(await send('/v1/%zz')).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
  })

  it('shows health', async () => {
    expect((await send('/health')).body).toEqual({ status: 'healthy', timestamp: expect.stringMatching(/Z$/) })
    expect((await send('/health/live')).body).toMatchObject({ status: 'alive' })
    const { status, body } = await send('/health/ready')
    expect(status).toBe(200)
    expect(Object.keys(body.checks)).toEqual([
      ...['web_database', 'orchestration_database', 'circuit_breaker', 'orchestration_system', 'command_processor'],
    ])
    expect(body.checks.web_database).toEqual({ status: 'healthy', message: null, duration_ms: expect.any(Number) })
    expect(body.info).toMatchObject({ version: '0.1.0', environment: 'test', operational_state: 'Normal' })
    const { body: detailed } = await send('/health/detailed')
    expect(detailed.status).toBe('healthy')
    expect(Object.keys(detailed.checks).slice(5)).toEqual(['pool_utilization', 'queue_depth', 'channel_saturation'])
  })
})
