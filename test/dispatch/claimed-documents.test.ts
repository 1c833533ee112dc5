// What handlers get of a step is the same whether the claim brought it or a look of its own.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClaimRequest } from '../../src/model/claim-source.ts'
import type { ClaimId, StepId, WorkerId } from '../../src/model/ids.ts'
import type { ClaimedStep, StepRequest } from '../../src/model/step-request.ts'
import { Database } from '../../src/postgres/database.ts'
import type { PgmqClaimSource } from '../../src/postgres/pgmq-claim-source.ts'
import { PostgresMessageJudge } from '../../src/postgres/postgres-message-judge.ts'
import type { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { sourceOf, storeOf } from './workers.ts'

const workerId = '00000000-0000-4000-8000-00000000000a' as string as WorkerId
let steps: StepDatabase
let store: PostgresStepStore
beforeAll(async () => {
  steps = await openStepDatabase()
  store = storeOf(steps, 60_000)
  await store.register({ workerId, host: 'test', namespaces: ['shop'], runnable: [] })
})
afterAll(() => steps.close())

async function request(): Promise<ClaimRequest> {
  const [named] = await store.load(['shop'])
  if (named === undefined) throw new Error('the template is not registered')
  const runnable = [{ namedTaskId: named.namedTaskId, templateStep: 'work' }]
  const claimId = '00000000-0000-4000-8000-00000000000b' as string as ClaimId
  return { workerId, claimId, free: 1, prefetch: 0, runnable }
}

async function claim(source = sourceOf(steps)): Promise<ClaimedStep> {
  const { steps: claimed } = await source.claim(await request())
  const [step] = claimed
  if (step === undefined) throw new Error('nothing was claimed')
  return step
}

async function hydrated(step: ClaimedStep): Promise<StepRequest> {
  const request = (await store.hydrate([step])).get(step.stepId)
  if (request === undefined) throw new Error('the step was not hydrated')
  return request
}

async function bothWays(step: ClaimedStep): Promise<[StepRequest, StepRequest]> {
  return [await hydrated(step), await hydrated({ ...step, documents: null })]
}

/** All but the time of the last change, which the claim moves. */
function seen({ workflowStep, ...request }: StepRequest): object {
  return { ...request, workflowStep: { ...JSON.parse(workflowStep), updated_at: null } }
}

it('comes with the claim for a step without parents', async () => {
  await steps.enqueue('{"amount": 9223372036854775807, "rate": 1.0, "name": "Zoë"}')
  const step = await claim()
  expect(step.documents?.task).toContain('9223372036854775807')
  const [withClaim, onItsOwn] = await bothWays(step)
  // The step is held until its result is stored; its documents are not.
  expect(step.documents).toBeNull()
  expect(seen(withClaim)).toEqual(seen(onItsOwn))
  expect(JSON.parse(withClaim.task)).toMatchObject({
    ...{ task_name: 'one_step', task_version: '1.0.0', namespace_name: 'shop' },
    task: { task_uuid: step.taskId, context: { name: 'Zoë' } },
  })
  expect(withClaim.dependencyResults).toBe('{}')
})

it('shows the last attempt of a step that is tried again, not this one', async () => {
  const id = await steps.enqueue()
  await steps.scalar(
    `UPDATE tasker.workflow_steps SET attempts = 1, last_attempted_at = '2026-01-02 03:04:05' WHERE workflow_step_uuid = $1`,
    [id],
  )
  const request = await hydrated(await claim())
  expect(JSON.parse(request.workflowStep)).toMatchObject({
    ...{ attempts: 1, in_process: false, last_attempted_at: '2026-01-02T03:04:05' },
  })
})

it.each([
  ['all columns, each with a value of its own', 'distinct'],
  ['none that can be missing', 'missing'],
] as const)('has the same of %s', async (_, kind) => {
  const id = await steps.enqueue('{"a": 1.0}')
  const change = {
    distinct: [
      `requested_at = '2026-01-01 00:00:01', created_at = '2026-01-01 00:00:02', updated_at = '2026-01-01 00:00:03', initiator = 'i', source_system = 's',
       reason = 'r"', tags = '["t"]', parent_correlation_id = '00000000-0000-4000-8000-0000000000cc', priority = 3`,
      `created_at = '2026-01-01 00:00:04', processed_at = '2026-01-01 00:00:06', attempts = 1, max_attempts = 7, last_attempted_at = '2026-01-01 00:00:07',
       backoff_request_seconds = 9, inputs = '{"in": 2.0}', results = '{"success": true, "result": 1}', checkpoint = '{"cursor": 3}'`,
    ],
    missing: [
      'initiator = NULL, source_system = NULL, reason = NULL, tags = NULL, context = NULL, parent_correlation_id = NULL',
      'attempts = NULL, max_attempts = NULL, inputs = NULL',
    ],
  }[kind]
  await steps.scalar(
    `UPDATE tasker.tasks SET ${change[0]} WHERE task_uuid = (SELECT task_uuid FROM tasker.workflow_steps WHERE workflow_step_uuid = $1)`,
    [id],
  )
  await steps.scalar(`UPDATE tasker.workflow_steps SET ${change[1]} WHERE workflow_step_uuid = $1`, [id])
  const [task, workflowStep] = await documentsInDatabase(id)
  const step = await claim()
  expect(step).toMatchObject({ attempts: kind === 'missing' ? 0 : 1, attemptsMax: kind === 'missing' ? 3 : 7 })
  expect(JSON.parse(step.documents?.task ?? '')).toEqual(task)
  expect(JSON.parse(step.documents?.workflowStep ?? '')).toMatchObject(workflowStep)
  // It is no result of ours, as every stored one must be.
  await steps.scalar('UPDATE tasker.workflow_steps SET results = NULL WHERE workflow_step_uuid = $1', [id])
})

it('has times in ISO form whatever the database has', async () => {
  const [row] = await steps.database.query<{ name: string }>({ text: 'SELECT current_database() AS name' })
  await steps.database.query({ text: `ALTER DATABASE "${row?.name}" SET DateStyle = 'German'` })
  const database = new Database({
    url: steps.url,
    applicationName: 'german',
    connectionsMax: 1,
    acquireTimeoutMs: 10_000,
  })
  await database.start()
  try {
    const [style] = await database.query<{ style: string }>({
      text: `SELECT reset_val AS style FROM pg_settings WHERE name = 'DateStyle'`,
    })
    const id = await steps.enqueue()
    await steps.scalar(
      `UPDATE tasker.workflow_steps SET created_at = '2026-01-02 03:04:05' WHERE workflow_step_uuid = $1`,
      [id],
    )
    const step = await claim(sourceOf({ ...steps, database }))
    expect(JSON.parse(step.documents?.workflowStep ?? '')).toMatchObject({ created_at: '2026-01-02T03:04:05' })
    expect(style?.style).toMatch(/^ISO/)
  } finally {
    await database.stop()
    await steps.database.query({ text: `ALTER DATABASE "${row?.name}" RESET DateStyle` })
  }
})

it('is looked at apart where it is large, so that the answer of a claim stays small', async () => {
  await steps.enqueue(
    JSON.stringify({ noise: Array.from({ length: 20 }, () => randomBytes(6_000).toString('base64')) }),
  )
  const step = await claim()
  expect(step.documents).toBeNull()
  expect((await hydrated(step)).task.length).toBeGreaterThan(100_000)
})

describe('the results of ancestors', () => {
  const source = lazySource()

  it('are looked at apart for the first step that has parents, and come with the claim of the next ones', async () => {
    await withAncestors({ a: done(1) }, { a: [] })
    const first = await claim(source())
    expect(first.documents).toBeNull()
    expect((await hydrated(first)).dependencyResults).toBe('{"a": {"result": 1, "success": true}}')
    await withAncestors({ a: done(2) }, { a: [] })
    const next = await claim(source())
    expect(next.documents?.dependencyResults).toBe('{"a": {"result": 2, "success": true}}')
  })

  it.each<[string, Record<string, Ancestor>, Record<string, string[]>, string[]]>([
    ['all of a diamond', { a: done(1), b: done(2), c: done(3) }, { a: [], b: ['a'], c: ['a'] }, ['a', 'b', 'c']],
    [
      'grandparents of a long line',
      { a: done(1), b: done(2), c: done(3), d: done(4) },
      { d: ['c'], c: ['b'], b: ['a'], a: [] },
      ['a', 'b', 'c', 'd'],
    ],
    [
      'not those that failed or have none',
      { a: done(1), b: { processed: false, results: '{"success":false}' }, c: { processed: true, results: null } },
      { a: [], b: ['a'], c: [] },
      ['a'],
    ],
    [
      'what an operator put in place of a failure',
      {
        a: {
          processed: true,
          results: '{"resolved": "by hand", "success": true, "n": 1.50, "big": 9223372036854775808}',
        },
      },
      { a: [] },
      ['a'],
    ],
    ['none, where no ancestor has any', { a: { processed: true, results: null } }, { a: [] }, []],
  ])('are the same both ways: %s', async (_, ancestors, edges, expected) => {
    await withAncestors(ancestors, edges)
    const step = await claim(source())
    expect(step.documents).not.toBeNull()
    const [withClaim, onItsOwn] = await bothWays(step)
    expect(seen(withClaim)).toEqual(seen(onItsOwn))
    expect(withClaim.dependencyResults).toBe(onItsOwn.dependencyResults)
    expect(Object.keys(JSON.parse(withClaim.dependencyResults))).toEqual(expected)
  })

  it('are looked at apart where they are large together with the documents', async () => {
    const noise = () => done(randomBytes(25_000).toString('base64'))
    await withAncestors({ a: noise(), b: noise() }, { a: ['b'], b: [] })
    const step = await claim(source())
    expect(step.documents).toBeNull()
    expect((await hydrated(step)).dependencyResults.length).toBeGreaterThan(60_000)
  })

  it('are looked at apart where they are many', async () => {
    const names = Array.from({ length: 251 }, (_, index) => `n${index}`)
    const entries = <T>(value: T) => Object.fromEntries(names.map((name) => [name, value]))
    await withAncestors(entries(done(1)), entries([]))
    const step = await claim(source())
    expect(step.documents).toBeNull()
    expect(Object.keys(JSON.parse((await hydrated(step)).dependencyResults))).toHaveLength(251)
  })

  it('come with a claim by ids, too', async () => {
    const step_uuid = await withAncestors({ a: done(1), b: done(2) }, { b: ['a'], a: [] })
    const judge = new PostgresMessageJudge(steps.database, { foreignGraceMs: 60_000 })
    const messages = [{ number: '1', body: JSON.stringify({ step_uuid }) }]
    const given = { namespace: 'shop', queue: 'worker_shop_queue', messages }
    const { steps: claimed, verdicts } = await judge.judge(await request(), given)
    expect(verdicts).toEqual(['claimed'])
    const brought = claimed[0]?.documents?.dependencyResults
    const [withClaim, onItsOwn] = await bothWays(claimed[0] as ClaimedStep)
    expect(brought).toBe(onItsOwn.dependencyResults)
    expect(seen(withClaim)).toEqual(seen(onItsOwn))
    await steps.scalar(`SELECT pgmq.purge_queue('worker_shop_queue')`)
  })
})

/** What PostgreSQL itself makes of the rows, without what a row does not say as handlers get it. */
async function documentsInDatabase(id: StepId): Promise<readonly [object, object]> {
  const [row] = await steps.database.query<{ task: string; step: string }>({
    text: `SELECT (to_jsonb(k) - 'completed_at')::text AS task, (to_jsonb(s) - 'priority')::text AS step
             FROM tasker.workflow_steps s JOIN tasker.tasks k USING (task_uuid) WHERE workflow_step_uuid = $1`,
    values: [id],
  })
  return [JSON.parse(row?.task ?? ''), JSON.parse(row?.step ?? '')]
}

interface Ancestor {
  readonly processed: boolean
  readonly results: string | null
}

function done(result: unknown): Ancestor {
  return { processed: true, results: JSON.stringify({ success: true, result }) }
}

/** One source for several claims: it learns that there are parents. */
function lazySource(): () => PgmqClaimSource {
  let source: PgmqClaimSource | null = null
  return () => {
    source ??= sourceOf(steps)
    return source
  }
}

/** A step in the queue that depends on all of them; `edges` are the ancestors' own parents. */
async function withAncestors(
  ancestors: Record<string, Ancestor>,
  edges: Record<string, readonly string[]>,
): Promise<StepId> {
  const child = await steps.enqueue()
  const ids = new Map<string, string>([['', child]])
  const { database } = steps
  for (const [name, { processed, results }] of Object.entries(ancestors)) {
    const text = `
WITH named AS (
  INSERT INTO tasker.named_steps (name, created_at, updated_at) VALUES ($2, now(), now())
  ON CONFLICT (name) DO UPDATE SET updated_at = now() RETURNING named_step_uuid)
INSERT INTO tasker.workflow_steps (task_uuid, named_step_uuid, processed, results, created_at, updated_at)
SELECT s.task_uuid, n.named_step_uuid, $3, $4::jsonb, now(), now() FROM tasker.workflow_steps s, named n WHERE s.workflow_step_uuid = $1
RETURNING workflow_step_uuid AS id`
    const [row] = await database.query<{ id: string }>({ text, values: [child, name, processed, results] })
    ids.set(name, row?.id ?? '')
  }
  const known = [...Object.entries(edges), ['', Object.keys(ancestors)] as const]
  const pairs = known.flatMap(([to, parents]) => parents.map((from) => [ids.get(from), ids.get(to)]))
  await database.query({
    text: `INSERT INTO tasker.workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
           SELECT f, t, 'provides', now(), now() FROM unnest($1::uuid[], $2::uuid[]) AS e(f, t)`,
    values: [pairs.map(([from]) => from), pairs.map(([, to]) => to)],
  })
  return child
}
