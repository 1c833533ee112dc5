// The lean statement claims just what the full one would, and what it leaves alone is settled within the same claim.
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ClaimRequest } from '../../src/model/claim-source.ts'
import type { ClaimId, WorkerId } from '../../src/model/ids.ts'
import type { ClaimedStep } from '../../src/model/step-request.ts'
import { type ClaimedFromQueue, claimFromPgmq } from '../../src/postgres/queries/claim-from-pgmq.ts'
import { QueueHabits } from '../../src/postgres/queue-habits.ts'
import type { Queryable } from '../../src/postgres/statement.ts'
import { enqueueMany, sendMany } from './bulk-steps.ts'
import { openStepDatabase, queue, type StepDatabase } from './step-database.ts'
import { storeOf } from './workers.ts'

const workerId = '00000000-0000-4000-8000-00000000000a' as string as WorkerId
const options = { namespace: 'shop', foreignRetryMs: 60_000, foreignGraceMs: 60_000, onClaim: 'archive' as const }
let steps: StepDatabase
let runnable: ClaimRequest['runnable']
beforeAll(async () => {
  steps = await openStepDatabase()
  const store = storeOf(steps, 600_000)
  await store.register({ workerId, host: 'test', namespaces: ['shop'], runnable: [] })
  runnable = (await store.load(['shop'])).map(({ namedTaskId }) => ({ namedTaskId, templateStep: 'work' }))
})
afterEach(() => steps.database.query({ text: `SELECT pgmq.purge_queue('${queue}')` }))
afterAll(() => steps.close())

function claim(
  free: number,
  prefetch: number,
  given: { database?: Queryable; habits?: QueueHabits } = {},
): Promise<ClaimedFromQueue> {
  const claimId = crypto.randomUUID() as string as ClaimId
  const { database = steps.database, habits = new QueueHabits() } = given
  return claimFromPgmq(database, { workerId, claimId, free, prefetch, runnable }, options, undefined, habits)
}

/** The names of the statements that ran. */
function watched(): { database: Queryable; names: string[] } {
  const names: string[] = []
  const query: Queryable['query'] = (statement) => {
    names.push(statement.name ?? '')
    return steps.database.query(statement)
  }
  return { names, database: { query } }
}

const lean = 'claim:shop:archive:lean'
const full = 'claim:shop:archive'

describe('what is no step to claim', () => {
  it('is settled within the same claim, and the limits hold for both statements together', async () => {
    await sendMany(steps, ['{"step_uuid":"none"}', JSON.stringify({ step_uuid: crypto.randomUUID() })])
    await enqueueMany(steps, 1, { state: 'complete' })
    await enqueueMany(steps, 1, { template: 'elsewhere' })
    await enqueueMany(steps, 5)
    const { names, database } = watched()
    const claimed = await claim(2, 1, { database })
    expect(names).toEqual([lean, full])
    expect(claimed.steps).toHaveLength(3)
    expect(claimed).toMatchObject({ foreign: 1, setAside: { malformed: 1, gone: 1, stale: 1 }, leftBehind: true })
    expect(await steps.queued()).toBe(1 + 5 - 3)
    expect(await steps.scalar('SELECT count(*)::int FROM stephost.rejected_messages')).toBe(1)
  })

  it('costs one statement for each claim while there is some, and none once it is gone', async () => {
    const { names, database } = watched()
    const habits = new QueueHabits()
    for (let round = 0; round < 3; round += 1) {
      await enqueueMany(steps, 1, { template: 'elsewhere' })
      await enqueueMany(steps, 1)
      expect((await claim(1, 0, { database, habits })).steps).toHaveLength(1)
    }
    for (let round = 0; round < 2; round += 1) {
      await enqueueMany(steps, 1)
      expect((await claim(1, 0, { database, habits })).steps).toHaveLength(1)
    }
    expect(names).toEqual([lean, full, full, full, full, lean])
  })

  it('includes further messages of a claimed step, which go with the next claim', async () => {
    const [step] = await enqueueMany(steps, 1)
    await sendMany(steps, [JSON.stringify({ step_uuid: step }), JSON.stringify({ step_uuid: step })])
    expect((await claim(3, 0)).steps).toHaveLength(1)
    expect((await claim(3, 0)).setAside).toEqual({ malformed: 0, gone: 0, stale: 2 })
    expect(await steps.queued()).toBe(0)
  })
})

it('leaves a message that somebody holds, and its step, to a later claim', async () => {
  const ids = await enqueueMany(steps, 2)
  await steps.database.transaction(async (holder) => {
    await holder.query({ text: `SELECT FROM pgmq."q_${queue}" ORDER BY msg_id LIMIT 1 FOR UPDATE` })
    const { steps: claimed, leftBehind } = await claim(2, 0)
    expect(claimed.map(({ stepId }) => stepId)).toEqual([ids[1]])
    expect(leftBehind).toBe(true)
  })
  expect((await claim(2, 0)).steps.map(({ stepId }) => stepId)).toEqual([ids[0]])
})

it('claims the same steps in the same order as the full statement', async () => {
  const row = fc.record({
    priority: fc.integer({ min: -1, max: 1 }),
    attempts: fc.constantFrom(null, 0, 1, 2, 3),
    retryable: fc.boolean(),
  })
  const room = { free: fc.integer({ min: 0, max: 5 }), prefetch: fc.integer({ min: 0, max: 5 }) }
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 12 }), fc.record(room), async (rows, { free, prefetch }) => {
      await steps.database.query({ text: `SELECT pgmq.purge_queue('${queue}')` })
      const ids = await enqueueMany(steps, rows.length, { priorities: rows.map(({ priority }) => priority) })
      await steps.database.query({
        text: `UPDATE tasker.workflow_steps s SET attempts = g.attempts, retryable = g.retryable, max_attempts = 3
                 FROM unnest($1::uuid[], $2::int[], $3::boolean[]) AS g(id, attempts, retryable) WHERE s.workflow_step_uuid = g.id`,
        values: [ids, rows.map(({ attempts }) => attempts), rows.map(({ retryable }) => retryable)],
      })
      const mixed = new QueueHabits()
      mixed.noteMixed('shop', true)
      const [byLean, byFull] = [await undone(free, prefetch, new QueueHabits()), await undone(free, prefetch, mixed)]
      expect(byLean).toEqual(byFull)
      const given = new Map<string, number>(ids.map((id, place) => [id, rows[place]?.priority ?? 0]))
      for (const { stepId, priority } of byLean.steps) expect(priority).toBe(given.get(stepId))
      if (free > 0 && rows.length > 0) expect(byLean.steps.length).toBeGreaterThan(0)
    }),
    { numRuns: 40, seed: 11 },
  )
})

/** A claim that is rolled back. */
async function undone(free: number, prefetch: number, habits: QueueHabits): Promise<ClaimedFromQueue> {
  let claimed: ClaimedFromQueue | null = null
  const back = new Error('back')
  const work = steps.database.transaction(async (database) => {
    claimed = await claim(free, prefetch, { database, habits })
    throw back
  })
  await expect(work).rejects.toBe(back)
  if (claimed === null) throw new Error('nothing was answered')
  const { steps: found, ...rest } = claimed as ClaimedFromQueue
  return { ...rest, steps: found.map((step): ClaimedStep => ({ ...step, token: '' as never, claimId: '' as never })) }
}
