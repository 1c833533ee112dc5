// A handler that goes down with its process, from the runtime to the next attempt: real database, real orchestrator.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { HandlerDescriptor } from '../../src/model/handler.ts'
import type { StepId } from '../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import { hostFailure } from '../../src/model/step-result.ts'
import { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { eventually } from '../fixtures/eventually.ts'
import { handlerDescriptor, ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { startWorker } from './workers.ts'

let steps: StepDatabase
let orchestrator: Orchestrator
let worker: Worker | null = null
beforeAll(async () => {
  // Whoever waits for this backoff waits for an hour.
  steps = await openStepDatabase({ attemptsMax: 3, backoffBaseMs: 3_600_000 })
  orchestrator = new Orchestrator({
    store: steps.store,
    wakeUps: null,
    onFault: () => {},
    onWarning: () => {},
    timing: { resultPollMs: 10, retryPollMs: 10 },
  })
  await orchestrator.start()
})
afterEach(async () => {
  await worker?.stop()
  worker = null
})
afterAll(async () => {
  await orchestrator.stop()
  await steps.close()
})

/** The first attempt stores a checkpoint and is lost with its process, the second succeeds. */
async function crashOnce(onCrash: HandlerDescriptor['onCrash']): Promise<{ step: StepId; adapter: ScriptedAdapter }> {
  const step = await steps.enqueue()
  const adapter = new ScriptedAdapter(async (request, _cancelled, events) => {
    const { stepId } = request
    if (request.attempts > 0)
      return { stepId, success: true, outcome: null, result: emptyObject, metadata: emptyObject, executionTimeMs: 1 }
    events.started(stepId)
    await events.checkpoint(stepId, '{"cursor":7,"items_processed":7}' as JsonText)
    return hostFailure(stepId, 'handler_lost', 'The process was killed by SIGSEGV.')
  })
  adapter.announced = [handlerDescriptor('work', { onCrash })]
  worker = await startWorker(steps, adapter)
  return { step, adapter }
}

function retryAfter(step: StepId): Promise<string | null> {
  return steps.scalar(
    `SELECT results #>> '{orchestration_metadata,headers,retry-after}' FROM tasker.workflow_steps WHERE workflow_step_uuid = $1`,
    [step],
  )
}

describe('a crash', () => {
  it('is retried at once where the handler says so, with the attempt spent and the checkpoint at hand', async () => {
    const { step, adapter } = await crashOnce('retry')
    await eventually('the step is complete', async () => (await steps.state(step)) === 'complete', 20_000)
    expect((await steps.row(step)).attempts).toBe(2)
    expect(adapter.seen.map(({ attempts }) => attempts)).toEqual([0, 1])
    expect(JSON.parse(adapter.seen[1]?.workflowStep ?? '')).toMatchObject({
      attempts: 1,
      checkpoint: { cursor: 7, items_processed: 7 },
    })
    expect(await steps.states(step)).toContain('waiting_for_retry')
    const lost = `SELECT metadata ->> 'event' FROM tasker.workflow_step_transitions
                   WHERE workflow_step_uuid = $1 AND to_state = 'enqueued_as_error_for_orchestration'`
    expect(await steps.scalar<string>(lost, [step])).toContain('"retry-after": "0"')
  })

  it('waits for the backoff where the handler does not', async () => {
    const { step, adapter } = await crashOnce('backoff')
    await eventually('the step waits', async () => (await steps.state(step)) === 'waiting_for_retry', 20_000)
    expect(await retryAfter(step)).toBeNull()
    const waitS = `SELECT backoff_request_seconds FROM tasker.workflow_steps WHERE workflow_step_uuid = $1`
    expect(await steps.scalar<number>(waitS, [step])).toBeGreaterThan(3_000)
    expect(adapter.seen).toHaveLength(1)
  })
})
