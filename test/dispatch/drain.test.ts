// The end of a worker: bounded whatever handlers and PostgreSQL do, and honest about what is left.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drainThatFits } from '../../src/dispatch/drain.ts'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { Claim } from '../../src/model/claim-source.ts'
import type { StepId } from '../../src/model/ids.ts'
import type { CompletionAnswer } from '../../src/model/step-store.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { claimedStep, quietEvents, success } from './steps.ts'
import { sourceOf, startWorker, type TestWorkerOptions } from './workers.ts'

let steps: StepDatabase
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterAll(() => steps.close())

const succeed = new ScriptedAdapter(async ({ stepId }) => success(claimedStep(stepId)))
const never = new Promise<never>(() => {})

/** A worker with one step in a handler. */
async function running(
  adapter: ScriptedAdapter,
  options: TestWorkerOptions,
): Promise<{ worker: Worker; step: StepId }> {
  const step = await steps.enqueue()
  const worker = await startWorker(steps, adapter, options)
  await eventually('the handler runs', () => adapter.seen.some(({ stepId }) => stepId === step))
  return { worker, step }
}

async function finishedByAnother(step: StepId): Promise<void> {
  const another = await startWorker(steps, succeed, { leaseMs: 60_000 })
  const done = async () => (await steps.state(step)) === 'enqueued_for_orchestration'
  await eventually('another worker has done the step', done).finally(() => another.stop())
}

const lives = (worker: Worker) =>
  steps.scalar<boolean | null>(
    'SELECT (SELECT declared_dead_at IS NULL FROM stephost.workers WHERE worker_uuid = $1)',
    [worker.workerId],
  )

describe('the end of a worker', () => {
  it('leaves a step whose handler cannot be stopped to others, which need not wait for the lease', async () => {
    const deaf = new ScriptedAdapter(() => never)
    const { worker, step } = await running(deaf, { drainGraceMs: 20, cancelGraceMs: 20 })
    await worker.stop()
    expect([worker.ownedSteps, worker.running]).toEqual([[step], 1])
    expect(await lives(worker)).toBe(false)
    await finishedByAnother(step)
    expect((await steps.row(step)).attempts).toBe(2)
  })

  it('waits for a killed handler: its result is stored, and nothing is left', async () => {
    const killed = new ScriptedAdapter(async (request, cancelled, events) => {
      await cancelled
      // As an adapter does it: the grace, then the end of the process.
      await new Promise((resolve) => setTimeout(resolve, 200))
      return untilCancelled(request, cancelled, events)
    })
    const { worker, step } = await running(killed, { drainGraceMs: 20, cancelGraceMs: 20 })
    await worker.stop()
    expect(worker.ownedSteps).toEqual([])
    expect(await steps.state(step)).toBe('enqueued_as_error_for_orchestration')
    expect(await lives(worker)).toBeNull()
  })

  it('says that handlers did not stop, however soon after the grace their runtime has killed them', async () => {
    const cancelGraceMs = 50
    const killed = new ScriptedAdapter(async (request, cancelled, events) => {
      await cancelled
      await new Promise((resolve) => setTimeout(resolve, cancelGraceMs))
      return untilCancelled(request, cancelled, events)
    })
    const said: string[] = []
    const events = { ...quietEvents, warning: (message: string) => void said.push(message) }
    const { worker } = await running(killed, { drainGraceMs: 20, cancelGraceMs, events })
    await worker.stop()
    expect(said).toEqual(['handlers still run; they are told to stop', 'handlers did not stop; they are killed'])
  })

  it('does not wait for a PostgreSQL that answers nothing, and names the steps that are left', async () => {
    let silent = false
    class SilentStore extends PostgresStepStore {
      override complete(...given: Parameters<PostgresStepStore['complete']>): Promise<readonly CompletionAnswer[]> {
        return silent ? never : super.complete(...given)
      }
      override release(...given: Parameters<PostgresStepStore['release']>): Promise<number> {
        return silent ? never : super.release(...given)
      }
      override heartbeat(
        ...given: Parameters<PostgresStepStore['heartbeat']>
      ): ReturnType<PostgresStepStore['heartbeat']> {
        return silent ? never : super.heartbeat(...given)
      }
      override leave(...given: Parameters<PostgresStepStore['leave']>): Promise<void> {
        return silent ? never : super.leave(...given)
      }
    }
    const source = sourceOf(steps)
    const [step, waiting] = [await steps.enqueue(), await steps.enqueue()]
    const adapter = new ScriptedAdapter(untilCancelled)
    const worker = await startWorker(steps, adapter, {
      store: new SilentStore(steps.database, { leaseMs: 2_000 }),
      source: { claim: (request): Promise<Claim> => (silent ? never : source.claim(request)) },
      ...{ concurrentHandlersMax: 1, prefetchMax: 1, drainGraceMs: 20, cancelGraceMs: 200 },
    })
    await eventually(
      'one runs, the other is prefetched',
      () => worker.counters.claimed === 2 && adapter.seen.length === 1,
    )
    silent = true
    await worker.stop()
    expect(new Set(worker.ownedSteps)).toEqual(new Set([step, waiting]))
    expect(await lives(worker)).toBe(true)
    const text = `UPDATE stephost.workers SET declared_dead_at = now() WHERE worker_uuid = $1`
    await steps.database.query({ text, values: [worker.workerId] })
    await finishedByAnother(step)
    await finishedByAnother(waiting)
  }, 30_000)

  it('signs off as dead while a claim is unanswered, so that a step of its late commit is found', async () => {
    const source = sourceOf(steps)
    let claims = 0
    let commit = () => {}
    const committing = new Promise<void>((resolve) => {
      commit = resolve
    })
    let late: Promise<Claim> | null = null
    const worker = await startWorker(steps, new ScriptedAdapter(untilCancelled), {
      source: {
        claim: (request) => {
          claims += 1
          late ??= committing.then(() => source.claim(request))
          return late
        },
      },
    })
    await eventually('a claim is under way', () => claims === 1)
    await worker.stop()
    expect(await lives(worker)).toBe(false)
    expect(worker.ownedSteps).toEqual([])
    commit()
    await late
  })

  it('cuts the drain so that all phases fit into the whole', () => {
    const whole = { cancelGraceMs: 2_000, shutdownMaxMs: 28_000 }
    expect(drainThatFits({ ...whole, drainGraceMs: 18_000 })).toBe(18_000)
    expect(drainThatFits({ ...whole, drainGraceMs: 60_000 })).toBe(18_000)
    expect(drainThatFits({ ...whole, drainGraceMs: 60_000, shutdownMaxMs: 100_000 })).toBe(60_000)
    expect(drainThatFits({ ...whole, drainGraceMs: 60_000, shutdownMaxMs: 1_000 })).toBe(0)
  })
})
