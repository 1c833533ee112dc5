// The keys and states of step transitions and audit rows: whoever does not vouch for its rows is checked, and nobody removes what is referred to.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database, sqlStateOf } from '../../src/postgres/database.ts'
import type { Queryable, Statement } from '../../src/postgres/statement.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { insertTask, insertTransition } from '../fixtures/tasker-rows.ts'

let open: OpenDatabase

beforeAll(async () => {
  open = await openTestDatabase()
})
afterAll(() => open.close())

/** As Tasker's server does it, or a person: in a session that says nothing of keys. */
function asStranger<Result>(work: (q: Queryable) => Promise<Result>, database = open.database): Promise<Result> {
  return database.transaction(async (q) => {
    await q.query({ text: 'SET LOCAL stephost.keeps_keys = off' })
    return work(q)
  })
}

async function asInserter(work: (q: Queryable) => Promise<unknown>, database = open.database): Promise<void> {
  await asStranger(async (q) => {
    for (const text of [
      'CREATE ROLE inserter',
      'GRANT USAGE ON SCHEMA tasker TO inserter',
      'GRANT INSERT ON tasker.workflow_step_transitions TO inserter',
      'SET LOCAL ROLE inserter',
    ]) {
      await q.query({ text })
    }
    await work(q)
    for (const text of ['RESET ROLE', 'DROP OWNED BY inserter', 'DROP ROLE inserter']) await q.query({ text })
  }, database)
}

/** The error that PostgreSQL gave: its code and the constraint that it names. */
async function refusal(work: Promise<unknown>): Promise<[string | null, string | undefined]> {
  const error: unknown = await work.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  )
  const { cause } = error as { cause?: { constraint?: string } }
  return [sqlStateOf(error), cause?.constraint ?? (error as { constraint?: string }).constraint]
}

async function finishedStep(): Promise<{ step: string; result: string }> {
  const { steps } = await insertTask(open.database, { steps: { only: {} } })
  const step = steps['only'] ?? ''
  for (const state of ['enqueued', 'in_progress']) await insertTransition(open.database, step, state)
  await insertTransition(open.database, step, 'enqueued_for_orchestration')
  return {
    step,
    result: String(
      await open.value(
        `(SELECT workflow_step_transition_uuid FROM tasker.workflow_step_result_audit WHERE workflow_step_uuid = $1)`,
        step,
      ),
    ),
  }
}

const transition = (step: string, to: string, from: string | null = null): Statement => ({
  text: `INSERT INTO tasker.workflow_step_transitions (workflow_step_uuid, to_state, from_state, sort_key, most_recent, created_at, updated_at)
         VALUES ($1, $2, $3, 99, true, now(), now())`,
  values: [step, to, from],
})

const audit = (step: string, result: string): Statement => ({
  text: `INSERT INTO tasker.workflow_step_result_audit (workflow_step_uuid, workflow_step_transition_uuid, task_uuid, success)
         VALUES ($1, $2, gen_random_uuid(), true)`,
  values: [step, result],
})

const stepKey = 'workflow_step_transitions_workflow_step_uuid_fkey'
const transitionKey = 'workflow_step_result_audit_workflow_step_transition_uuid_fkey'

describe('rows of strangers', () => {
  it('must refer to what is there', async () => {
    const { step, result } = await finishedStep()
    const other = await finishedStep()
    const refused = (statement: Statement) => refusal(asStranger((q) => q.query(statement)))
    expect(await refused(transition(randomUUID(), 'pending'))).toEqual(['23503', stepKey])
    expect(await refused(audit(step, randomUUID()))).toEqual(['23503', transitionKey])
    expect(await refused(audit(other.step, result))).toEqual(['23503', transitionKey])
    const moved = `UPDATE tasker.workflow_step_transitions SET workflow_step_uuid = gen_random_uuid() WHERE workflow_step_uuid = $1 AND sort_key = 1`
    expect(await refused({ text: moved, values: [step] })).toEqual(['23503', stepKey])
    const readdressed =
      'UPDATE tasker.workflow_step_result_audit SET workflow_step_transition_uuid = gen_random_uuid() WHERE workflow_step_uuid = $1'
    expect(await refused({ text: readdressed, values: [step] })).toEqual(['23503', transitionKey])
    await expect(
      asStranger((q) => q.query(transition(step, 'complete', 'enqueued_for_orchestration'))),
    ).resolves.toEqual([])
  })

  it('name states that there are', async () => {
    const { step } = await finishedStep()
    const refused = (statement: Statement) => refusal(asStranger((q) => q.query(statement)))
    expect(await refused(transition(step, 'steps_in_process'))).toEqual([
      '23514',
      'chk_workflow_step_transitions_to_state',
    ])
    expect(await refused(transition(step, 'complete', 'done'))).toEqual([
      '23514',
      'chk_workflow_step_transitions_from_state',
    ])
    const renamed = `UPDATE tasker.workflow_step_transitions SET to_state = 'odd' WHERE workflow_step_uuid = $1`
    expect(await refused({ text: renamed, values: [step] })).toEqual([
      '23514',
      'chk_workflow_step_transitions_to_state',
    ])
    await expect(insertTask(open.database, { state: 'in_progress' })).rejects.toThrow(/chk_task_transitions_to_state/)
  })

  it('may be made by an account that can insert and nothing else', async () => {
    const { step } = await finishedStep()
    await asInserter((q) => q.query(transition(step, 'complete', 'enqueued_for_orchestration')))
  })

  it('are not checked by types that their account brings along, with the rights of the owner', async () => {
    const { step } = await finishedStep()
    // A session that has called no function yet: types are looked up at the first call.
    const fresh = new Database({ url: open.url, applicationName: 'test', connectionsMax: 1, acquireTimeoutMs: 10_000 })
    await fresh.start()
    const checked = asInserter(async (q) => {
      await q.query({ text: 'CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (VALUE IS NULL)' })
      await q.query(transition(step, 'odd'))
    }, fresh)
    const refused = await refusal(checked).finally(() => fresh.stop())
    expect(refused).toEqual(['23514', 'chk_workflow_step_transitions_to_state'])
  })
})

