// The orchestrator's StepService over a real connection and a real database: reading steps, acting on them, exact numbers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documentFields } from '../../src/api/grpc/protobuf-document.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { GrpcStand } from './grpc-stand.ts'

let stand: GrpcStand
const nowhere = '01980000-0000-7000-8000-000000000000'
const client = (service: string) => stand.client(service)
const newTask = () => stand.newTask()
const firstStep = (taskId: string) => stand.firstStep(taskId)

beforeAll(async () => {
  stand = await GrpcStand.open()
})
afterAll(async () => {
  await stand.close()
  expect(stand.faults).toEqual([])
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
    const claimed = await stand.bench.worker.claim()
    for (const step of claimed.filter((each) => each.taskId === taskId)) {
      await stand.bench.worker.complete(step, { success: true })
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
