// Workers that die, answers that get lost, leases that run out: every step ends exactly once, with its attempts counted.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { Claim, ClaimRequest } from '../../src/model/claim-source.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { StepId, WorkerId } from '../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import type { CompletionAnswer, FinishedStep } from '../../src/model/step-store.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { claimAs, registerSilent, sourceOf, startWorker, storeOf } from './workers.ts'

let steps: StepDatabase
const workers: Worker[] = []
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})
afterAll(() => steps.close())

async function start(...[adapter, options]: [ScriptedAdapter, Parameters<typeof startWorker>[2]?]): Promise<Worker> {
  const worker = await startWorker(steps, adapter, options)
  workers.push(worker)
  return worker
}

const succeed = async (request: StepRequest): Promise<StepResult> => ({
  stepId: request.stepId,
  success: true,
  outcome: null,
  result: emptyObject,
  metadata: emptyObject,
  executionTimeMs: 1,
})

async function reaches(step: StepId, state: string): Promise<void> {
  await eventually(`step ${step} is ${state}`, async () => (await steps.state(step)) === state, 20_000)
}

/** Claims as a worker that then never says another word. */
async function claimAndDie(): Promise<WorkerId> {
  const workerId = await registerSilent(steps, 'gone')
  await claimAs(steps, workerId, 10)
  await steps.database.query({
    text: `UPDATE stephost.workers SET heartbeat_at = now() - interval '1 minute' WHERE worker_uuid = $1`,
    values: [workerId],
  })
  return workerId
}

