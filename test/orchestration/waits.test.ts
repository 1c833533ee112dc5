// How long a failed step waits, through the database: `retry-after` as a date, the template's limit, and the time at which the step runs again.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { backoffDefaults } from '../../src/orchestration/backoff.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { wakeRetries } from '../../src/orchestration/retry-waker.ts'
import { type FakeOutcome, type FakeStep, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator
beforeAll(async () => {
  bench = await openBench([
    sketch('plain', { call: {} }),
    sketch('limited', { call: { retry: { backoffBaseMs: 60_000, backoffMaxMs: 250, attemptsMax: 3 } } }),
  ])
})
afterAll(() => bench.close())
afterEach(async () => {
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})

/** Fails the first attempt of a new task. */
async function failedOnce(name: string, outcome: Partial<FakeOutcome>): Promise<FakeStep> {
  orchestrator = bench.orchestrator({ backoff: { ...backoffDefaults, maxS: 7_200, jitterEnabled: false } })
  await orchestrator.start()
  const { taskId } = await orchestrator.createTask(request(name))
  // Steps of tests before may be due again.
  const step = (await bench.worker.claim()).find((claimed) => claimed.taskId === taskId)
  if (step === undefined) throw new Error('no step was enqueued')
  await bench.worker.complete(step, { success: false, retryable: true, ...outcome } as FakeOutcome)
  await until(async () => (await stored(step)).state === 'waiting_for_retry')
  return step
}

/** Times in milliseconds since 1970. */
async function stored({ stepId }: FakeStep): Promise<{ state: string; failedAt: number; dueAt: number }> {
  const [row] = await bench.rows(
    `SELECT w.to_state, (extract(epoch FROM w.created_at) * 1000)::float8 AS failed_at,
            (extract(epoch FROM s.last_attempted_at + make_interval(secs => s.backoff_request_seconds)) * 1000)::float8 AS due_at
       FROM tasker.workflow_steps s JOIN tasker.workflow_step_transitions w USING (workflow_step_uuid)
      WHERE s.workflow_step_uuid = $1 AND w.most_recent`,
    stepId,
  )
  return { state: String(row?.['to_state']), failedAt: Number(row?.['failed_at']), dueAt: Number(row?.['due_at']) }
}

/** Resolves with the time of the database at the second claim. */
async function claimedAgainAt(step: FakeStep): Promise<number> {
  let attempts = 0
  await until(async () => {
    attempts = (await bench.worker.claim()).find(({ stepId }) => stepId === step.stepId)?.attempts ?? 0
    return attempts > 0
  })
  expect(attempts).toBe(2)
  const [row] = await bench.rows(
    'SELECT (extract(epoch FROM last_attempted_at) * 1000)::float8 AS at FROM tasker.workflow_steps WHERE workflow_step_uuid = $1',
    step.stepId,
  )
  return Number(row?.['at'])
}

/** Another orchestrator wakes it, and its second attempt fails. */
async function failAgain(step: FakeStep): Promise<void> {
  orchestrator = bench.orchestrator({ backoff: { ...backoffDefaults, maxS: 7_200, jitterEnabled: false } })
  await orchestrator.start()
  let again: FakeStep | undefined
  await until(async () => {
    again = (await bench.worker.claim()).find(({ stepId }) => stepId === step.stepId)
    return again !== undefined
  })
  await bench.worker.complete(again ?? step, { success: false, retryable: true, retryAfter: '3600' })
  await until(async () => (await stored(step)).state === 'waiting_for_retry')
  await orchestrator.stop()
}

const httpDate = (ms: number) => new Date(ms).toUTCString()
/** Dates of HTTP have whole seconds. */
const wholeSecond = (ms: number) => Math.ceil(ms / 1000) * 1000

describe('a failed step', () => {
  it('waits until the date of retry-after, to the second that it names', async () => {
    const date = wholeSecond(Date.now() + 3_600_000)
    const step = await failedOnce('plain', { retryAfter: httpDate(date) })
    expect(Math.abs((await stored(step)).dueAt - date)).toBeLessThan(2)
    expect(await bench.worker.claim()).toEqual([])
  })

  it('waits no longer than the general limit, however far the date is', async () => {
    const step = await failedOnce('plain', { retryAfter: httpDate(Date.now() + 40 * 86_400_000) })
    const { failedAt, dueAt } = await stored(step)
    expect(Math.abs(dueAt - failedAt - 7_200_000)).toBeLessThan(2)
  })

  it('takes a date that is past, or no date, for no wish', async () => {
    for (const retryAfter of [httpDate(Date.now() - 60_000), 'as soon as you like']) {
      const step = await failedOnce('plain', { retryAfter })
      const { failedAt, dueAt } = await stored(step)
      expect(Math.abs(dueAt - failedAt - 2_000)).toBeLessThan(2)
      await orchestrator.stop()
    }
  })

  it('runs again at that date, and not before', async () => {
    const date = wholeSecond(Date.now() + 500)
    const step = await failedOnce('plain', { retryAfter: httpDate(date) })
    expect(await claimedAgainAt(step)).toBeGreaterThanOrEqual(date)
  })

  it('is not woken by who saw it due before another woke it, and it failed and waits anew', async () => {
    const step = await failedOnce('plain', { retryAfter: '3600' })
    await orchestrator.stop()
    await bench.rows(
      `UPDATE tasker.workflow_steps SET last_attempted_at = last_attempted_at - interval '2 hours' WHERE workflow_step_uuid = $1`,
      step.stepId,
    )
    const nextMs = await wakeRetries({
      ...bench.store,
      dueRetries: async (options) => {
        const due = await bench.store.dueRetries(options)
        expect(due.steps.map(({ stepId }) => stepId)).toContain(step.stepId)
        await failAgain(step)
        return due
      },
    })
    expect(await stored(step)).toMatchObject({ state: 'waiting_for_retry' })
    // Whoever looks again learns when it is due now.
    expect(nextMs).toBe(0)
    const { steps } = await bench.store.dueRetries({ max: 10 })
    expect(steps.map(({ stepId }) => stepId)).not.toContain(step.stepId)
  })

  it('waits no longer than max_backoff_ms of its template, and runs again then', async () => {
    const step = await failedOnce('limited', {})
    const { failedAt, dueAt } = await stored(step)
    expect(Math.abs(dueAt - failedAt - 250)).toBeLessThan(2)
    expect(await claimedAgainAt(step)).toBeGreaterThanOrEqual(Math.floor(dueAt))
  })
})
