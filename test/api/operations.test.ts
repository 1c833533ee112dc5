// Cancelling tasks and acting on steps over real HTTP: DELETE and PATCH of the orchestrator.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import type { TaskView } from '../../src/model/task.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'

const noEvents = { watch: () => null }

let bench: Bench
let orchestrator: Orchestrator
let server: RestServer
const faults: unknown[] = []
const nobody = '00000000-0000-7000-8000-000000000000'

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
  server = orchestratorRest({
    ...{
      port: 0,
      tasks: orchestrator,
      reads: orchestrationReads(bench.database),
      events: noEvents,
      health: orchestrator,
      facts: {},
    },
    onFault: (error) => faults.push(error),
  })
  await server.start()
})
afterAll(async () => {
  await server.stop()
  await bench.close()
  expect(faults).toEqual([])
})

async function send(method: string, path: string, body?: string) {
  const init = body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }
  const response = await fetch(`${server.address}/v1/tasks/${path}`, { method, ...init })
  const text = await response.text()
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
  return { status: response.status, text, body: JSON.parse(text) as any }
}

const settled = async (id: string) => settledTaskStates.has((await orchestrator.progress(id)).state)

async function blockedTask(): Promise<{ task: TaskView; one: string; two: string }> {
  const task = await orchestrator.createTask(request('pair'))
  await bench.worker.workUntil(
    () => settled(task.taskId),
    () => ({ success: false, retryable: false }),
  )
  const [one, two] = task.steps.map(({ stepId }) => stepId)
  return { task, one: `${task.taskId}/workflow_steps/${one}`, two: `${task.taskId}/workflow_steps/${two}` }
}

const act = (path: string, action: object) => send('PATCH', path, JSON.stringify(action))
const reset = { action_type: 'reset_for_retry', reason: 'again', reset_by: 'me' }
const resolve = { action_type: 'resolve_manually', reason: 'done by hand', resolved_by: 'me' }
const complete = {
  ...{ action_type: 'complete_manually', reason: 'known', completed_by: 'me' },
  completion_data: { result: { total: 1 }, metadata: { ticket: 7 } },
}

describe('DELETE /v1/tasks/{uuid}', () => {
  it('cancels the task and its steps, once', async () => {
    const { taskId } = await orchestrator.createTask(request('pair'))
    const { status, body } = await send('DELETE', taskId)
    expect(status).toBe(200)
    expect(body).toMatchObject({ task_uuid: taskId, status: body.execution_status })
    expect(body.steps.map((step: { current_state: string }) => step.current_state)).toEqual(['cancelled', 'cancelled'])
    expect((await send('GET', taskId)).body.status).toBe('cancelled')
    const again = await send('DELETE', taskId)
    expect([again.status, again.body.error.code]).toEqual([400, 'BAD_REQUEST'])
    expect(again.body.error.message).toContain('Cannot cancel a completed task')
  })

  it('answers for what is not there', async () => {
    const notFound = { error: { code: 'NOT_FOUND', message: 'Resource not found' } }
    expect(await send('DELETE', nobody)).toMatchObject({ status: 404, body: notFound })
    expect((await send('DELETE', '17')).body.error.code).toBe('INVALID_UUID')
  })
})

describe('PATCH of a step', () => {
  it('resets it, and the task runs to its end', async () => {
    const { task, one } = await blockedTask()
    const { status, body } = await act(one, reset)
    expect([status, body.name, body.attempts]).toEqual([200, 'one', 0])
    await bench.worker.workUntil(
      () => settled(task.taskId),
      () => ({ success: true }),
    )
    expect((await send('GET', task.taskId)).body.status).toBe('complete')
  })

  it('resolves it, and what depends on it runs', async () => {
    const { task, one } = await blockedTask()
    expect((await act(one, resolve)).body).toMatchObject({ current_state: 'resolved_manually' })
    const ran = await bench.worker.workUntil(
      () => settled(task.taskId),
      () => ({ success: true }),
    )
    expect(ran).toEqual(['two'])
  })

  it('completes it with a result whose numbers stay exact', async () => {
    const { one } = await blockedTask()
    const data = '{"result":{"n":90071992547409930,"x":1.50},"metadata":{"by":"hand"}}'
    const body = `{"action_type":"complete_manually","reason":"r","completed_by":"me","completion_data":${data}}`
    const answer = await send('PATCH', one, body)
    expect(answer.body).toMatchObject({ current_state: 'complete', results: { success: true, status: 'completed' } })
    expect(answer.body.results.metadata.custom).toMatchObject({ manually_completed: true, by: 'hand' })
    expect(answer.text).toContain('"n": 90071992547409930')
    expect(answer.text).toContain('1.50')
  })

  it('refuses what does not fit the state', async () => {
    const { task, one, two } = await blockedTask()
    const pending = await act(two, reset)
    expect(pending).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
    expect(pending.body.error.message).toMatch(/^Cannot reset step for retry: invalid transition from pending/)
    await act(one, resolve)
    expect((await act(one, resolve)).status).toBe(400)
    await bench.worker.workUntil(
      () => settled(task.taskId),
      () => ({ success: true }),
    )
    for (const action of [reset, resolve, complete]) {
      expect((await act(two, action)).body.error.code).toBe('BAD_REQUEST')
    }
  })

  it.each([
    ['', 400, 'JSON_ERROR'],
    ['[]', 422, 'action'],
    ['{}', 422, 'action_type is missing'],
    ['{"action_type":"explode"}', 422, 'action_type must be one of reset_for_retry'],
    ['{"action_type":"reset_for_retry","reason":"r"}', 422, 'reset_by is missing'],
    ['{"action_type":"reset_for_retry","reason":1,"reset_by":"b"}', 422, 'reason must be a string'],
    ['{"action_type":"complete_manually","reason":"r","completed_by":"b"}', 422, 'completion_data is missing'],
    ['{"action_type":"complete_manually","reason":"r","completed_by":"b","completion_data":{}}', 422, '.result'],
    ['{"action_type":"complete_manually","reason":"r","completed_by":"b","completion_data":[]}', 422, 'an object'],
    [
      '{"action_type":"complete_manually","reason":"r","completed_by":"b","completion_data":{"result":"\\u0000"}}',
      400,
      'BAD_REQUEST',
    ],
  ])('refuses the body %j', async (body, status, said) => {
    const { one } = await blockedTask()
    const answer = await send('PATCH', one, body)
    expect(answer.status).toBe(status)
    if (said !== 'action') expect(JSON.stringify(answer.body)).toContain(said)
  })

  it('answers for what is not there', async () => {
    const { one } = await blockedTask()
    const step = one.split('/').at(-1)
    expect((await act(`${nobody}/workflow_steps/${step}`, reset)).status).toBe(404)
    expect((await act(`${nobody}/workflow_steps/${nobody}`, reset)).status).toBe(404)
    expect((await act(`17/workflow_steps/${step}`, reset)).body.error.code).toBe('INVALID_UUID')
    expect((await act(`${nobody}/workflow_steps/x`, reset)).body.error.code).toBe('INVALID_UUID')
  })
})
