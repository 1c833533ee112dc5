// Events of real steps on a real database: after the commit, in the queue, with the result as it is stored.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import { DomainEvents } from '../../src/events/domain-events.ts'
import { type JsonText, toJsonText } from '../../src/model/json-text.ts'
import { PgmqEventQueue } from '../../src/postgres/pgmq-event-queue.ts'
import { ScriptedAdapter } from '../dispatch/scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from '../dispatch/step-database.ts'
import { success } from '../dispatch/steps.ts'
import { startWorker } from '../dispatch/workers.ts'
import { eventually } from '../fixtures/eventually.ts'

let steps: StepDatabase
let worker: Worker | null = null
const events = 'shop_domain_events'
beforeAll(async () => {
  steps = await openStepDatabase({
    publishesEvents: [
      { name: 'work.done', description: 'done', schema: {}, condition: 'success' },
      { name: 'work.failed', description: 'failed', schema: {}, condition: 'failure' },
    ],
  })
})
afterEach(async () => {
  await worker?.stop()
  worker = null
})
afterAll(() => steps.close())

function domainEvents(): DomainEvents {
  return new DomainEvents({
    queue: new PgmqEventQueue(steps.database),
    authorCode: () => {
      if (worker === null) throw new Error('There is no worker yet.')
      return worker.authorCode
    },
    violations: () => [],
    warn: (message) => expect.unreachable(message),
  })
}

it('publishes what is stored, once it is stored', async () => {
  const step = await steps.enqueue()
  const failing = await steps.enqueue('{"fails":true}')
  const adapter = new ScriptedAdapter(async (request) => {
    const given = { stepId: request.stepId, metadata: '{"by":"test"}' as JsonText, executionTimeMs: 7 }
    if (!request.task.includes('fails')) {
      return { ...given, success: true, outcome: null, result: '{"n":9223372036854775807}' as JsonText }
    }
    const error = { message: 'no luck', errorType: 'handler_error', errorCode: 'E1', retryable: true, retryAfterS: 3 }
    return { ...given, success: false, ...error, backtrace: ['a.rb:1'], context: '{"k":1}' as JsonText }
  })
  worker = await startWorker(steps, adapter, { storedSteps: domainEvents() })
  await eventually('both are in the queue', async () => (await steps.queued(events)) === 2)
  const rows = await steps.database.query<{ message: string }>({
    text: `SELECT message FROM pgmq.q_${events} ORDER BY message ->> 'event_name'`,
  })
  expect(rows[0]?.message).toContain('9223372036854775807')
  for (const [index, id] of [step, failing].entries()) {
    const event = JSON.parse(rows[index]?.message ?? '')
    const stored = JSON.parse((await steps.row(id)).results ?? '')
    expect(event.metadata).toMatchObject({ step_uuid: id, namespace: 'shop', step_name: 'work' })
    // Written by two rooms: what a reader of the queue sees must be what stands in the table, moments apart.
    const { metadata, ...result } = event.payload.execution_result
    expect(stored).toMatchObject(result)
    expect(stored.metadata).toMatchObject({ ...metadata, completed_at: expect.any(String) })
  }
})

it('an event that no jsonb can hold harms only itself', async () => {
  const queue = new PgmqEventQueue(steps.database)
  const before = await steps.queued(events)
  const document = (payload: unknown) => ({ namespace: 'shop', document: toJsonText({ payload }) })
  const answers = await queue.send([document(1), document('\u0000'), document(3)])
  expect(answers).toEqual([null, expect.stringMatching(/\S/), null])
  expect(await steps.queued(events)).toBe(before + 2)
})

it('a step without declared events publishes none', async () => {
  const plain = await openStepDatabase()
  const adapter = new ScriptedAdapter(async ({ stepId }) => ({ ...success({ stepId } as never), stepId }))
  const step = await plain.enqueue()
  const local = await startWorker(plain, adapter, { storedSteps: domainEvents() })
  try {
    await eventually('it is done', async () => (await plain.state(step)) === 'enqueued_for_orchestration')
    expect(await plain.queued(events)).toBe(0)
  } finally {
    await local.stop()
    await plain.close()
  }
})
