// Migrations beside a schema that Tasker made: nothing of it changes, and what is missing is named with what to do about it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { requireSchema } from '../../src/postgres/schema-state.ts'
import { catalogDump } from '../fixtures/catalog-dump.ts'
import { createTaskerMadeDatabase, type TaskerMadeDatabase } from '../fixtures/tasker-made.ts'

async function open(place: TaskerMadeDatabase): Promise<Database> {
  const database = new Database({ url: place.url, applicationName: 'test', connectionsMax: 2, acquireTimeoutMs: 5_000 })
  await database.start()
  return database
}

describe('a schema that Tasker made', () => {
  let place: TaskerMadeDatabase
  let database: Database
  beforeAll(async () => {
    place = await createTaskerMadeDatabase()
    database = await open(place)
  })
  afterAll(async () => {
    await database.stop()
    await place.drop()
  })

  it('stays byte for byte as it is, and only schema stephost comes', async () => {
    const theirs = ['tasker', 'pgmq', 'public']
    const history = () => database.query({ text: 'SELECT * FROM public._sqlx_migrations ORDER BY version' })
    const [before, rows] = [await catalogDump(database, theirs), await history()]
    expect(before.split('\n').length).toBeGreaterThan(500)
    await expect(requireSchema(database)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringContaining('schema stephost'),
      hint: expect.stringContaining('stephost migrate'),
    })
    expect(await migrate(database)).toMatchObject({ tasker: 'foreign', pgmq: 'foreign' })
    await expect(requireSchema(database)).resolves.toBeUndefined()
    expect(await catalogDump(database, theirs)).toBe(before)
    expect(await history()).toEqual(rows)
    const schemas = await database.query({
      text: `SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1`,
    })
    expect(schemas.map((row) => Object.values(row)[0])).toEqual(['pgmq', 'public', 'stephost', 'tasker'])
  })

  it('is compared so closely that a default, an index, a function’s text or a right shows', async () => {
    const before = await catalogDump(database, ['tasker'])
    for (const text of [
      'ALTER TABLE tasker.tasks ALTER COLUMN priority SET DEFAULT 1',
      'CREATE INDEX one_more ON tasker.tasks (reason)',
      `CREATE OR REPLACE FUNCTION tasker.update_dlq_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
      'GRANT SELECT ON tasker.tasks TO public',
    ]) {
      await database
        .transaction(async (transaction) => {
          await transaction.query({ text })
          expect(await catalogDump(transaction, ['tasker'])).not.toBe(before)
          await transaction.query({ text: 'SELECT 1/0' }).catch(() => undefined)
        })
        .catch(() => undefined)
    }
    expect(await catalogDump(database, ['tasker'])).toBe(before)
  })
})

describe('what Tasker’s migrations have not made yet', () => {
  it.each([
    ['tables', 'schema tasker'],
    ['pgmq', 'schema pgmq'],
  ] as const)('without %s: names %s and who makes it', async (without, named) => {
    const place = await createTaskerMadeDatabase({ without })
    const database = await open(place)
    await migrate(database)
    await expect(requireSchema(database)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringMatching(new RegExp(`${named}.*Tasker's own migrations`)),
    })
    await database.stop()
    await place.drop()
  })
})