describe('recovery', () => {
  it('gives the steps of a dead worker to a living one, with the attempt spent and one fresh message', async () => {
    const step = await steps.enqueue()
    const dead = await claimAndDie()
    expect(await steps.state(step)).toBe('in_progress')
    await start(new ScriptedAdapter(succeed), { leaseMs: 300 })
    await reaches(step, 'enqueued_for_orchestration')
    expect((await steps.row(step)).attempts).toBe(2)
    expect(await steps.states(step)).toEqual([
      'pending',
      'enqueued',
      'in_progress',
      'enqueued',
      'in_progress',
      'enqueued_for_orchestration',
    ])
    const note = `SELECT metadata ->> 'recovered_from' FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1 AND metadata ? 'recovered_from'`
    expect(await steps.scalar(note, [step])).toBe(dead)
  })

  it('fails a step as worker_lost when no attempt is left, and tells orchestration', async () => {
    const step = await steps.enqueue()
    await steps.database.query({
      text: 'UPDATE tasker.workflow_steps SET max_attempts = 1 WHERE workflow_step_uuid = $1',
      values: [step],
    })
    await claimAndDie()
    await start(new ScriptedAdapter(succeed), { leaseMs: 300 })
    await reaches(step, 'enqueued_as_error_for_orchestration')
    expect(JSON.parse((await steps.row(step)).results ?? '').error).toMatchObject({
      error_type: 'worker_lost',
      retryable: false,
    })
    const told = `SELECT count(*)::int FROM pgmq.q_orchestration_step_results WHERE message ->> 'step_uuid' = $1`
    expect(await steps.scalar(told, [step])).toBe(1)
  })

  it('does not judge a worker before it has itself lived for a lease', async () => {
    await claimAndDie()
    const worker = await start(new ScriptedAdapter(succeed), { leaseMs: 60_000, heartbeatMs: 10 })
    const beats = () =>
      steps.scalar<number>(
        'SELECT extract(epoch FROM heartbeat_at - started_at)::float8 FROM stephost.workers WHERE worker_uuid = $1',
        [worker.workerId],
      )
    await eventually('several heartbeats', async () => (await beats()) > 0.1)
    expect(
      await steps.scalar('SELECT count(*)::int FROM stephost.workers WHERE host = $1 AND declared_dead_at IS NULL', [
        'gone',
      ]),
    ).toBe(1)
    await steps.database.query({ text: `UPDATE stephost.workers SET declared_dead_at = now() WHERE host = 'gone'` })
  })

  it('never touches steps of workers that are not ours', async () => {
    const step = await steps.enqueue()
    const dead = await claimAndDie()
    await steps.database.query({ text: 'DELETE FROM stephost.workers WHERE worker_uuid = $1', values: [dead] })
    const swept = await storeOf(steps).recover({ workerId: dead, leaseMs: 1_000, mayJudge: true })
    expect(swept.requeued + swept.failed).toBe(0)
    expect(await steps.state(step)).toBe('in_progress')
  })

  it('lets go when it was declared dead: cancels, refuses late results, registers anew', async () => {
    const step = await steps.enqueue()
    let release = () => {}
    const blocked = new Promise<void>((resolve) => {
      release = resolve
    })
    const adapter = new ScriptedAdapter(async (request) => {
      if (request.attempts === 0) await blocked
      return succeed(request)
    })
    const worker = await start(adapter)
    await eventually('the handler runs', () => adapter.seen.length === 1)
    const firstLife = worker.workerId
    await steps.database.query({
      text: 'UPDATE stephost.workers SET declared_dead_at = now() WHERE worker_uuid = $1',
      values: [firstLife],
    })
    await eventually('a new registration', () => worker.workerId !== firstLife)
    release()
    await eventually('the late result was dropped', () => worker.counters.dropped.lease_lost === 1)
    await reaches(step, 'enqueued_for_orchestration')
    expect((await steps.row(step)).attempts).toBe(2)
  })

  it('tells a late result from that of the next claim, when PostgreSQL was away and both waited', async () => {
    let [away, tries] = [true, 0]
    class AwayStore extends PostgresStepStore {
      override async complete(...[workerId, finished]: Parameters<PostgresStepStore['complete']>) {
        tries += 1
        if (away) throw new HostError('DATABASE_UNREACHABLE', 'away')
        return super.complete(workerId, finished)
      }
    }
    const stored: FinishedStep[] = []
    const storedSteps = { stored: (finished: FinishedStep) => void stored.push(finished), drained: async () => {} }
    const adapter = new ScriptedAdapter(succeed)
    const store = new AwayStore(steps.database, { leaseMs: 2_000 })
    const worker = await start(adapter, { store, storedSteps })
    const first = await steps.enqueue()
    await eventually('the first result is on its way', () => tries > 0)
    const second = await steps.enqueue()
    await eventually('the second one waits', () => adapter.seen.length === 2 && worker.running === 0)
    const declare = 'UPDATE stephost.workers SET declared_dead_at = now() WHERE worker_uuid = $1'
    await steps.database.query({ text: declare, values: [worker.workerId] })
    await eventually('both ran again', () => adapter.seen.length === 4 && worker.running === 0)
    away = false
    await eventually('all are settled', () => worker.counters.completed + worker.counters.dropped.refused === 4)
    expect(worker.counters).toMatchObject({ completed: 2, dropped: { refused: 2 } })
    expect(stored.map(({ step }) => step.stepId).toSorted()).toEqual([first, second].toSorted())
    for (const { step } of stored) {
      const kept = `SELECT metadata ->> 'claim_token' FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1 AND most_recent`
      expect(await steps.scalar(kept, [step.stepId])).toBe(step.token)
    }
  })

  it('runs no step on from its checkpoint that was claimed in a life before', async () => {
    const step = await steps.enqueue()
    let hydrations = 0
    class SlowStore extends PostgresStepStore {
      override async hydrate(claimed: Parameters<PostgresStepStore['hydrate']>[0]) {
        hydrations += 1
        if (hydrations === 2) {
          const firstLife = worker.workerId
          await steps.database.query({
            text: 'UPDATE stephost.workers SET declared_dead_at = now() WHERE worker_uuid = $1',
            values: [firstLife],
          })
          await eventually('a new registration', () => worker.workerId !== firstLife)
        }
        return super.hydrate(claimed)
      }
    }
    const adapter = new ScriptedAdapter(async (request) => {
      const document = '{"cursor":1,"items_processed":1}' as JsonText
      if (adapter.seen.length > 1) return succeed(request)
      return { ...(await succeed(request)), outcome: { kind: 'checkpoint', document } } as StepResult
    })
    const worker: Worker = await start(adapter, { store: new SlowStore(steps.database, { leaseMs: 2_000 }) })
    await reaches(step, 'enqueued_for_orchestration')
    expect((await steps.row(step)).attempts).toBe(2)
    // The run that yielded and the one of the new claim.
    expect(adapter.seen.length).toBe(2)
  })

  it('returns steps whose claim was never answered, with their attempt', async () => {
    const step = await steps.enqueue()
    const source = sourceOf(steps)
    let lost = 0
    const deaf = {
      claim: async (request: ClaimRequest): Promise<Claim> => {
        const claim = await source.claim(request)
        if (claim.steps.length > 0 && lost++ === 0)
          throw new HostError('DATABASE_UNREACHABLE', 'the answer was cut off')
        return claim
      },
    }
    await start(new ScriptedAdapter(succeed), { source: deaf })
    await reaches(step, 'enqueued_for_orchestration')
    expect((await steps.row(step)).attempts).toBe(1)
    expect(lost).toBeGreaterThan(0)
  })

  it('repeats a completion whose answer was lost, and stores it once', async () => {
    const step = await steps.enqueue()
    let calls = 0
    class DeafStore extends PostgresStepStore {
      override async complete(
        workerId: WorkerId,
        finished: readonly FinishedStep[],
      ): Promise<readonly CompletionAnswer[]> {
        const answers = await super.complete(workerId, finished)
        calls += 1
        if (calls === 1) throw new HostError('DATABASE_UNREACHABLE', 'the answer was cut off')
        return answers
      }
    }
    const worker = await start(new ScriptedAdapter(succeed), {
      store: new DeafStore(steps.database, { leaseMs: 2_000 }),
    })
    await eventually('the result is settled', () => worker.counters.completed === 1)
    expect(calls).toBe(2)
    expect(await steps.states(step)).toEqual(['pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration'])
    const told = `SELECT count(*)::int FROM pgmq.q_orchestration_step_results WHERE message ->> 'step_uuid' = $1`
    expect(await steps.scalar(told, [step])).toBe(1)
  })

  it('gives prefetched steps back with their attempt when it stops, and cancels what does not end', async () => {
    const ids = await Promise.all(Array.from({ length: 4 }, () => steps.enqueue()))
    const adapter = new ScriptedAdapter(untilCancelled)
    const worker = await startWorker(steps, adapter, { concurrentHandlersMax: 1, prefetchMax: 3, drainGraceMs: 20 })
    await eventually('one runs, three wait', async () => adapter.seen.length === 1 && worker.counters.claimed === 4)
    await worker.stop()
    const [started] = adapter.seen
    for (const id of ids) {
      const { attempts } = await steps.row(id)
      if (id === started?.stepId) {
        expect(await steps.state(id)).toBe('enqueued_as_error_for_orchestration')
        expect(attempts).toBe(1)
      } else {
        expect(await steps.state(id)).toBe('enqueued')
        expect(attempts).toBe(0)
      }
    }
    expect(await steps.queued()).toBe(3)
    expect(
      await steps.scalar('SELECT count(*)::int FROM stephost.workers WHERE worker_uuid = $1', [worker.workerId]),
    ).toBe(0)
    await steps.database.query({ text: 'SELECT pgmq.purge_queue($1)', values: ['worker_shop_queue'] })
  })

  it('keeps a step’s last attempt out of the prefetch', async () => {
    const [first, last] = [await steps.enqueue(), await steps.enqueue()]
    await steps.database.query({
      text: 'UPDATE tasker.workflow_steps SET max_attempts = 1 WHERE workflow_step_uuid = $1',
      values: [last],
    })
    let release = () => {}
    const blocked = new Promise<void>((resolve) => {
      release = resolve
    })
    const adapter = new ScriptedAdapter(async (request) => {
      await blocked
      return succeed(request)
    })
    await start(adapter, { concurrentHandlersMax: 1, prefetchMax: 5 })
    await eventually('one of them runs', () => adapter.seen.length === 1)
    const [running] = adapter.seen
    const waiting = running?.stepId === last ? first : last
    if (waiting === last) expect(await steps.state(last)).toBe('enqueued')
    release()
    await reaches(first, 'enqueued_for_orchestration')
    await reaches(last, 'enqueued_for_orchestration')
  })
})
