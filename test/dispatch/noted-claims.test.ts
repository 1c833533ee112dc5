// What workers note of their claims: which rows stay, and which go.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { WorkerId } from '../../src/model/ids.ts'
import type { ClaimedStep } from '../../src/model/step-request.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { claimAs, registerSilent, storeOf } from './workers.ts'

const leaseMs = 300
let steps: StepDatabase
let judge: WorkerId
let worker: WorkerId
beforeAll(async () => {
  steps = await openStepDatabase({ attemptsMax: 10 })
})
beforeEach(async () => {
  await steps.database.query({ text: 'DELETE FROM stephost.workers; DELETE FROM stephost.claims' })
  await steps.database.query({ text: 'SELECT pgmq.purge_queue($1)', values: ['worker_shop_queue'] })
  judge = await register()
  worker = await register()
})
afterAll(() => steps.close())

const register = () => registerSilent(steps)

/** One claim of so many new steps. */
async function claim(count: number): Promise<readonly ClaimedStep[]> {
  for (let n = 0; n < count; n += 1) await steps.enqueue()
  const claimed = await claimAs(steps, worker, count)
  expect(claimed).toHaveLength(count)
  return claimed
}

async function complete(...finished: readonly (ClaimedStep | undefined)[]): Promise<void> {
  const known = finished.flatMap((step) => step ?? [])
  const results = known.map((step) => ({ step, result: success(step), runtime: 'ruby' as const, request: null }))
  const answers = await storeOf(steps).complete(worker, results)
  expect(answers.map(({ status }) => status)).toEqual(known.map(() => 'stored'))
}

/** The number of tokens in each row, the oldest first. */
async function noted(): Promise<readonly number[]> {
  const rows = await steps.database.query<{ tokens: number }>({
    text: 'SELECT cardinality(tokens) AS tokens FROM stephost.claims WHERE worker_uuid = $1 ORDER BY claimed_at',
    values: [worker],
  })
  return rows.map(({ tokens }) => tokens)
}

async function own(): Promise<readonly string[]> {
  return (await storeOf(steps).ownSteps(worker)).map(({ stepId }) => stepId)
}

/** The worker says nothing for longer than the lease. */
async function recoverFromIt() {
  await steps.database.query({
    text: `UPDATE stephost.workers SET heartbeat_at = clock_timestamp() - CASE WHEN worker_uuid = $1 THEN interval '10 s' ELSE interval '0' END`,
    values: [worker],
  })
  return storeOf(steps, leaseMs).recover({ workerId: judge, leaseMs, mayJudge: true })
}

describe('the claims of a living worker', () => {
  it('are one row for each, which the look at its own steps removes once none of them goes on', async () => {
    const [first, second] = await claim(2)
    const [third] = await claim(1)
    expect(await noted()).toEqual([2, 1])
    await complete(first, third)
    expect(await own()).toEqual([second?.stepId])
    expect(await noted()).toEqual([2])
    await complete(second)
    expect(await own()).toEqual([])
    expect(await noted()).toEqual([])
  })

  it('are no row where nothing was claimed', async () => {
    await claim(0)
    expect(await noted()).toEqual([])
  })

  it('go with it when it leaves with nothing in hand, and stay for others when it does not', async () => {
    await complete(...(await claim(1)))
    await storeOf(steps).leave(worker, { unknownClaims: false })
    expect(await noted()).toEqual([])
    worker = await register()
    await claim(1)
    await storeOf(steps).leave(worker, { unknownClaims: false })
    expect(await noted()).toEqual([1])
    expect(await recoverFromIt()).toMatchObject({ requeued: 1 })
  })
})

describe('the claims of a dead worker', () => {
  it('go when its steps are taken back', async () => {
    await complete((await claim(3))[0])
    expect(await recoverFromIt()).toMatchObject({ declaredDead: [worker], requeued: 2 })
    expect(await noted()).toEqual([])
  })

  it('stay while somebody holds a step of them', async () => {
    const [step] = await claim(1)
    await steps.database.transaction(async (other) => {
      const text = 'SELECT FROM tasker.workflow_step_transitions WHERE workflow_step_transition_uuid = $1 FOR UPDATE'
      await other.query({ text, values: [step?.token] })
      expect(await recoverFromIt()).toMatchObject({ declaredDead: [worker], requeued: 0 })
      expect(await noted()).toEqual([1])
    })
    expect(await recoverFromIt()).toMatchObject({ requeued: 1 })
    expect(await noted()).toEqual([])
  })
})
