// What stands at the head of a queue and is no use there: it costs a bounded number of claims, and stops nothing.
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { ClaimSource } from '../../src/model/claim-source.ts'
import type { StepId } from '../../src/model/ids.ts'
import { eventually } from '../fixtures/eventually.ts'
import { enqueueMany, sendMany, stateCounts } from './bulk-steps.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, queue, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { noClaim, sourceOf, startWorker } from './workers.ts'

let steps: StepDatabase
let worker: Worker | null = null
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterEach(async () => {
  await worker?.stop()
  worker = null
  await steps.database.query({ text: `SELECT pgmq.purge_queue('${queue}')` })
})
afterAll(() => steps.close())

const adapterOf = () => new ScriptedAdapter(async (request) => success({ stepId: request.stepId } as never))

async function allDone(ids: readonly StepId[]): Promise<void> {
  await eventually(
    `${ids.length} steps are done`,
    async () => (await stateCounts(steps, ids))['enqueued_for_orchestration'] === ids.length,
    20_000,
  )
}

const unreadable = [
  ...['{}', '[]', '"text"', '7', 'null', 'true', '[{"step_uuid":1}]'],
  ...['{"step_uuid":null}', '{"step_uuid":7}', '{"step_uuid":[]}', '{"step_uuid":{"a":1}}', '{"step_uuid":""}'],
  ...[
    '{"step_uuid":"no uuid"}',
    '{"step_uuid":"0198c0de-0000-7000-8000-00000000000g"}',
    '{"Step_UUID":"0198c0de-0000-7000-8000-000000000001"}',
  ],
]

describe('the head of a queue', () => {
  it('full of malformed, foreign and stale messages, 1,000 of each: the 1,000 good ones behind are all done', async () => {
    await sendMany(
      steps,
      Array.from({ length: 1_000 }, (_, index) => unreadable[index % unreadable.length] ?? ''),
    )
    const foreign = await enqueueMany(steps, 1_000, { template: 'elsewhere', callable: 'nobody' })
    const stale = await enqueueMany(steps, 500, { state: 'complete' })
    stale.push(...(await enqueueMany(steps, 250, { state: 'waiting_for_retry' })))
    stale.push(...(await enqueueMany(steps, 250, { state: 'in_progress' })))
    const good = await enqueueMany(steps, 1_000)
    let claims = 0
    const counted: Pick<ClaimSource, 'claim'> = {
      claim: (request) => {
        claims += 1
        return source.claim(request)
      },
    }
    const source = sourceOf(steps, { foreignRetryMs: 60_000 })
    const adapter = adapterOf()
    worker = await startWorker(steps, adapter, {
      source: counted,
      concurrentHandlersMax: 50,
      prefetchMax: 50,
      pollIntervalMs: 60_000,
    })
    await allDone(good)
    // 3,000 useless messages are 15 windows of 200; the good ones are claimed by the dozen.
    expect(claims).toBeLessThan(15 + 1_000 / 5)
    expect(worker.counters.setAside).toEqual({ malformed: 1_000, gone: 0, stale: 1_000 })
    expect(adapter.seen.map(({ stepId }) => stepId).toSorted()).toEqual(good.toSorted())
    expect(await stateCounts(steps, foreign)).toEqual({ enqueued: 1_000 })
    expect(await stateCounts(steps, stale)).toEqual({ complete: 500, waiting_for_retry: 250, in_progress: 250 })
    expect(await steps.queued()).toBe(1_000)
    expect(await steps.scalar('SELECT count(*)::int FROM stephost.rejected_messages')).toBe(1_000)
    const untouched =
      'SELECT count(*)::int FROM tasker.workflow_steps WHERE attempts IS NULL AND workflow_step_uuid = ANY ($1)'
    expect(await steps.scalar(untouched, [[...foreign, ...stale]])).toBe(2_000)
  })

  it('is passed in as many claims as it has windows, when nothing else is done meanwhile', async () => {
    worker = await startWorker(steps, adapterOf(), { source: { claim: async () => noClaim } })
    const good = await behindUseless()
    const { claims, got } = await claimAll(worker.workerId, good.length)
    expect(got.toSorted()).toEqual(good.toSorted())
    expect(claims).toBeLessThanOrEqual(600 / 200 + 100 / 10 + 2)
  })

  it('may hold several messages of one step: it is claimed once, and the others go', async () => {
    const good = await enqueueMany(steps, 20)
    await sendMany(
      steps,
      [...good, ...good].map((step_uuid) => JSON.stringify({ step_uuid })),
    )
    const adapter = adapterOf()
    worker = await startWorker(steps, adapter)
    await allDone(good)
    await eventually('the queue is empty', async () => (await steps.queued()) === 0)
    // Steps that the test before claimed and never ran may come back meanwhile.
    const runs = adapter.seen.map(({ stepId }) => stepId).filter((id) => good.includes(id))
    expect(runs.toSorted()).toEqual(good.toSorted())
  })
})

