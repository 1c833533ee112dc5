// Results that are judged in the transaction that stores them: the same rows as by message, and nobody waits for a task that is held.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Claim, ClaimRequest, RunnableStep } from '../../src/model/claim-source.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { ClaimId, NamedTaskId, WorkerId } from '../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import type { OrchestrationStore } from '../../src/model/orchestration-store.ts'
import type { ReservedClaim, ResultJudge } from '../../src/model/result-judge.ts'
import type { FinishedStep } from '../../src/model/step-store.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import { readyChannel } from '../../src/model/wake-ups.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { ResultProcessor } from '../../src/orchestration/result-processor.ts'
import { PgmqClaimSource } from '../../src/postgres/pgmq-claim-source.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { listenTo } from '../fixtures/heard-notifications.ts'
import { until } from './fake-worker.ts'
import { type Bench, namespace, openBench, request, sketch } from './orchestration-bench.ts'

const leaseMs = 60_000
const line = { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }
const templates = [
  sketch('line', line),
  sketch('once', { a: {}, often: { after: ['a'] }, once: { after: ['a'], retry: { attemptsMax: 1 } } }),
  sketch('fan', { a: {}, b: { after: ['a'] }, c: { after: ['a'] } }),
  sketch('changing', { a: {}, left: { after: ['a'] }, end: { type: 'deferred_convergence', after: ['left'] } }),
  sketch('mixed', { good: {}, flaky: {}, broken: { retry: { retryable: false } } }),
]
let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench(templates)
  orchestrator = bench.orchestrator()
  await orchestrator.start()
})
afterAll(() => bench.close())

type Answer = (name: string) => { readonly success: boolean; readonly result?: JsonText }

/** A worker's way to the database, with or without an orchestrator beside it. */
class Way {
  readonly workerId = randomUUID() as string as WorkerId
  readonly store: PostgresStepStore
  readonly #source: PgmqClaimSource
  #runnable: readonly RunnableStep[] = []

