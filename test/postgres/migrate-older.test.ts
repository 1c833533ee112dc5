// Migrations on a database that an older version filled: what it held is found by the newer one, and hosts of before are out.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { migrationsDirectory } from '../../src/postgres/schema-state.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { insertTask, insertTransition } from '../fixtures/tasker-rows.ts'

const lastOfBefore = '0015_stephost_reopened_tasks.sql'
const [living, dead] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']
let place: TestDatabase
let database: Database
let steps: Readonly<Record<string, string>>
let tokens: Readonly<Record<'held' | 'lost' | 'foreign', string>>

beforeAll(async () => {
  place = await createTestDatabase({ empty: true })
  database = new Database({
    ...{ url: place.url, applicationName: 'migrate test' },
    ...{ connectionsMax: 1, acquireTimeoutMs: 5_000 },
  })
  await database.start()
  const files = readdirSync(migrationsDirectory).sort()
  for (const file of files.filter((name) => name <= lastOfBefore)) {
    await database.query({ text: readFileSync(join(migrationsDirectory, file), 'utf8') })
    await database.query({ text: 'INSERT INTO stephost.migrations (file) VALUES ($1)', values: [file] })
  }
  await fill()
  expect((await migrate(database)).applied).toEqual(files.filter((name) => name > lastOfBefore))
})
afterAll(async () => {
  await database.stop()
  await place.drop()
})

async function fill(): Promise<void> {
  ;({ steps } = await insertTask(database, {
    steps: { held: {}, lost: {}, foreign: {}, waited: {}, waits: {}, doubled: {} },
  }))
  const text = `INSERT INTO stephost.workers (worker_uuid, host, namespaces, declared_dead_at) VALUES ($1, 'a', '{}', NULL), ($2, 'b', '{}', now())`
  await database.query({ text, values: [living, dead] })
  const begin = (name: string, worker: string) =>
    insertTransition(database, steps[name] ?? '', 'in_progress', { metadata: { worker_uuid: worker } })
  tokens = {
    held: await begin('held', living),
    lost: await begin('lost', dead),
    foreign: await begin('foreign', 'w-1'),
  }
  for (const name of ['waited', 'waits']) await insertTransition(database, steps[name] ?? '', 'waiting_for_retry')
  await insertTransition(database, steps['waited'] ?? '', 'pending')
  for (const state of ['enqueued', 'in_progress']) await insertTransition(database, steps['doubled'] ?? '', state)
  await database.query({
    // The current state counts as one before the state that it follows.
    text: 'UPDATE tasker.workflow_step_transitions SET sort_key = CASE sort_key WHEN 3 THEN 1 ELSE sort_key END WHERE workflow_step_uuid = $1',
    values: [steps['doubled']],
  })
}

function rows<T extends object>(text: string, ...values: readonly unknown[]): Promise<readonly T[]> {
  return database.query<T>({ text, values })
}

describe('what an older version left', () => {
  it('are steps in progress, which are noted for their workers', async () => {
    const noted = await rows('SELECT worker_uuid, tokens FROM stephost.claims ORDER BY worker_uuid')
    expect(noted).toEqual([
      { worker_uuid: living, tokens: [tokens.held] },
      { worker_uuid: dead, tokens: [tokens.lost] },
    ])
  })

  it('are workers, which are dead from now on and cannot register again', async () => {
    expect(await rows('SELECT FROM stephost.workers WHERE declared_dead_at IS NULL')).toEqual([])
    const again = rows(
      `INSERT INTO stephost.workers (worker_uuid, host, namespaces) VALUES (gen_random_uuid(), 'a', '{}')`,
    )
    await expect(again).rejects.toThrow(/workers_note_claims/)
  })

  it('are waits for a retry, of which those that are over say so', async () => {
    const text = `SELECT metadata FROM tasker.workflow_step_transitions WHERE to_state = 'waiting_for_retry' AND workflow_step_uuid = $1`
    expect(await rows(text, steps['waited'])).toEqual([{ metadata: '{"waited": true}' }])
    expect(await rows(text, steps['waits'])).toEqual([{ metadata: '{}' }])
  })

  it('are histories with one place twice, which are numbered anew with the current state last', async () => {
    const text = `SELECT to_state, sort_key, most_recent FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1 ORDER BY sort_key`
    expect(await rows(text, steps['doubled'])).toEqual([
      { to_state: 'pending', sort_key: 1, most_recent: false },
      { to_state: 'enqueued', sort_key: 2, most_recent: false },
      { to_state: 'in_progress', sort_key: 3, most_recent: true },
    ])
  })
})
