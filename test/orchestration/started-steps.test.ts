// Steps that start in the transaction that enqueues them, for the worker of the same process: the same rows as by way of the queue, and no more than it has room for.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Claim, ClaimRequest, RunnableStep } from '../../src/model/claim-source.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { WorkerId } from '../../src/model/ids.ts'
import type { OrchestrationStore, OrchestrationTransaction, TaskMove } from '../../src/model/orchestration-store.ts'
import type { ReservedClaim } from '../../src/model/result-judge.ts'
import { readyChannel } from '../../src/model/wake-ups.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { ResultProcessor } from '../../src/orchestration/result-processor.ts'
import { listenTo } from '../fixtures/heard-notifications.ts'
import { type Bench, namespace, openBench, request, sketch } from './orchestration-bench.ts'
import { runTask, storedRows, WorkerWay } from './worker-way.ts'

const templates = [
  sketch('line', { a: {}, b: { after: ['a'] }, c: { after: ['b'] } }),
  sketch('fan', { a: {}, b: { after: ['a'] }, c: { after: ['a'] } }),
]
let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench(templates)
  orchestrator = bench.orchestrator()
  await orchestrator.start()
  // The first time nobody knows yet that there is a queue.
  const results = new ResultProcessor({ store: bench.store })
  const judge = { completeJudged: results.complete.bind(results) }
  await run(await WorkerWay.open(bench, judge), 'line')
})
afterAll(() => bench.close())

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
  const neighbour = {
    get workerId() {
      return way.workerId
    },
    wake: () => (seen.woken += 1),
    reserve,
  }
  const results = new ResultProcessor({
    store: { ...bench.store, transaction: given.transaction ?? ((work) => bench.store.transaction(work)) },
    neighbour,
  })
  const way: WorkerWay = await WorkerWay.open(bench, {
    completeJudged: (workerId, finished) => results.complete(workerId, finished),
  })
  const started = () => taken.flatMap(({ steps }) => steps.map((step) => step.templateStep))
  return Object.assign(seen, { way, neighbour, orchestrator, started })
}

const isNot = (name: string) => (step: RunnableStep) => step.templateStep !== name

const deadlock = `DO $$ BEGIN RAISE EXCEPTION 'somebody else went first' USING ERRCODE = '40P01'; END $$`

/** Stores the first result alone. */
const firstOnly =
  (transaction: OrchestrationTransaction): OrchestrationTransaction['completeSteps'] =>
  (workerId, finished, plainIn) =>
    transaction.completeSteps(workerId, finished.slice(0, 1), plainIn.slice(0, 1))

async function stateOf(taskId: string, name: string): Promise<unknown> {
  const rows = await bench.rows(
    `SELECT w.to_state FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid)
       JOIN tasker.workflow_step_transitions w USING (workflow_step_uuid) WHERE s.task_uuid = $1 AND n.name = $2 AND w.most_recent`,
    taskId,
    name,
  )
  return rows[0]?.['to_state']
}

const run = (way: WorkerWay, name: string) => runTask({ orchestrator, way }, name)

