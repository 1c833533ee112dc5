// Migrations on an empty database, twice, two at once, beside Tasker's own schema, and without rights.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { requireSchema, schemaState } from '../../src/postgres/schema-state.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'

const stephostTables = [
  'archived_rows',
  'claims',
  'migrations',
  'orchestrators',
  'rejected_messages',
  'reopened_tasks',
  'sweeps',
  'workers',
]

async function tablesOf(database: Database, schema: string): Promise<string[]> {
  const text = 'SELECT tablename::text AS name FROM pg_tables WHERE schemaname = $1 ORDER BY 1'
  return (await database.query<{ name: string }>({ text, values: [schema] })).map(({ name }) => name)
}

function connect(url: string): Database {
  return new Database({ url, applicationName: 'migrate test', connectionsMax: 2, acquireTimeoutMs: 5_000 })
}

describe('migrate', () => {
  let place: TestDatabase
  let database: Database

  const useEmptyDatabase = () => {
    beforeAll(async () => {
      place = await createTestDatabase({ empty: true })
      database = connect(place.url)
      await database.start()
    })
    afterAll(async () => {
      await database.stop()
      await place.drop()
    })
  }

  describe('on an empty database', () => {
    useEmptyDatabase()

    it('says what is missing before', async () => {
      await expect(requireSchema(database)).rejects.toMatchObject({
        code: 'SCHEMA_MISSING',
        message: expect.stringContaining('schema tasker, schema pgmq, schema stephost (0001_stephost.sql)'),
      })
    })

    it('makes every schema when two migrate at once, each file once', async () => {
      const rival = connect(place.url)
      await rival.start()
      const reports = await Promise.all([migrate(database), migrate(rival)]).finally(() => rival.stop())
      const files = reports.flatMap(({ applied }) => applied)
      expect(files.filter((file) => file.endsWith('.sql')).sort()).toEqual((await schemaState(database)).applied)
      expect(new Set(files).size).toBe(files.length)
      expect(await tablesOf(database, 'stephost')).toEqual(stephostTables)
      expect(await tablesOf(database, 'tasker')).toContain('workflow_step_transitions')
      await expect(requireSchema(database)).resolves.toBeUndefined()
    })

    it('does nothing the second time', async () => {
      expect(await migrate(database)).toEqual({ applied: [], tasker: 'ours', pgmq: 'ours' })
    })
  })

  describe("beside Tasker's own schema", () => {
    useEmptyDatabase()

    it('adds schema stephost and nothing else', async () => {
      await database.query({
        text: 'CREATE SCHEMA tasker; CREATE TABLE tasker.workflow_steps (workflow_step_uuid uuid); CREATE SCHEMA pgmq',
      })
      expect(await migrate(database)).toEqual({
        applied: [
          '0001_stephost.sql',
          '0008_stephost_worker_lives.sql',
          '0009_stephost_sweeps.sql',
          '0010_stephost_archived_rows.sql',
          '0012_stephost_complete_step.sql',
          '0015_stephost_reopened_tasks.sql',
          '0016_stephost_claims.sql',
        ],
        tasker: 'foreign',
        pgmq: 'foreign',
      })
      expect(await tablesOf(database, 'stephost')).toEqual(stephostTables)
      expect(await tablesOf(database, 'tasker')).toEqual(['workflow_steps'])
      expect(await tablesOf(database, 'pgmq')).toEqual([])
      expect(await migrate(database)).toMatchObject({ applied: [] })
    })
  })

  describe("where only the history of Tasker's migrations is", () => {
    useEmptyDatabase()

    it("waits for Tasker's migrations, but not for those of another program", async () => {
      await database.query({
        text: 'CREATE TABLE public._sqlx_migrations (version bigint PRIMARY KEY); INSERT INTO public._sqlx_migrations VALUES (20200101000000)',
      })
      expect(await schemaState(database)).toMatchObject({ tasker: 'missing' })
      await database.query({ text: 'INSERT INTO public._sqlx_migrations VALUES (20260110000001)' })
      expect(await migrate(database)).toMatchObject({
        applied: [
          '0001_stephost.sql',
          '0008_stephost_worker_lives.sql',
          '0009_stephost_sweeps.sql',
          '0010_stephost_archived_rows.sql',
          '0012_stephost_complete_step.sql',
          '0015_stephost_reopened_tasks.sql',
          '0016_stephost_claims.sql',
        ],
        tasker: 'foreign',
      })
    })
  })

  describe('without rights', () => {
    useEmptyDatabase()

    it('names the right that is missing', async () => {
      const role = `visitor_${new URL(place.url).pathname.slice(1)}`
      await database.query({ text: `CREATE ROLE ${role} LOGIN PASSWORD 'guess'` })
      const url = new URL(place.url)
      url.username = role
      url.password = 'guess'
      const visitor = connect(url.toString())
      await visitor.start()
      await expect(migrate(visitor).finally(() => visitor.stop())).rejects.toMatchObject({
        code: 'DATABASE_DENIED',
        message: expect.stringMatching(
          /0001_stephost\.sql: .*permission denied.*GRANT CREATE ON DATABASE test_\w+ TO visitor_/,
        ),
      })
      await database.query({ text: `DROP ROLE ${role}` })
    })
  })
})