/** 200 useless messages of each kind, and 100 good ones. */
async function behindUseless(): Promise<StepId[]> {
  await sendMany(
    steps,
    Array.from({ length: 200 }, () => '{"step_uuid":"none"}'),
  )
  await enqueueMany(steps, 200, { template: 'elsewhere', callable: 'nobody' })
  await enqueueMany(steps, 200, { state: 'complete' })
  return enqueueMany(steps, 100)
}

/** Ten at a time, as long as the source says that there is more. */
async function claimAll(workerId: string, count: number): Promise<{ claims: number; got: StepId[] }> {
  const source = sourceOf(steps, { foreignRetryMs: 60_000 })
  const namedTaskId = await steps.scalar<string>(
    `SELECT named_task_uuid FROM tasker.named_tasks WHERE name = 'one_step'`,
  )
  const runnable = [{ namedTaskId, templateStep: 'work' }]
  const got: StepId[] = []
  let claims = 0
  while (got.length < count && claims < 100) {
    const request = { workerId, claimId: crypto.randomUUID(), free: 10, prefetch: 0, runnable }
    const claim = await source.claim(request as never)
    got.push(...claim.steps.map(({ stepId }) => stepId))
    claims += 1
    if (claim.steps.length === 0 && !claim.more) break
  }
  return { claims, got }
}

describe('a message', () => {
  it('is believed in nothing but its step, whose row says the rest', async () => {
    const ids = await enqueueMany(steps, 4, { send: false })
    const [first, second, third, fourth] = ids as [StepId, StepId, StepId, StepId]
    const pad = 'x'.repeat(2 * 1024 * 1024)
    await sendMany(steps, [
      JSON.stringify({ step_uuid: first, task_uuid: 7, correlation_id: { a: 1 } }),
      JSON.stringify({ step_uuid: second.toUpperCase(), task_uuid: third, correlation_id: null }),
      JSON.stringify({ step_uuid: third, pad, more: { deep: [[[[pad]]]] } }),
      JSON.stringify({ step_uuid: fourth }),
    ])
    const adapter = adapterOf()
    worker = await startWorker(steps, adapter)
    await allDone(ids)
    for (const { stepId, taskId, correlationId } of adapter.seen) {
      const row = 'SELECT task_uuid::text FROM tasker.workflow_steps WHERE workflow_step_uuid = $1'
      expect(taskId).toBe(await steps.scalar(row, [stepId]))
      expect(correlationId).toBe(
        await steps.scalar('SELECT correlation_id FROM tasker.tasks WHERE task_uuid = $1', [taskId]),
      )
    }
  })

  it('may be any JSON: no claim raises, and what is behind it is done', async () => {
    const any = fc.sample(fc.jsonValue({ maxDepth: 5 }), { numRuns: 150, seed: 7 })
    const named = fc
      .sample(fc.jsonValue({ maxDepth: 2 }), { numRuns: 150, seed: 8 })
      .map((step_uuid) => ({ step_uuid }))
    const texts = [...any, ...named]
      .map((value) => JSON.stringify(value))
      .filter((text) => !/\\u0000|\\ud[89a-f]/i.test(text))
    await sendMany(steps, texts)
    const good = await enqueueMany(steps, 10)
    worker = await startWorker(steps, adapterOf())
    await allDone(good)
    expect(worker.claimFault).toBeNull()
    await eventually('nothing is left', async () => (await steps.queued()) === 0)
  })
})

