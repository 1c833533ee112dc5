// Which steps a claim takes first: by priority, then by age, within the messages that it looks at; and fair between namespaces.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { Claim, ClaimRequest } from '../../src/model/claim-source.ts'
import type { StepId } from '../../src/model/ids.ts'
import { PgmqClaimSource } from '../../src/postgres/pgmq-claim-source.ts'
import { claimFromPgmq, type LookedAt, type QueuePosition } from '../../src/postgres/queries/claim-from-pgmq.ts'
import { enqueueMany } from './bulk-steps.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { startOwner } from './workers.ts'

let steps: StepDatabase
let owner: Worker
beforeAll(async () => {
  steps = await openStepDatabase()
  owner = await startOwner(steps)
})
afterEach(async () => {
  const queues = `SELECT pgmq.purge_queue(queue_name) FROM pgmq.meta WHERE queue_name LIKE 'worker_%'`
  await steps.database.query({ text: queues })
})
afterAll(async () => {
  await owner.stop()
  await steps.close()
})

function sourceOf(...namespaces: string[]): PgmqClaimSource {
  return new PgmqClaimSource(steps.database, {
    ...{ namespaces, foreignRetryMs: 60_000, foreignGraceMs: 60_000, onClaim: 'archive' },
  })
}

async function claim(source: PgmqClaimSource, free: number, prefetch = 0): Promise<Claim> {
  const named = await steps.database.query<{ id: string }>({
    text: 'SELECT named_task_uuid AS id FROM tasker.named_tasks',
  })
  const runnable = named.map(({ id }) => ({ namedTaskId: id, templateStep: 'work' }))
  const request = { workerId: owner.workerId, claimId: crypto.randomUUID(), free, prefetch, runnable }
  return source.claim(request as unknown as ClaimRequest)
}

/** `weights`: of the steps of a namespace or of a template; default 1. */
async function claimWeighed(source: PgmqClaimSource, free: number, weights: Record<string, number>): Promise<Claim> {
  const named = await steps.database.query<{ id: string; name: string; namespace: string }>({
    text: `SELECT named_task_uuid AS id, nt.name, ns.name AS namespace
             FROM tasker.named_tasks nt JOIN tasker.task_namespaces ns USING (task_namespace_uuid)`,
  })
  const places = named.map(({ name, namespace }) => {
    const weight = weights[name] ?? weights[namespace] ?? 1
    return { handler: null, language: null, weight, languageWeight: weight, namespaceWeight: weight }
  })
  const runnable = named.map(({ id }) => ({ namedTaskId: id, templateStep: 'work' }))
  const lanes = { handlers: [], languages: [], namespaces: new Map(), places }
  const request = { workerId: owner.workerId, claimId: crypto.randomUUID(), free, prefetch: 0, runnable, lanes }
  return source.claim(request as unknown as ClaimRequest)
}

const idsOf = (claimed: Claim) => claimed.steps.map(({ stepId }) => stepId)

describe('the order of claims', () => {
  it('is priority, then age', async () => {
    const priorities = [0, 5, -3, 5, 0, 9, -3, 2]
    const ids = await enqueueMany(steps, priorities.length, { priorities })
    const byPriority = ids
      .map((id, place) => ({ id, place, priority: priorities[place] ?? 0 }))
      .toSorted((a, b) => b.priority - a.priority || a.place - b.place)
      .map(({ id }) => id)
    const source = sourceOf('shop')
    const [first, second, third] = [await claim(source, 3), await claim(source, 3), await claim(source, 10)]
    expect([...idsOf(first), ...idsOf(second), ...idsOf(third)]).toEqual(byPriority)
  })

  it('is kept among the 200 messages that a small claim looks at, and not beyond', async () => {
    // One by one, so that the age of each is its own.
    const early = await enqueueMany(steps, 199)
    const [inside] = await enqueueMany(steps, 1, { priorities: [1] })
    const [outside] = await enqueueMany(steps, 1, { priorities: [100] })
    const source = sourceOf('shop')
    expect(idsOf(await claim(source, 1))).toEqual([inside])
    // One message less: the window has moved on by one.
    expect(idsOf(await claim(source, 1))).toEqual([outside])
    expect(idsOf(await claim(source, 1))).toEqual([early[0]])
  })

  it('goes through a queue window by window, also where many messages have the same time', async () => {
    await enqueueMany(steps, 250, { namespace: 'windows' })
    const lanes = { handlers: [], languages: [], namespaces: new Map([['windows', { room: 0, ahead: 0 }]]), places: [] }
    const request = {
      workerId: owner.workerId,
      claimId: crypto.randomUUID(),
      free: 1,
      prefetch: 0,
      runnable: [],
      lanes,
    }
    const from = {
      ...{ namespace: 'windows', foreignRetryMs: 60_000, foreignGraceMs: 60_000 },
      onClaim: 'archive' as const,
    }
    const ids: number[] = []
    for (let behind: QueuePosition | null = null; ids.length < 3; ids.push(Number(behind?.messageId))) {
      const look: LookedAt = { behind, window: 100 }
      behind = (await claimFromPgmq(steps.database, request as unknown as ClaimRequest, from, look)).last
    }
    expect(ids).toEqual([100, 200, 250])
  })

  it('starts those with their last attempt at once, and claims no such step ahead', async () => {
    const ids = await enqueueMany(steps, 3)
    await steps.database.query({
      text: 'UPDATE tasker.workflow_steps SET attempts = 2 WHERE workflow_step_uuid = ANY ($1)',
      values: [[ids[1], ids[2]]],
    })
    expect(idsOf(await claim(sourceOf('shop'), 1, 1))).toEqual([ids[1], ids[0]])
    expect(idsOf(await claim(sourceOf('shop'), 0, 10))).toEqual([])
  })

  it('takes the oldest of several messages of one step', async () => {
    const [step, other] = (await enqueueMany(steps, 2)) as [StepId, StepId]
    const again = `SELECT pgmq.send('worker_shop_queue', jsonb_build_object('step_uuid', $1::text))`
    await steps.database.query({ text: again, values: [step] })
    expect(idsOf(await claim(sourceOf('shop'), 10))).toEqual([step, other])
  })
})

