// A step that two workers died with: alone on the third, in a process of its own, and never at the cost of the others' attempts.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LoneSteps } from '../../src/dispatch/lone-steps.ts'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { StepId } from '../../src/model/ids.ts'
import { hostFailure } from '../../src/model/step-result.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { claimedStep, success } from './steps.ts'
import { sourceOf, startWorker } from './workers.ts'

let steps: StepDatabase
const workers: Worker[] = []
beforeAll(async () => {
  steps = await openStepDatabase({ attemptsMax: 10 })
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})
afterAll(() => steps.close())

function gate(): { opened: Promise<void>; open(): void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Enqueues a step that was taken back from two dead workers. */
async function enqueuePoison(): Promise<StepId> {
  const step = await steps.enqueue()
  await steps.database.query({
    text: `
WITH counted AS (
  UPDATE tasker.workflow_steps SET attempts = 2 WHERE workflow_step_uuid = $1::uuid
)
INSERT INTO tasker.workflow_step_transitions (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT $1::uuid, 'enqueued', 'in_progress', jsonb_build_object('recovered_from', gen_random_uuid()), 1000 + i, false, now(), now()
  FROM generate_series(1, 2) AS i`,
    values: [step],
  })
  return step
}

const isDone = async (step: StepId) => (await steps.state(step)) === 'enqueued_for_orchestration'

describe('a step that two workers died with', () => {
  it('runs when the others have ended, and what has not started goes back with its attempt', async () => {
    const [others, alone] = [gate(), gate()]
    let poison: StepId | null = null
    const together: number[] = []
    const adapter = new ScriptedAdapter(async (request) => {
      if (request.stepId === poison) {
        together.push(worker.runningSteps().length)
        await alone.opened
      } else await others.opened
      return success(claimedStep(request.stepId))
    })
    const source = sourceOf(steps)
    const empty = { malformed: 0, gone: 0, stale: 0 }
    let claims = true
    const worker = await startWorker(steps, adapter, {
      ...{ concurrentHandlersMax: 2, prefetchMax: 3 },
      source: {
        claim: async (request) =>
          claims ? source.claim(request) : { steps: [], more: false, leftBehind: true, foreign: 0, setAside: empty },
      },
    })
    workers.push(worker)
    const first = await steps.enqueue()
    await eventually('the first one runs', () => adapter.seen.length === 1)
    claims = false
    poison = await enqueuePoison()
    const waiting = await steps.enqueue()
    claims = true
    await eventually('the prefetched one goes back', () => {
      return adapter.seen.length === 1 && worker.counters.claimed === 3 && worker.counters.released === 1
    })
    const later = await steps.enqueue()
    expect(adapter.seen.map(({ stepId }) => stepId)).toEqual([first])
    others.open()
    await eventually('it runs', () => adapter.seen.some(({ stepId }) => stepId === poison))
    expect(together).toEqual([1])
    for (const step of [waiting, later]) expect(await steps.state(step)).toBe('enqueued')
    alone.open()
    for (const step of [first, poison, waiting, later]) await eventually('it is done', () => isDone(step))
    const attempts = await Promise.all([waiting, later, poison].map(async (step) => (await steps.row(step)).attempts))
    expect(attempts).toEqual([1, 1, 3])
  })

  it('runs in a process of its own where its language is in the worker’s, which ends with it', async () => {
    const step = await enqueuePoison()
    const own = new ScriptedAdapter(async ({ stepId }) => success(claimedStep(stepId)))
    const lives: string[] = []
    own.start = async () => void lives.push('start')
    own.stop = async () => void lives.push('stop')
    const shared = new ScriptedAdapter(async ({ stepId }) => success(claimedStep(stepId)))
    workers.push(await startWorker(steps, shared, { isolated: (runtime) => (runtime === 'python' ? own : null) }))
    await eventually('it is done', () => isDone(step))
    await eventually('its process has ended', () => lives.length === 2)
    expect(lives).toEqual(['start', 'stop'])
    expect([own.seen.length, shared.seen.length]).toEqual([1, 0])
    const next = await steps.enqueue()
    await eventually('the next one is done, as always', () => isDone(next))
    expect([own.seen.length, shared.seen.length]).toEqual([1, 1])
  })

  it('fails for good when its process dies once more, with what is known', async () => {
    const step = await enqueuePoison()
    const own = new ScriptedAdapter(async ({ stepId }) => ({
      ...hostFailure(stepId, 'handler_lost', 'Ended by SIGSEGV.'),
      endedItsProcess: true,
    }))
    const shared = new ScriptedAdapter(async ({ stepId }) => success(claimedStep(stepId)))
    workers.push(await startWorker(steps, shared, { isolated: () => own }))
    await eventually('it has failed', async () => (await steps.state(step)) === 'enqueued_as_error_for_orchestration')
    const stored = `SELECT results ->> 'error' FROM tasker.workflow_steps WHERE workflow_step_uuid = $1`
    const error = JSON.parse(await steps.scalar(stored, [step]))
    const dead = { worker_uuid: expect.any(String), host: null, declared_dead_at: null }
    expect(error).toMatchObject({
      ...{ error_type: 'worker_lost', retryable: false, message: expect.stringContaining('Ended by SIGSEGV.') },
      context: { callable: 'work', attempts: 3, max_attempts: 10, workers: [dead, dead] },
    })
    expect([own.seen.length, shared.seen.length]).toEqual([1, 0])
  })

  it('goes back with its attempt when it cannot be alone in time, and the worker goes on', async () => {
    const open = gate()
    const adapter = new ScriptedAdapter(async ({ stepId }) => {
      await open.opened
      return success(claimedStep(stepId))
    })
    const [long, poison] = [await steps.enqueue(), await enqueuePoison()]
    const worker = await startWorker(steps, adapter, { handlerTimeoutMs: 50, cancelGraceMs: 50 })
    workers.push(worker)
    await eventually('the long one runs', () => adapter.seen.length === 1)
    await eventually('it was given back', () => worker.counters.released > 0)
    open.open()
    await eventually('the long one is done', () => isDone(long))
    await eventually('it is done later', () => isDone(poison))
    expect((await steps.row(poison)).attempts).toBe(3)
  })
})

describe('the place of a lone step', () => {
  it('takes a process of its own that does not know the handler any more as one that did not start', async () => {
    const run = async ({ stepId }: { stepId: StepId }) => success(claimedStep(stepId))
    const [shared, own] = [new ScriptedAdapter(run), new ScriptedAdapter(run)]
    let stops = 0
    own.stop = async () => {
      stops += 1
    }
    own.announced = []
    const nothing = () => {}
    const lone = new LoneSteps(1, { isolated: () => own, arrived: nothing, left: nothing, lostWith: async () => [] })
    const [descriptor] = shared.handlers()
    if (descriptor === undefined) throw new Error('The adapter announces nothing.')
    const isolated = lone.isolate({ adapter: shared, descriptor }, async ({ adapter }) => adapter === own)
    await expect(isolated).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    expect(stops).toBe(1)
  })

  it('is taken once, and freed when the wait is refused', async () => {
    const said: string[] = []
    const lone = new LoneSteps(60_000, {
      isolated: () => null,
      arrived: () => said.push('arrived'),
      left: () => said.push('left'),
      lostWith: async () => [],
    })
    expect(lone.enter()).toBeNull()
    const waiting = lone.enterAlone()
    expect(lone.isTaken).toBe(true)
    expect(await lone.enterAlone()).toContain('another step')
    expect(lone.enter()).toContain('another step')
    lone.refuseWaiting('the worker ends')
    expect(await waiting).toBe('the worker ends')
    expect([lone.isTaken, said]).toEqual([false, ['arrived', 'left']])
    lone.leave({ alone: false })
    expect(await lone.enterAlone()).toBeNull()
    lone.leave({ alone: true })
    expect(lone.isTaken).toBe(false)
  })
})