describe('rows that nobody expects', () => {
  it.each([
    ['inputs that are a text', `UPDATE tasker.workflow_steps SET inputs = '"text"' WHERE workflow_step_uuid = $1`],
    ['inputs that are a list', `UPDATE tasker.workflow_steps SET inputs = '[1]' WHERE workflow_step_uuid = $1`],
    [
      'a template step that is an object',
      `UPDATE tasker.workflow_steps SET inputs = '{"__template_step_name":{"a":1}}' WHERE workflow_step_uuid = $1`,
    ],
    ['no limit of attempts', `UPDATE tasker.workflow_steps SET max_attempts = NULL WHERE workflow_step_uuid = $1`],
    [
      'attempts almost without end',
      `UPDATE tasker.workflow_steps SET attempts = 2147483646, max_attempts = 2147483647 WHERE workflow_step_uuid = $1`,
    ],
    [
      'attempts that cannot grow',
      `UPDATE tasker.workflow_steps SET attempts = 2147483647, max_attempts = 2147483647 WHERE workflow_step_uuid = $1`,
    ],
    [
      'limits below every number',
      `UPDATE tasker.workflow_steps SET attempts = -2147483648, max_attempts = -2147483648 WHERE workflow_step_uuid = $1`,
    ],
    [
      'no context',
      `UPDATE tasker.tasks SET context = NULL WHERE task_uuid = (SELECT task_uuid FROM tasker.workflow_steps WHERE workflow_step_uuid = $1)`,
    ],
    [
      'a context that is a number',
      `UPDATE tasker.tasks SET context = '1e100' WHERE task_uuid = (SELECT task_uuid FROM tasker.workflow_steps WHERE workflow_step_uuid = $1)`,
    ],
    ['a checkpoint that is a list', `UPDATE tasker.workflow_steps SET checkpoint = '[]' WHERE workflow_step_uuid = $1`],
  ])('%s stop no other step', async (_, change) => {
    const [odd, good] = (await enqueueMany(steps, 2)) as [StepId, StepId]
    await steps.database.query({ text: change, values: [odd] }).catch((error: Error) => {
      // A column that does not allow it cannot hold it.
      expect(error.message).toMatch(/violates not-null/)
    })
    worker = await startWorker(steps, adapterOf())
    await allDone([good])
    expect(worker.claimFault).toBeNull()
  })

  it.each([
    ['is null', 'null'],
    ['is no object', '[1]'],
    ['has steps that are no list', '{"steps":{"name":"work"}}'],
    ['has steps that are no objects', '{"steps":[1,null,"work",["work"]]}'],
    ['has steps with odd names', '{"steps":[{"name":7},{"name":{"a":1}},{"name":"work","handler":"work"}]}'],
    ['has odd limits', '{"steps":[{"name":"work","handler":{"callable":"work"},"timeout_seconds":"soon","retry":7}]}'],
    [
      'has limits beyond every integer',
      '{"steps":[{"name":"work","handler":{"callable":"work"},"timeout_seconds":1e30}]}',
    ],
  ])('a template whose configuration %s stops no other step', async (_, configuration) => {
    const [odd] = (await enqueueMany(steps, 1, { template: 'odd' })) as [StepId]
    const good = await enqueueMany(steps, 1)
    await steps.database.query({
      text: `UPDATE tasker.named_tasks SET configuration = $1::jsonb, updated_at = clock_timestamp() WHERE name = 'odd'`,
      values: [configuration],
    })
    worker = await startWorker(steps, adapterOf())
    await allDone(good)
    expect(worker.claimFault).toBeNull()
    expect(await stateCounts(steps, [odd])).not.toEqual({ in_progress: 1 })
  })
})