  constructor(judge: ResultJudge | null) {
    this.store = new PostgresStepStore(bench.database, { leaseMs, judge })
    this.#source = new PgmqClaimSource(bench.database, {
      ...{ namespaces: [namespace], onClaim: 'archive' },
      ...{ foreignRetryMs: 1_000, foreignGraceMs: 60_000 },
    })
  }

  async register(): Promise<void> {
    const named = await this.store.load([namespace])
    this.#runnable = named.flatMap(({ namedTaskId, steps }) =>
      steps.map(({ name }) => ({ namedTaskId: namedTaskId as NamedTaskId, templateStep: name })),
    )
    const runnable = this.#runnable
    await this.store.register({ workerId: this.workerId, host: 'test', namespaces: [namespace], runnable })
  }

  async claim(): Promise<readonly FinishedStep['step'][]> {
    return (await this.#source.claim(this.claimRequest())).steps
  }

  claimRequest(): ClaimRequest {
    const [runnable, claimId] = [this.#runnable, randomUUID() as string as ClaimId]
    return { workerId: this.workerId, claimId, free: 50, prefetch: 0, runnable, lanes: null }
  }

  complete(steps: readonly FinishedStep['step'][], answer: Answer = () => ({ success: true })) {
    return this.store.complete(
      this.workerId,
      steps.map((step) => finished(step, answer(step.templateStep))),
    )
  }
}

function finished(step: FinishedStep['step'], answer: ReturnType<Answer>): FinishedStep {
  const common = { stepId: step.stepId, metadata: emptyObject, executionTimeMs: 1 }
  const result: FinishedStep['result'] = answer.success
    ? { ...common, success: true, outcome: null, result: answer.result ?? ('{"ok":true}' as JsonText) }
    : {
        ...{ ...common, success: false, message: 'it failed', errorType: 'Oops', errorCode: null, retryable: true },
        ...{ retryAfterS: null, context: emptyObject, backtrace: [] },
      }
  return { step, result, runtime: 'ruby', request: null }
}

/** A worker and an orchestrator that claim together, and what became of the room that the worker reserved. */
async function openBeside(
  given: {
    request?: (usual: ClaimRequest) => Partial<ClaimRequest>
    transaction?: OrchestrationStore['transaction']
  } = {},
) {
  const [taken, ends]: [Claim[], string[]] = [[], []]
  const seen = { taken, ends, woken: 0 }
  const changed = (usual: ClaimRequest) => ({ ...usual, ...given.request?.(usual) })
  const reserve = (steps: number): ReservedClaim => ({
    request: changed({ ...way.claimRequest(), free: steps }),
    took: (claim) => {
      taken.push(claim)
      ends.push('took')
    },
    tookNothing: () => ends.push('tookNothing'),
    unknown: () => ends.push('unknown'),
  })
  const neighbour = { claims: true, wake: () => (seen.woken += 1), reserve }
  const results = new ResultProcessor({
    store: { ...bench.store, transaction: given.transaction ?? ((work) => bench.store.transaction(work)) },
    neighbour,
  })
  const way = await openWay({ completeJudged: (workerId, finished) => results.complete(workerId, finished) })
  return Object.assign(seen, { way, neighbour, orchestrator })
}

const isNot = (name: string) => (step: RunnableStep) => step.templateStep !== name

async function stateOf(taskId: string, name: string): Promise<unknown> {
  const rows = await bench.rows(
    `SELECT w.to_state FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid)
       JOIN tasker.workflow_step_transitions w USING (workflow_step_uuid) WHERE s.task_uuid = $1 AND n.name = $2 AND w.most_recent`,
    taskId,
    name,
  )
  return rows[0]?.['to_state']
}

async function openWay(judge: ResultJudge | null): Promise<Way> {
  const way = new Way(judge)
  await way.register()
  return way
}

async function run(way: Way, name: string, answer?: Answer): Promise<string> {
  const { taskId } = await orchestrator.createTask(request(name))
  await until(async () => {
    const steps = (await way.claim()).filter((step) => step.taskId === taskId)
    if (steps.length > 0) await way.complete(steps, answer)
    return settledTaskStates.has((await orchestrator.progress(taskId)).state)
  })
  return taskId
}

/** All that is stored of a task, without ids and times. */
async function stored(taskId: string): Promise<unknown> {
  const steps = await bench.rows(
    `SELECT n.name, s.in_process, s.processed, s.processed_at IS NOT NULL AS at, s.attempts, s.results ->> 'success' AS success,
            s.backoff_request_seconds,
            (SELECT jsonb_agg(jsonb_build_array(w.from_state, w.to_state, w.sort_key, w.most_recent,
                                                CASE WHEN pg_input_is_valid(w.metadata ->> 'event', 'jsonb') THEN (w.metadata ->> 'event')::jsonb - 'data' END,
                                                (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(w.metadata) k)) ORDER BY w.sort_key)
               FROM tasker.workflow_step_transitions w WHERE w.workflow_step_uuid = s.workflow_step_uuid) AS transitions,
            (SELECT jsonb_agg(jsonb_build_array(a.success, a.execution_time_ms)) FROM tasker.workflow_step_result_audit a
              WHERE a.workflow_step_uuid = s.workflow_step_uuid) AS audits
       FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid)
      WHERE s.task_uuid = $1 ORDER BY n.name`,
    taskId,
  )
  const task = await bench.rows(
    `SELECT k.complete, k.completed_at IS NOT NULL AS at,
            (SELECT jsonb_agg(jsonb_build_array(t.from_state, t.to_state, t.sort_key, t.most_recent, t.metadata ->> 'event') ORDER BY t.sort_key)
               FROM tasker.task_transitions t WHERE t.task_uuid = k.task_uuid) AS transitions
       FROM tasker.tasks k WHERE k.task_uuid = $1`,
    taskId,
  )
  return { task, steps }
}

async function messages(taskId: string): Promise<number> {
  const [row] = await bench.rows(
    `SELECT (SELECT count(*)::int FROM pgmq.q_orchestration_step_results WHERE message ->> 'task_uuid' = $1)
          + (SELECT count(*)::int FROM pgmq.a_orchestration_step_results WHERE message ->> 'task_uuid' = $1) AS n`,
    taskId,
  )
  return Number(row?.['n'])
}

describe('a result whose task nobody holds', () => {
  it('leaves the rows that a message would have led to, and no message', async () => {
    const [beside, apart] = [await run(await openWay(orchestrator), 'line'), await run(await openWay(null), 'line')]
    expect(await stored(beside)).toEqual(await stored(apart))
    expect(await messages(beside)).toBe(0)
    expect(await messages(apart)).toBe(3)
  })

  it('may stand beside failures and retries in its batch', async () => {
    const answer = (): Answer => {
      let tries = 0
      return (name) => {
        tries += name === 'flaky' ? 1 : 0
        return { success: name === 'good' || (name === 'flaky' && tries > 1) }
      }
    }
    const beside = await run(await openWay(orchestrator), 'mixed', answer())
    const apart = await run(await openWay(null), 'mixed', answer())
    const [one, other] = [await orchestrator.task(beside), await orchestrator.task(apart)]
    expect(one.state).toBe('blocked_by_failures')
    expect([one.state, one.counts]).toEqual([other.state, other.counts])
    expect(await messages(beside)).toBe(0)
  })

  it('is counted', async () => {
    const before = orchestrator.counts()
    await run(await openWay(orchestrator), 'line')
    const after = orchestrator.counts()
    expect(after.resultsProcessed - before.resultsProcessed).toBe(3)
    expect(after.stepsCompleted - before.stepsCompleted).toBe(3)
  })
})

describe('a result whose task somebody holds', () => {
  it('is stored at once with a message, while others of its batch are judged', async () => {
    const way = await openWay(orchestrator)
    const [held, free] = [
      await orchestrator.createTask(request('line')),
      await orchestrator.createTask(request('line')),
    ]
    const mine = (step: FinishedStep['step']) => step.taskId === held.taskId || step.taskId === free.taskId
    const steps = (await way.claim()).filter(mine)
    expect(steps).toHaveLength(2)
    await bench.database.transaction(async (q) => {
      await q.query({ text: 'SELECT FROM tasker.tasks WHERE task_uuid = $1 FOR UPDATE', values: [held.taskId] })
      const answers = await way.complete(steps)
      expect(answers.map(({ status }) => status)).toEqual(['stored', 'stored'])
      expect((await orchestrator.progress(free.taskId)).steps.map(({ state }) => state)).toEqual(
        expect.arrayContaining(['complete', 'enqueued', 'pending']),
      )
    })
    await until(async () => (await orchestrator.progress(held.taskId)).steps.some(({ state }) => state === 'complete'))
    expect([await messages(held.taskId), await messages(free.taskId)]).toEqual([1, 0])
  })
})

describe('the worker that shares the process', () => {
  it('is woken directly, and others by a notification', async () => {
    const ear = await listenTo(bench.url, [readyChannel(namespace)])
    try {
      let woken = 0
      const neighbour = { claims: true, wake: () => (woken += 1), reserve: () => null }
      const own = bench.orchestrator({ neighbour })
      await own.start()
      await bench.rows('DELETE FROM stephost.workers')
      const way = await openWay(own)
      // The first time it does not know yet that there is a queue.
      await run(way, 'line')
      ear.forget()
      woken = 0
      await run(way, 'line')
      // Creation tells everybody; what follows concerns nobody else.
      expect([woken, (await ear.heard()).length]).toEqual([2, 1])

      const other = await openWay(null)
      ear.forget()
      await run(way, 'line')
      expect([woken, (await ear.heard()).length]).toEqual([4, 3])
      await other.store.leave(other.workerId, { unknownClaims: false })

      neighbour.claims = false
      ear.forget()
      await run(way, 'line')
      expect((await ear.heard()).length).toBe(3)
    } finally {
      await ear.close()
    }
  })

  it('is woken when nobody knows whether its results were stored', async () => {
    let woken = 0
    const results = new ResultProcessor({
      store: { ...bench.store, transaction: () => Promise.reject(new HostError('DATABASE_ANSWER_LOST', 'lost')) },
      neighbour: { claims: true, wake: () => (woken += 1), reserve: () => null },
    })
    const way = await openWay(null)
    await expect(results.complete(way.workerId, [])).rejects.toMatchObject({ code: 'DATABASE_ANSWER_LOST' })
    expect(woken).toBe(1)
  })

  it('gets the next steps with the answer, claimed in the transaction that enqueued them', async () => {
    const beside = await openBeside()
    const { taskId } = await beside.orchestrator.createTask(request('line'))
    const [first] = (await beside.way.claim()).filter((step) => step.taskId === taskId)
    await beside.way.complete(first === undefined ? [] : [first])
    const next = beside.taken.flatMap(({ steps }) => steps)
    expect(next.map((step) => [step.taskId, step.templateStep, step.attempts])).toEqual([[taskId, 'b', 0]])
    expect(beside.woken).toBe(0)
    expect(await stateOf(taskId, 'b')).toBe('in_progress')
    expect(await bench.rows('SELECT FROM pgmq.q_worker_orders_queue')).toEqual([])

    // The results of ancestors come with the claims after the first that needed them.
    await beside.way.complete(next)
    expect(beside.taken[1]?.steps[0]?.documents?.dependencyResults).toContain('"ok"')
    expect(beside.taken.flatMap(({ steps }) => steps).map((step) => step.templateStep)).toEqual(['b', 'c'])
    await beside.way.complete(beside.taken.flatMap(({ steps }) => steps).slice(1))
    expect(await bench.orchestrator().progress(taskId)).toMatchObject({ state: 'complete' })
    expect(beside.ends).toEqual(['took', 'took'])
  })

  it('gets the first steps of a new task with its creation', async () => {
    const beside = await openBeside()
    const maker = bench.orchestrator({ neighbour: beside.neighbour })
    // The first time it does not know yet that there is a queue, and tells everybody.
    await maker.createTask(request('line'))
    expect([beside.taken, beside.woken]).toEqual([[], 1])
    await beside.way.claim()
    const { taskId } = await maker.createTask(request('fan'))
    const first = beside.taken.flatMap(({ steps }) => steps)
    expect(first.map((step) => [step.taskId, step.templateStep])).toEqual([[taskId, 'a']])
    expect(beside.woken).toBe(1)
    await beside.way.complete(first)
  })

  it('stores the same rows as by way of the queue', async () => {
    const beside = await openBeside()
    const { taskId } = await beside.orchestrator.createTask(request('line'))
    await beside.way.complete((await beside.way.claim()).filter((step) => step.taskId === taskId))
    for (let turn = 0; turn < 2; turn += 1) await beside.way.complete(beside.taken[turn]?.steps ?? [])
    const byQueue = await run(await openWay(orchestrator), 'line')
    expect(beside.taken).toHaveLength(2)
    expect(await stored(taskId)).toEqual(await stored(byQueue))
  })

  it('lets into the queue what it cannot run, and last attempts that would have to wait', async () => {
    const ear = await listenTo(bench.url, [readyChannel(namespace)])
    try {
      const beside = await openBeside({ request: ({ runnable }) => ({ runnable: runnable.filter(isNot('c')) }) })
      const { taskId } = await beside.orchestrator.createTask(request('fan'))
      await beside.way.complete((await beside.way.claim()).filter((step) => step.taskId === taskId))
      expect(beside.taken.flatMap(({ steps }) => steps.map((step) => step.templateStep))).toEqual(['b'])
      expect([await stateOf(taskId, 'b'), await stateOf(taskId, 'c')]).toEqual(['in_progress', 'enqueued'])
      // Of the creation, and of the step that others may run.
      expect(await ear.heard()).toHaveLength(2)
      expect((await beside.way.claim()).map((step) => step.templateStep)).toEqual(['c'])

      const full = await openBeside({ request: ({ free, prefetch }) => ({ free: 0, prefetch: free + prefetch }) })
      const { taskId: second } = await full.orchestrator.createTask(request('once'))
      await full.way.complete((await full.way.claim()).filter((step) => step.taskId === second))
      expect(full.taken.flatMap(({ steps }) => steps.map((step) => step.templateStep))).toEqual(['often'])
      expect(await stateOf(second, 'once')).toBe('enqueued')
      expect(await full.way.claim()).toHaveLength(1)
    } finally {
      await ear.close()
    }
  })

  it('gets nothing once it was declared dead', async () => {
    const beside = await openBeside()
    const { taskId } = await beside.orchestrator.createTask(request('line'))
    const first = (await beside.way.claim()).filter((step) => step.taskId === taskId)
    await bench.rows('UPDATE stephost.workers SET declared_dead_at = now() WHERE worker_uuid = $1', beside.way.workerId)
    await beside.way.complete(first)
    expect([beside.taken.flatMap(({ steps }) => steps), await stateOf(taskId, 'b')]).toEqual([[], 'enqueued'])
  })

  it('closes its room when nothing came of the transaction', async () => {
    for (const [code, end] of [
      ['DATABASE_ANSWER_LOST', 'unknown'],
      ['DATABASE_FAULT', 'tookNothing'],
    ] as const) {
      const beside = await openBeside({
        transaction: async (work) => {
          await bench.store.transaction(work).catch(() => {})
          throw new HostError(code, 'it broke')
        },
      })
      const { taskId } = await beside.orchestrator.createTask(request('line'))
      const steps = (await beside.way.claim()).filter((step) => step.taskId === taskId)
      await beside.way.complete(steps).catch(() => {})
      expect(beside.ends).toEqual([end])
    }
  })
})

describe('a result that the database cannot take', () => {
  it('is found beside others, which are stored', async () => {
    const way = await openWay(orchestrator)
    const tasks = [await orchestrator.createTask(request('line')), await orchestrator.createTask(request('line'))]
    const ids = tasks.map(({ taskId }) => taskId)
    const steps = (await way.claim()).filter(({ taskId }) => ids.includes(taskId))
    const [bad] = steps
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}` as JsonText
    const answers = await way.store.complete(
      way.workerId,
      steps.map((step) => finished(step, { success: true, ...(step === bad ? { result: deep } : {}) })),
    )
    const statuses = new Map(answers.map(({ stepId, status }) => [stepId, status]))
    expect(steps.map(({ stepId }) => statuses.get(stepId))).toEqual(['invalid', 'stored'])
    expect(bench.faults).toEqual([])
  })
})

describe('a template that changes', () => {
  it('is looked at again: a success of before may be a decision now', async () => {
    await run(await openWay(orchestrator), 'line')
    const way = await openWay(orchestrator)
    const plain = await orchestrator.createTask(request('changing'))
    // The orchestrator knows the template and that its steps make nothing.
    const first = (await way.claim()).filter(({ taskId }) => taskId === plain.taskId)
    await way.complete(first)
    const { taskId } = await orchestrator.createTask(request('changing'))
    const steps = (await way.claim()).filter((step) => step.taskId === taskId)
    await bench.store.registerTemplates([
      sketch('changing', {
        a: { type: 'decision' },
        ...{ left: { after: ['a'] }, right: { after: ['a'] } },
        end: { type: 'deferred_convergence', after: ['left', 'right'] },
      }),
    ])
    const choice = { decision_point_outcome: { type: 'create_steps', step_names: ['right'] } }
    await way.complete(steps, () => ({ success: true, result: JSON.stringify(choice) as JsonText }))
    const names = (await orchestrator.steps(taskId)).map(({ name }) => name)
    expect(names).toContain('right')
  })
})

describe('without an orchestrator that runs', () => {
  it('results go by message', async () => {
    const stopped = bench.orchestrator()
    const taskId = await run(await openWay(stopped), 'line')
    expect(await messages(taskId)).toBe(3)
  })
})
