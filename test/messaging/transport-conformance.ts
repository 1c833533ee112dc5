// What every transport promises, as one table of cases: the same tests on pgmq in one database, on pgmq in a database of its own, and on RabbitMQ.
import { isDeepStrictEqual } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { HostError } from '../../src/model/host-error.ts'
import type { ClaimId, StepId, WorkerId } from '../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { handlerDescriptor, ScriptedAdapter, untilCancelled } from '../dispatch/scripted-adapter.ts'
import { queue } from '../dispatch/step-database.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { TransportRig } from './transport-rig.ts'

export interface TransportTraits {
  readonly name: string
  open(): Promise<TransportRig>
  /** The messages of a statement are sent by it, so a result that is stored cannot be untold. */
  readonly sendsInside: boolean
}

export async function succeed({ stepId }: StepRequest): Promise<StepResult> {
  const result = '{"n":9223372036854775807,"f":1.0}' as JsonText
  return { stepId, success: true, outcome: null, result, metadata: emptyObject, executionTimeMs: 7 }
}

/** A handler that waits until it is let go. */
export function gate(): { readonly open: () => void; readonly handler: (request: StepRequest) => Promise<StepResult> } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), handler: (request) => opened.then(() => succeed(request)) }
}

export function exerciseTransport(traits: TransportTraits): void {
  let rig: TransportRig
  beforeAll(async () => {
    rig = await traits.open()
  }, 180_000)
  afterEach(async () => {
    await rig.stopAll()
    await rig.queues.take(queue)
    await rig.results()
  })
  afterAll(() => rig?.close())

  const reaches = (step: StepId, state = 'enqueued_for_orchestration') =>
    eventually(`step ${step} is ${state}`, async () => (await rig.steps.state(step)) === state, 20_000)
  const message = async (step: StepId): Promise<unknown> => JSON.parse(await rig.bodyOf(step))

  describe(`the transport ${traits.name}`, () => {
    it('brings a step to its handler, and the result to orchestration', async () => {
      const step = await rig.enqueue()
      await rig.start(new ScriptedAdapter(succeed))
      await reaches(step)
      const told = await eventually('the result is told', async () => (await rig.results())[0] ?? null)
      expect(told).toEqual(await message(step))
      const row = await rig.steps.row(step)
      expect(row).toMatchObject({ attempts: 1, in_process: false })
      expect(row.results).toContain('"result": {"f": 1.0, "n": 9223372036854775807}')
      expect(await rig.steps.states(step)).toEqual(['pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration'])
      expect(await rig.queues.count(queue)).toBe(0)
    })

    it('claims by priority, then by age, of what one claim looks at', async () => {
      const { open, handler } = gate()
      const adapter = new ScriptedAdapter(handler)
      const first = await rig.enqueue()
      // Long enough for nothing to be handed back while the only permit is taken.
      await rig.start(adapter, { concurrentHandlersMax: 1, foreignRetryMs: 20_000 })
      await eventually('the permit is taken', () => adapter.seen.length === 1)
      const priorities = [1, 5, 1, 5]
      const steps: StepId[] = []
      for (const priority of priorities) {
        const step = await rig.steps.enqueue()
        await rig.steps.database.query({
          text: `WITH gone AS (DELETE FROM pgmq.q_${queue} WHERE message ->> 'step_uuid' = $1::text)
                 UPDATE tasker.tasks SET priority = $2 WHERE task_uuid = (SELECT task_uuid FROM tasker.workflow_steps WHERE workflow_step_uuid = $1::uuid)`,
          values: [step, priority],
        })
        await rig.queues.send(queue, await rig.bodyOf(step))
        steps.push(step)
      }
      await eventually('they are within reach', async () => (await rig.reachable()) >= steps.length)
      open()
      for (const step of steps) await reaches(step)
      const [a, b, c, d] = steps
      expect(adapter.seen.map(({ stepId }) => stepId)).toEqual([first, b, d, a, c])
    })

    it('sets malformed, unknown and stale messages aside and goes on', async () => {
      const count = 'SELECT count(*)::int FROM stephost.rejected_messages'
      const before = await rig.steps.scalar<number>(count)
      const done = await rig.enqueue()
      const { worker } = await rig.start(new ScriptedAdapter(succeed))
      await reaches(done)
      for (const body of ['{}', '[]', '"text"', '7', 'null', '{"step_uuid":"no uuid"}', '{"step_uuid":{"a":1}}'])
        await rig.queues.send(queue, body)
      await rig.queues.send(queue, '{"step_uuid":"00000000-0000-7000-8000-000000000000"}')
      await rig.queues.send(queue, await rig.bodyOf(done))
      const good = await rig.enqueue()
      await reaches(good)
      await eventually('all are decided', () => worker.counters.setAside.stale === 1)
      expect(worker.counters.setAside).toEqual({ malformed: 7, gone: 1, stale: 1 })
      expect(await rig.steps.scalar(count)).toBe(before + 7)
      await rig.stopAll()
      expect(await rig.queues.count(queue)).toBe(0)
    })

    it('leaves steps without a handler here to others, however many stand in front, and fails them once nobody came', async () => {
      const strangers: StepId[] = []
      for (let n = 0; n < 30; n += 1) strangers.push(await rig.enqueue())
      const elsewhere = new ScriptedAdapter(untilCancelled)
      elsewhere.announced = [handlerDescriptor('other')]
      const first = await rig.start(elsewhere)
      await rig.queues.send(queue, '{}')
      await eventually('what stands behind them is reached', () => first.worker.counters.setAside.malformed === 1)
      expect(await rig.steps.state(strangers[0] as StepId)).toBe('enqueued')
      const second = await rig.start(new ScriptedAdapter(succeed))
      for (const step of strangers) await reaches(step)
      expect(first.worker.counters.claimed).toBe(0)
      expect(second.worker.counters.claimed).toBe(30)
      await rig.stopAll()
      const lonely = await rig.enqueue()
      await rig.start(elsewhere, { foreignGraceMs: 0 })
      await reaches(lonely, 'enqueued_as_error_for_orchestration')
      expect((await rig.steps.row(lonely)).results).toContain('handler_not_found')
    }, 90_000)

    it('returns steps whose claim was never answered, with their attempt', async () => {
      const step = await rig.enqueue()
      let lost = 0
      await rig.start(new ScriptedAdapter(succeed), {
        tamper: ({ source }) => ({
          source: {
            serve: (namespaces) => source.serve(namespaces),
            claim: async (request) => {
              const claim = await source.claim(request)
              if (claim.steps.length === 0 || lost > 0) return claim
              lost += 1
              throw new HostError('DATABASE_UNREACHABLE', 'the answer was cut off')
            },
          },
        }),
      })
      await reaches(step)
      expect(lost).toBe(1)
      expect((await rig.steps.row(step)).attempts).toBe(1)
    })

    it('runs a step once, however often its message comes', async () => {
      const step = await rig.enqueue()
      for (let n = 0; n < 5; n += 1) await rig.queues.send(queue, await rig.bodyOf(step))
      const adapter = new ScriptedAdapter(succeed)
      await rig.start(adapter)
      await reaches(step)
      await eventually('the queue is empty', async () => (await rig.queues.count(queue)) === 0)
      await rig.stopAll()
      expect(await rig.queues.count(queue)).toBe(0)
      expect(adapter.seen).toHaveLength(1)
      expect(await rig.results()).toEqual([await message(step)])
    })

    it('lets ten workers share a queue', async () => {
      const adapter = new ScriptedAdapter(succeed)
      const steps: StepId[] = []
      for (let n = 0; n < 60; n += 1) steps.push(await rig.enqueue())
      const workers = await Promise.all(Array.from({ length: 10 }, () => rig.start(adapter, { prefetchMax: 4 })))
      for (const step of steps) await reaches(step)
      await rig.stopAll()
      expect(new Set(adapter.seen.map(({ stepId }) => stepId)).size).toBe(60)
      expect(adapter.seen).toHaveLength(60)
      expect(workers.reduce((sum, { worker }) => sum + worker.counters.completed, 0)).toBe(60)
      expect(await rig.results()).toHaveLength(60)
      expect(await rig.queues.count(queue)).toBe(0)
    })

    it('gives steps back that did not start, with their attempt and one message each', async () => {
      const steps = [await rig.enqueue(), await rig.enqueue(), await rig.enqueue()]
      const { open, handler } = gate()
      const adapter = new ScriptedAdapter(handler)
      const { worker, stop } = await rig.start(adapter, { concurrentHandlersMax: 1, prefetchMax: 2 })
      await eventually('one runs, two wait', () => adapter.seen.length === 1 && worker.counters.claimed === 3)
      const stopped = stop()
      await eventually('the two are back', async () => (await rig.queues.count(queue)) === 2)
      open()
      await stopped
      expect(await rig.queues.count(queue)).toBe(2)
      const waiting = steps.filter((step) => step !== adapter.seen[0]?.stepId)
      for (const step of waiting) {
        expect(await rig.steps.state(step)).toBe('enqueued')
        expect((await rig.steps.row(step)).attempts).toBe(0)
      }
      await rig.start(adapter)
      for (const step of steps) await reaches(step)
    })

    it('takes the steps of a dead worker back', async () => {
      const step = await rig.enqueue()
      const dead = '00000000-0000-4000-8000-00000000dead' as WorkerId
      await rig.steps.database.query({
        text: `INSERT INTO stephost.workers (worker_uuid, host, namespaces, notes_claims, heartbeat_at) VALUES ($1, 'test', '{shop}', true, now() - interval '1 hour')`,
        values: [dead],
      })
      const adapter = new ScriptedAdapter(succeed)
      const transport = rig.transport()
      await transport.start()
      const close = await transport.wakeUps?.listen('any', () => {})
      const runnable = await rig.steps.database.query<{ namedTaskId: never }>({
        text: `SELECT named_task_uuid AS "namedTaskId" FROM tasker.named_tasks`,
      })
      const request = { workerId: dead, claimId: crypto.randomUUID() as string as ClaimId, free: 1, prefetch: 0 }
      const list = runnable.map(({ namedTaskId }) => ({ namedTaskId, templateStep: 'work' }))
      await eventually('it is claimed', async () => {
        const claim = await transport.source.claim({ ...request, runnable: list })
        return claim.steps.length === 1
      })
      await close?.()
      await transport.stop()
      expect(await rig.steps.state(step)).toBe('in_progress')
      await rig.start(adapter, { leaseMs: 300, heartbeatMs: 50 })
      await reaches(step)
      expect((await rig.steps.row(step)).attempts).toBe(2)
      expect(await rig.steps.states(step)).toContain('enqueued')
      await eventually('the result is told', async () => (await rig.results()).length === 1)
    })

    it('sends the message of a step again that got lost, once', async () => {
      const step = await rig.enqueueSilently()
      const adapter = new ScriptedAdapter(succeed)
      await rig.start(adapter, { resendEveryMs: 50, resendAfterMs: 0 })
      await reaches(step)
      expect(adapter.seen).toHaveLength(1)
      expect((await rig.steps.row(step)).attempts).toBe(1)
    })

    if (traits.sendsInside) return
    it('tells of a result again whose message a crash swallowed', async () => {
      const step = await rig.enqueue()
      await rig.start(new ScriptedAdapter(succeed), { tamper: () => ({ outgoing: { accept: () => {} } }) })
      await reaches(step)
      await rig.stopAll()
      expect(await rig.results()).toEqual([])
      const idle = new ScriptedAdapter(succeed)
      await rig.start(idle, { resendEveryMs: 50, resendAfterMs: 0 })
      // Results of other tests, which nobody judged either, may come before it.
      const mine = await message(step)
      const told = async () => (await rig.results()).some((other) => isDeepStrictEqual(other, mine))
      await eventually('the result is told', told)
      expect(idle.seen).toEqual([])
    })
  })
}