describe('what is referred to', () => {
  it.each([
    ['a session of ours', (work: (q: Queryable) => Promise<unknown>) => open.database.transaction(work)],
    ['a stranger', (work: (q: Queryable) => Promise<unknown>) => asStranger(work)],
  ])('is not removed and keeps its key, whatever %s tries', async (_, as) => {
    const { step, result } = await finishedStep()
    const tries: [string, string][] = [
      ['DELETE FROM tasker.workflow_steps WHERE workflow_step_uuid = $1', stepKey],
      [
        'UPDATE tasker.workflow_steps SET workflow_step_uuid = gen_random_uuid() WHERE workflow_step_uuid = $1',
        stepKey,
      ],
      ['DELETE FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1', transitionKey],
      [
        `UPDATE tasker.workflow_step_transitions SET workflow_step_transition_uuid = gen_random_uuid()
          WHERE workflow_step_uuid = $1 AND to_state = 'enqueued_for_orchestration'`,
        transitionKey,
      ],
    ]
    for (const [text, key] of tries) {
      expect(await refusal(as((q) => q.query({ text, values: [step] })))).toEqual(['23503', key])
    }
    expect(
      await open.value(
        '(SELECT count(*)::int FROM tasker.workflow_step_transitions WHERE workflow_step_transition_uuid = $1)',
        result,
      ),
    ).toBe(1)
  })

  it('goes together with what refers to it, in one statement or by TRUNCATE', async () => {
    const { step } = await finishedStep()
    await open.database.query({
      text: `WITH audits AS (DELETE FROM tasker.workflow_step_result_audit WHERE workflow_step_uuid = $1),
                  moves AS (DELETE FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1)
             DELETE FROM tasker.workflow_steps WHERE workflow_step_uuid = $1`,
      values: [step],
    })
    await finishedStep()
    await open.database.query({ text: 'TRUNCATE tasker.workflow_steps CASCADE' })
    const left = `(SELECT count(*)::int FROM tasker.workflow_step_transitions) + (SELECT count(*)::int FROM tasker.workflow_step_result_audit)`
    expect(await open.value(left)).toBe(0)
  })

  it('waits for a claim that is writing a transition of it', async () => {
    const { steps } = await insertTask(open.database, { steps: { only: {} } })
    const step = steps['only'] ?? ''
    let removed: Promise<unknown> = Promise.resolve()
    await open.database.transaction(async (q) => {
      // As every statement of ours: the current transition is locked before the next is entered.
      await insertTransition(q, step, 'enqueued')
      removed = refusal(
        open.database.query({
          text: `WITH moves AS (DELETE FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1)
                 DELETE FROM tasker.workflow_steps WHERE workflow_step_uuid = $1`,
          values: [step],
        }),
      )
      await untilItWaits('WITH moves%')
    })
    expect(await removed).toEqual(['23503', stepKey])
  })

  it('waits for the lock of its task where it has no transition yet', async () => {
    const { taskId, steps } = await insertTask(open.database, { steps: { waits: { state: null } } })
    const step = steps['waits'] ?? ''
    let removed: Promise<unknown> = Promise.resolve()
    await open.database.transaction(async (q) => {
      await q.query({ text: 'SELECT FROM tasker.tasks WHERE task_uuid = $1 FOR NO KEY UPDATE', values: [taskId] })
      const text = 'DELETE FROM tasker.workflow_steps WHERE workflow_step_uuid = $1'
      removed = refusal(open.database.query({ text, values: [step] }))
      await untilItWaits('DELETE FROM tasker.workflow_steps%')
      await q.query(transition(step, 'enqueued', 'pending'))
    })
    expect(await removed).toEqual(['23503', stepKey])
  })

  it('may be written with the key that it has', async () => {
    const { step } = await finishedStep()
    for (const table of ['workflow_steps', 'workflow_step_transitions']) {
      const text = `UPDATE tasker.${table} SET workflow_step_uuid = workflow_step_uuid WHERE workflow_step_uuid = $1`
      await expect(open.database.query({ text, values: [step] })).resolves.toEqual([])
    }
  })
})

/** Resolves once a statement that looks like this waits for a lock. */
async function untilItWaits(like: string): Promise<void> {
  const waiting = `(SELECT count(*)::int FROM pg_stat_activity
                     WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1)`
  await expect.poll(() => open.value(waiting, like), { timeout: 10_000 }).toBe(1)
}