describe('namespaces', () => {
  /** How many of the claimed steps each namespace got. */
  async function shares(source: PgmqClaimSource, claims: number, free: number): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (let taken = 0; taken < claims; taken += 1) {
      for (const { namespace } of (await claim(source, free)).steps) counts[namespace] = (counts[namespace] ?? 0) + 1
    }
    return counts
  }

  it('with 10,000 steps does not delay one with ten beyond its fair share', async () => {
    await enqueueMany(steps, 10_000, { namespace: 'crowded' })
    await enqueueMany(steps, 10, { namespace: 'quiet' })
    const { quiet } = await shares(sourceOf('crowded', 'quiet'), 3, 10)
    expect(quiet).toBe(10)
  })

  it('share evenly while all have more than they get', async () => {
    const names = ['north', 'south', 'west']
    for (const namespace of names) await enqueueMany(steps, 400, { namespace })
    const counts = await shares(sourceOf(...names), 30, 10)
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(300)
    for (const name of names) expect(Math.abs((counts[name] ?? 0) - 100)).toBeLessThanOrEqual(20)
  })

  /** As if the permits came back one by one while all are in use. Resolves with the tokens that each has got. */
  async function tokensOneByOne(source: PgmqClaimSource, claims: number, weights: Record<string, number>) {
    const tokens: Record<string, number> = {}
    let free = 0
    for (let nth = 0; nth < claims; nth += 1) {
      free += 1
      for (const { namespace } of (await claimWeighed(source, free, weights)).steps) {
        const weight = weights[namespace] ?? 1
        tokens[namespace] = (tokens[namespace] ?? 0) + weight
        free -= weight
      }
    }
    return { free, ...tokens } as Record<string, number>
  }

  it('get their turn with heavy steps where tokens come back one by one', async () => {
    for (const namespace of ['heavy', 'light']) await enqueueMany(steps, 100, { namespace })
    const { free = 0, heavy = 0, light = 0 } = await tokensOneByOne(sourceOf('heavy', 'light'), 60, { heavy: 3 })
    expect(heavy + light + free).toBe(60)
    expect(Math.abs(heavy - light)).toBeLessThanOrEqual(6)
  })

  it('do not lose what a heavy step needs to those far behind it in its queue', async () => {
    const ahead = await enqueueMany(steps, 200, { namespace: 'mixed', template: 'heavy' })
    await enqueueMany(steps, 250, { namespace: 'mixed', template: 'light' })
    const source = sourceOf('mixed')
    expect((await claimWeighed(source, 1, { heavy: 3 })).steps).toEqual([])
    expect((await claimWeighed(source, 2, { heavy: 3 })).steps).toEqual([])
    expect(idsOf(await claimWeighed(source, 3, { heavy: 3 }))).toEqual(ahead.slice(0, 1))
  })

  it('are claimed from while the look at one of them fails each time', async () => {
    for (const namespace of ['broken', 'whole']) await enqueueMany(steps, 100, { namespace })
    const options = {
      namespaces: ['broken', 'whole'],
      foreignRetryMs: 60_000,
      foreignGraceMs: 60_000,
      onClaim: 'archive' as const,
    }
    const source = new PgmqClaimSource(steps.database, options, (request, from, look) =>
      from.namespace === 'broken'
        ? Promise.reject(new Error('no such table'))
        : claimFromPgmq(steps.database, request, from, look),
    )
    await expect(claim(source, 10)).rejects.toThrow('no such table')
    const claimed = await claim(source, 10)
    expect(claimed).toMatchObject({ leftBehind: true, unknown: { error: new Error('no such table') } })
    expect(new Set(claimed.steps.map(({ namespace }) => namespace))).toEqual(new Set(['whole']))
    expect(claimed.steps.length).toBeGreaterThanOrEqual(5)
    const { whole, ...others } = await shares(source, 5, 10)
    expect(whole).toBeGreaterThanOrEqual(25)
    expect(others).toEqual({})
  })

  it('that are empty leave their share to the others', async () => {
    for (const namespace of ['full', 'empty', 'void'])
      await enqueueMany(steps, namespace === 'full' ? 100 : 0, { namespace })
    expect(await shares(sourceOf('empty', 'full', 'void'), 10, 10)).toEqual({ full: 100 })
  })
})
