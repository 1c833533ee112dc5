// A task is cancelled while its step runs or waits here: the handler is told and stopped, and what waits never starts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StepId } from '../../src/model/ids.ts'
import type { CancelReason } from '../../src/model/runtime-adapter.ts'
import { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { eventually } from '../fixtures/eventually.ts'
import { never, startListeningWorker } from './listening-worker.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { startWorker } from './workers.ts'

let steps: StepDatabase
let operator: Orchestrator
beforeAll(async () => {
  steps = await openStepDatabase()
  operator = new Orchestrator({ store: steps.store, wakeUps: null, onFault: () => {}, onWarning: () => {} })
})
afterAll(() => steps.close())

const taskOf = (step: StepId) =>
  steps.scalar<string>('SELECT task_uuid FROM tasker.workflow_steps WHERE workflow_step_uuid = $1', [step])

/** Handlers that end only when they are told to. */
function patient(): { adapter: ScriptedAdapter; told: CancelReason[] } {
  const told: CancelReason[] = []
  const adapter = new ScriptedAdapter(async (request, cancelled) => {
    told.push(await cancelled)
    return success(request)
  })
  return { adapter, told }
}

describe('a step that is taken back', () => {
  it('has its handler stopped by a notification, long before any heartbeat', async () => {
    const { adapter, told } = patient()
    const { worker, stop } = await startListeningWorker(steps, {
      ...{ mode: 'EventDrivenOnly', adapter, leaseMs: never, heartbeatMs: never },
    })
    const step = await steps.enqueue()
    await eventually('it runs', () => worker.running === 1)
    await operator.cancel(await taskOf(step))
    await eventually('the handler is told', () => told.length === 1)
    await eventually('the permit is free', () => worker.usage().permitsUsed === 0)
    expect(told).toEqual(['lease_lost'])
    expect(await steps.states(step)).toEqual(['pending', 'enqueued', 'in_progress', 'cancelled'])
    expect(worker.counters.dropped.lease_lost).toBe(1)
    await stop()
  })

  it('has its handler stopped after a heartbeat where no notification comes', async () => {
    const { adapter, told } = patient()
    const worker = await startWorker(steps, adapter, { heartbeatMs: 20 })
    const [resolved, other] = [await steps.enqueue(), await steps.enqueue()]
    await eventually('both run', () => worker.running === 2)
    const taskId = await taskOf(resolved)
    await operator.actOnStep(taskId, resolved, { actionType: 'resolve_manually', reason: 'enough', resolvedBy: 'ann' })
    await eventually('one handler is told', () => told.length === 1)
    expect(worker.running).toBe(1)
    expect(await steps.state(other)).toBe('in_progress')
    await operator.cancel(await taskOf(other))
    await eventually('the other too', () => worker.running === 0)
    await worker.stop()
  })

  it('never starts when it only waits here', async () => {
    const { adapter } = patient()
    const worker = await startWorker(steps, adapter, { heartbeatMs: 20, concurrentHandlersMax: 1, prefetchMax: 1 })
    const running = await steps.enqueue()
    await eventually('one runs', () => worker.running === 1)
    const waiting = await steps.enqueue()
    await eventually('one waits', () => worker.usage().waiting === 1)
    await operator.cancel(await taskOf(waiting))
    await eventually('it is let go', () => !worker.ownedSteps.includes(waiting))
    await operator.cancel(await taskOf(running))
    const last = await steps.enqueue()
    await eventually('the next one runs', async () => (await steps.state(last)) === 'in_progress')
    expect(adapter.seen.map(({ stepId }) => stepId)).toEqual([running, last])
    expect(await steps.states(waiting)).toEqual(['pending', 'enqueued', 'in_progress', 'cancelled'])
    await operator.cancel(await taskOf(last))
    await eventually('all have ended', () => worker.running === 0)
    await worker.stop()
  })
})
