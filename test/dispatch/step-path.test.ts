// The whole path of a step on a real database: claim, hydrate, run, store, tell orchestration.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { StepId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { hostFailure } from '../../src/model/step-result.ts'
import { eventually } from '../fixtures/eventually.ts'
import { handlerDescriptor, ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'
import { openStepDatabase, queue, type StepDatabase } from './step-database.ts'
import { logRecord } from './steps.ts'
import { startWorker } from './workers.ts'

let steps: StepDatabase
let worker: Worker | null = null
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterEach(async () => {
  await worker?.stop()
  worker = null
})
afterAll(() => steps.close())

function result(stepId: StepId, text: string): StepResult {
  return {
    stepId,
    success: true,
    outcome: null,
    result: text as JsonText,
    metadata: '{"made_by":"test"}' as JsonText,
    executionTimeMs: 7,
  }
}

async function finished(step: StepId, state = 'enqueued_for_orchestration'): Promise<void> {
  await eventually(`step ${step} is ${state}`, async () => (await steps.state(step)) === state)
}

describe('the step path', () => {
  it('runs rows in one call, stores each result, and gives waiting ones back with their attempt', async () => {
    const adapter = new ScriptedAdapter(async ({ stepId }) => result(stepId, '{}'))
    adapter.announced = [handlerDescriptor('work', { batch: { sizeMax: 3, waitMaxMs: 60_000 } })]
    const rows = [await steps.enqueue('{}'), await steps.enqueue('{}'), await steps.enqueue('{}')]
    worker = await startWorker(steps, adapter, { concurrentHandlersMax: 1, prefetchMax: 10 })
    for (const row of rows) await finished(row)
    expect(adapter.calls).toMatchObject([{ mode: 'batch', requests: [{}, {}, {}] }])
    const waiting = await steps.enqueue('{}')
    await finished(waiting, 'in_progress')
    await worker.stop()
    expect(await steps.state(waiting)).toBe('enqueued')
    expect((await steps.row(waiting)).attempts).toBe(0)
    expect(adapter.calls).toHaveLength(1)
    adapter.announced = [handlerDescriptor('work')]
    worker = await startWorker(steps, adapter)
    await finished(waiting)
  })

  it('stores the result in Tasker’s envelope and tells orchestration', async () => {
    const step = await steps.enqueue('{"amount": 9223372036854775807, "rate": 1.0}')
    const adapter = new ScriptedAdapter(async (request) => result(request.stepId, '{"n":9223372036854775807,"f":1.0}'))
    worker = await startWorker(steps, adapter)
    await finished(step)
    const row = await steps.row(step)
    expect(row.attempts).toBe(1)
    expect(row.in_process).toBe(false)
    expect(row.results).toContain('"result": {"f": 1.0, "n": 9223372036854775807}')
    expect(JSON.parse(row.results ?? '')).toMatchObject({
      step_uuid: step,
      success: true,
      status: 'completed',
      error: null,
      orchestration_metadata: null,
      metadata: {
        execution_time_ms: 7,
        retryable: false,
        worker_id: `worker_${worker.workerId}`,
        custom: { made_by: 'test' },
        context: { runtime: 'python' },
      },
    })
    expect(
      await steps.scalar(
        `SELECT message ->> 'step_uuid' FROM pgmq.q_orchestration_step_results WHERE message ->> 'step_uuid' = $1`,
        [step],
      ),
    ).toBe(step)
    const audited = `
      SELECT a.success, a.execution_time_ms::int, a.worker_uuid, a.task_uuid = s.task_uuid AS of_its_task,
             a.correlation_id = k.correlation_id AS of_its_correlation, t.to_state AS state
        FROM tasker.workflow_step_result_audit a
        JOIN tasker.workflow_step_transitions t USING (workflow_step_transition_uuid)
        JOIN tasker.workflow_steps s ON s.workflow_step_uuid = a.workflow_step_uuid AND s.workflow_step_uuid = t.workflow_step_uuid
        JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
       WHERE s.workflow_step_uuid = $1`
    expect(await steps.database.query({ text: audited, values: [step] })).toEqual([
      {
        ...{ success: true, execution_time_ms: 7, worker_uuid: worker.workerId },
        ...{ of_its_task: true, of_its_correlation: true, state: 'enqueued_for_orchestration' },
      },
    ])
  })

  it('shows handlers the values from before the claim, exactly', async () => {
    const step = await steps.enqueue('{"amount": 9223372036854775807, "rate": 1.0, "name": "Zoë"}')
    const adapter = new ScriptedAdapter(async (request) => result(request.stepId, '{}'))
    worker = await startWorker(steps, adapter)
    await finished(step)
    const [request] = adapter.seen
    expect(request?.attempts).toBe(0)
    expect(request?.task).toContain('"context":{"name": "Zoë", "rate": 1.0, "amount": 9223372036854775807}')
    expect(JSON.parse(request?.workflowStep ?? '')).toMatchObject({
      attempts: null,
      in_process: false,
      name: 'work',
      template_step_name: 'work',
    })
    expect(JSON.parse(request?.stepDefinition ?? '')).toMatchObject({ handler: { callable: 'work' } })
  })

  it('stores a failure with its retry wish', async () => {
    const step = await steps.enqueue()
    const adapter = new ScriptedAdapter(async (request) => ({
      ...hostFailure(request.stepId, 'handler_error', 'the bank is \u0000 closed'),
      errorCode: 'BANK_CLOSED',
      retryAfterS: 30,
      context: '{"bank":"north"}' as JsonText,
    }))
    worker = await startWorker(steps, adapter)
    await finished(step, 'enqueued_as_error_for_orchestration')
    expect(JSON.parse((await steps.row(step)).results ?? '')).toMatchObject({
      success: false,
      status: 'failed',
      result: {},
      metadata: { retryable: true, error_type: 'handler_error', error_code: 'BANK_CLOSED' },
      error: { message: 'the bank is \ufffd closed', retryable: true, context: { bank: 'north' } },
      orchestration_metadata: { headers: { 'retry-after': '30' }, custom: {} },
    })
  })

  it.each([
    ['a NUL character', '{"a":"\\u0000"}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['a number that is none', '{"a":NaN}'],
    ['a number out of range', '{"a":1e200000}'],
    ['two values', '{} {}'],
    ['too deep a nesting', `${'['.repeat(300)}${']'.repeat(300)}`],
  ])('makes %s the permanent failure of that step alone', async (_name, text) => {
    const [bad, good] = [await steps.enqueue('{"bad":true}'), await steps.enqueue()]
    const adapter = new ScriptedAdapter(async (request) =>
      result(request.stepId, request.stepId === bad ? text : '{"ok":true}'),
    )
    worker = await startWorker(steps, adapter)
    await finished(bad, 'enqueued_as_error_for_orchestration')
    await finished(good)
    expect(JSON.parse((await steps.row(bad)).results ?? '')).toMatchObject({
      metadata: { retryable: false, error_type: 'invalid_result' },
      error: { retryable: false },
    })
  })

  it('stops a handler at its deadline and says how long it had', async () => {
    const step = await steps.enqueue()
    worker = await startWorker(steps, new ScriptedAdapter(untilCancelled), { handlerTimeoutMs: 50 })
    await finished(step, 'enqueued_as_error_for_orchestration')
    const { error, metadata } = JSON.parse((await steps.row(step)).results ?? '')
    expect(error).toMatchObject({ error_type: 'handler_timeout', retryable: true })
    expect(error.message).toMatch(/timed out after 50ms/)
    expect(metadata.execution_time_ms).toBeGreaterThanOrEqual(50)
  })

  it('runs no more steps at once than there are permits', async () => {
    let running = 0
    let most = 0
    const adapter = new ScriptedAdapter(async (request) => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running -= 1
      return result(request.stepId, '{}')
    })
    const ids = await Promise.all(Array.from({ length: 20 }, () => steps.enqueue()))
    worker = await startWorker(steps, adapter, { concurrentHandlersMax: 3, prefetchMax: 5 })
    for (const id of ids) await finished(id)
    expect(most).toBe(3)
    expect(adapter.seen).toHaveLength(20)
  })

  it('sets malformed, unknown and stale messages aside and goes on', async () => {
    const before = await steps.scalar<number>('SELECT count(*)::int FROM stephost.rejected_messages')
    const send = (message: string) =>
      steps.database.query({ text: 'SELECT pgmq.send($1, $2::jsonb, 0)', values: [queue, message] })
    const done = await steps.enqueue()
    worker = await startWorker(steps, new ScriptedAdapter(async (request) => result(request.stepId, '{}')))
    await finished(done)
    for (const message of ['{}', '[]', '"text"', '7', 'null', '{"step_uuid":"no uuid"}', '{"step_uuid":{"a":1}}'])
      await send(message)
    await send('{"step_uuid":"00000000-0000-7000-8000-000000000000"}')
    await send(JSON.stringify({ step_uuid: done }))
    const good = await steps.enqueue()
    await finished(good)
    await eventually('the queue is empty', async () => (await steps.queued()) === 0)
    expect(await steps.scalar('SELECT count(*)::int FROM stephost.rejected_messages')).toBe(before + 7)
    expect(worker.counters.setAside).toEqual({ malformed: 7, gone: 1, stale: 1 })
    expect(await steps.states(done)).toEqual(['pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration'])
  })

  it('leaves steps without a handler here to others, and fails them once nobody came', async () => {
    const step = await steps.enqueue()
    const elsewhere = new ScriptedAdapter(untilCancelled)
    elsewhere.announced = [handlerDescriptor('other')]
    worker = await startWorker(steps, elsewhere)
    await eventually('the message is pushed back', () =>
      steps.scalar<boolean>(`SELECT vt > now() FROM pgmq.q_${queue}`),
    )
    expect(await steps.state(step)).toBe('enqueued')
    await worker.stop()
    worker = await startWorker(steps, elsewhere, { foreignGraceMs: 0 })
    await finished(step, 'enqueued_as_error_for_orchestration')
    expect(JSON.parse((await steps.row(step)).results ?? '').error).toMatchObject({
      error_type: 'handler_not_found',
      retryable: false,
    })
  })

  it('finds steps that it could not run before when a reload brings their handler, though no notification comes', async () => {
    const adapter = new ScriptedAdapter(async (request) => result(request.stepId, '{}'))
    adapter.announced = []
    worker = await startWorker(steps, adapter, { mode: 'EventDrivenOnly', foreignRetryMs: 300 })
    const step = await steps.enqueue()
    worker.handlersChanged()
    await eventually('the claim pushed it away', () =>
      steps.scalar<boolean>(`SELECT vt > enqueued_at + interval '200 ms' FROM pgmq.q_${queue}`),
    )
    adapter.announced = [handlerDescriptor('work')]
    worker.handlersChanged()
    await finished(step)
  })

  it('keeps the lines that a runtime wrote for a step, inside a call and outside', async () => {
    const step = await steps.enqueue()
    const adapter = new ScriptedAdapter(async (request, _cancelled, events) => {
      events.log(logRecord({ step: request.stepId, line: 'inside' }))
      return result(request.stepId, '{}')
    })
    worker = await startWorker(steps, adapter)
    await finished(step)
    worker.handlerLog(logRecord({ step, line: 'late' }))
    worker.handlerLog(logRecord({ line: 'nobody’s' }))
    expect(worker.logs(step)?.lines.map(({ line }) => line)).toEqual(['inside', 'late'])
  })

  it('lets ten workers share a queue without running anything twice', async () => {
    const seen: StepId[] = []
    const adapter = () =>
      new ScriptedAdapter(async (request) => {
        seen.push(request.stepId)
        return result(request.stepId, '{}')
      })
    const ids = await Promise.all(Array.from({ length: 100 }, () => steps.enqueue()))
    const workers = await Promise.all(Array.from({ length: 10 }, () => startWorker(steps, adapter())))
    for (const id of ids) await finished(id)
    await Promise.all(workers.map((one) => one.stop()))
    expect(seen.toSorted()).toEqual(ids.toSorted())
  })
})