describe('the worker that shares the process', () => {
  it('is woken directly, and others by a notification', async () => {
    const ear = await listenTo(bench.url, [readyChannel(namespace)])
    try {
      let woken = 0
      const neighbour = { workerId: null as WorkerId | null, wake: () => (woken += 1), reserve: () => null }
      const own = bench.orchestrator({ neighbour })
      await own.start()
      await bench.rows('DELETE FROM stephost.workers')
      const way = await WorkerWay.open(bench, own)
      neighbour.workerId = way.workerId
      // The first time it does not know yet that there is a queue.
      await run(way, 'line')
      ear.forget()
      woken = 0
      await run(way, 'line')
      // Creation tells everybody; what follows concerns nobody else.
      expect([woken, (await ear.heard()).length]).toEqual([2, 1])

      const other = await WorkerWay.open(bench, null)
      ear.forget()
      await run(way, 'line')
      expect([woken, (await ear.heard()).length]).toEqual([4, 3])
      await other.store.leave(other.workerId, { unknownClaims: false })

      neighbour.workerId = null
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
      neighbour: { workerId: null, wake: () => (woken += 1), reserve: () => null },
    })
    const way = await WorkerWay.open(bench, null)
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
    expect(beside.started()).toEqual(['b', 'c'])
    await beside.way.complete(beside.taken.flatMap(({ steps }) => steps).slice(1))
    expect(await bench.orchestrator().progress(taskId)).toMatchObject({ state: 'complete' })
    expect(beside.ends).toEqual(['took', 'took'])
  })

  it('stores the same rows as by way of the queue', async () => {
    const beside = await openBeside()
    const { taskId } = await beside.orchestrator.createTask(request('line'))
    await beside.way.complete((await beside.way.claim()).filter((step) => step.taskId === taskId))
    for (let turn = 0; turn < 2; turn += 1) await beside.way.complete(beside.taken[turn]?.steps ?? [])
    const byQueue = await run(await WorkerWay.open(bench, orchestrator), 'line')
    expect(beside.taken).toHaveLength(2)
    expect(await storedRows(bench, taskId)).toEqual(await storedRows(bench, byQueue))
  })

  it('lets into the queue what it cannot run, and what has two attempts behind it', async () => {
    const ear = await listenTo(bench.url, [readyChannel(namespace)])
    try {
      await bench.rows('DELETE FROM stephost.workers')
      const beside = await openBeside({ request: ({ runnable }) => ({ runnable: runnable.filter(isNot('c')) }) })
      const other = await WorkerWay.open(bench, null)
      const { taskId } = await beside.orchestrator.createTask(request('fan'))
      await beside.way.complete((await beside.way.claim()).filter((step) => step.taskId === taskId))
      expect(beside.started()).toEqual(['b'])
      expect([await stateOf(taskId, 'b'), await stateOf(taskId, 'c')]).toEqual(['in_progress', 'enqueued'])
      // Of the creation, and of the step that others may run.
      expect(await ear.heard()).toHaveLength(2)
      expect((await other.claim()).map((step) => step.templateStep)).toEqual(['c'])
      await other.store.leave(other.workerId, { unknownClaims: false })

      const unlucky = await openBeside()
      const { taskId: second } = await unlucky.orchestrator.createTask(request('line'))
      await bench.rows('UPDATE tasker.workflow_steps SET attempts = 2 WHERE task_uuid = $1', second)
      await bench.rows('UPDATE tasker.workflow_steps SET max_attempts = 5 WHERE task_uuid = $1', second)
      await unlucky.way.complete((await unlucky.way.claim()).filter((step) => step.taskId === second))
      expect([unlucky.started(), unlucky.woken]).toEqual([[], 1])
    } finally {
      await ear.close()
    }
  })

  it('gets no more than it has made room for when the transaction is tried once more', async () => {
    let tries = 0
    const beside = await openBeside({
      transaction: (work) =>
        bench.store.transaction(async (transaction) => {
          tries += 1
          if (tries > 1) return work(transaction)
          // What it would have enqueued alone, before others finished too.
          const startTasks = async (moves: readonly TaskMove[]) => {
            expect(moves).toHaveLength(1)
            throw new HostError('DATABASE_FAULT', 'a deadlock')
          }
          await work({ ...transaction, startTasks, completeSteps: firstOnly(transaction) }).catch(() => {})
          await bench.database.query({ text: deadlock })
          throw new Error('the deadlock did not come')
        }),
    })
    const tasks = [
      await beside.orchestrator.createTask(request('line')),
      await beside.orchestrator.createTask(request('line')),
    ]
    const ids = new Set<string>(tasks.map(({ taskId }) => taskId))
    await beside.way.complete((await beside.way.claim()).filter((step) => ids.has(step.taskId)))
    expect([tries, beside.started(), beside.ends, beside.woken]).toEqual([2, [], ['tookNothing'], 1])
  })

  it('gets nothing once it was declared dead', async () => {
    const beside = await openBeside()
    const { taskId } = await beside.orchestrator.createTask(request('line'))
    const first = (await beside.way.claim()).filter((step) => step.taskId === taskId)
    await bench.rows('UPDATE stephost.workers SET declared_dead_at = now() WHERE worker_uuid = $1', beside.way.workerId)
    await beside.way.complete(first)
    expect([beside.started(), await stateOf(taskId, 'b')]).toEqual([[], 'enqueued'])
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
