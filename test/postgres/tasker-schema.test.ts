// Schema tasker against a hand-written description, and the rules that its keys, checks, defaults and indexes enforce.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { readSchema, type Schema, schemaDifferences } from '../fixtures/schema-catalog.ts'
import { insertTask, insertTransition } from '../fixtures/tasker-rows.ts'

const root = new URL('../../', import.meta.url)
const described = JSON.parse(readFileSync(new URL('test/fixtures/tasker-schema.json', root), 'utf8')) as Schema

let open: OpenDatabase

beforeAll(async () => {
  open = await openTestDatabase()
})
afterAll(() => open.close())

describe('schema tasker', () => {
  it('is what its description says', async () => {
    expect(schemaDifferences(described, await readSchema(open.database))).toEqual([])
  })

  it('is not when a column, a key, an index, a check, a trigger or a function differs', async () => {
    const drifted = await openTestDatabase()
    try {
      for (const text of [
        'ALTER TABLE tasker.tasks ALTER COLUMN reason TYPE varchar(64), DROP COLUMN tags',
        'DROP INDEX tasker.idx_tasks_identity_hash',
        'CREATE INDEX slow ON tasker.workflow_steps (attempts)',
        'ALTER TABLE tasker.task_transitions DROP CONSTRAINT chk_task_transitions_from_state',
        'DROP TRIGGER update_dlq_updated_at ON tasker.tasks_dlq',
        'DROP FUNCTION tasker.get_next_ready_task()',
      ]) {
        await drifted.database.query({ text })
      }
      const named = schemaDifferences(described, await readSchema(drifted.database)).map((line) => line.split(':')[0])
      expect(named).toEqual([
        'functions.get_next_ready_task()',
        'tables.task_transitions.checks.from_state',
        'tables.tasks.columns.reason',
        'tables.tasks.columns.tags',
        'tables.tasks.unique.idx_tasks_identity_hash',
        'tables.tasks_dlq.triggers.update_dlq_updated_at',
        'tables.workflow_steps.indexes.slow',
      ])
    } finally {
      await drifted.close()
    }
  })

  it('lets no two writers follow the same transition', async () => {
    const { steps } = await insertTask(open.database, { steps: { only: {} } })
    const follow = open.database.query({
      text: `INSERT INTO tasker.workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)
               SELECT $1, 'enqueued', max(sort_key), true, now(), now()
                 FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1`,
      values: [steps['only']],
    })
    await expect(follow).rejects.toThrow(/idx_workflow_step_transitions_uuid_sort_key/)
  })

  it('closes transitions without touching an index', async () => {
    const { steps } = await insertTask(open.database, { steps: { only: {} } })
    const counted = await open.database.transaction(async (transaction) => {
      for (const state of ['enqueued', 'in_progress', 'enqueued_for_orchestration', 'complete']) {
        await insertTransition(transaction, steps['only'] ?? '', state)
      }
      return transaction.query<{ updates: number; hot: number }>({
        text: `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot
                 FROM pg_stat_xact_user_tables WHERE relid = 'tasker.workflow_step_transitions'::regclass`,
      })
    })
    expect(counted).toEqual([{ updates: 4, hot: 4 }])
  })

  it('updates a step at its claim and its result without touching an index', async () => {
    const changed = ['in_process', 'processed', 'attempts', 'last_attempted_at', 'results', 'checkpoint', 'updated_at']
    const indexed = await open.database.query<{ column: string }>({
      text: `SELECT DISTINCT a.attname AS column FROM pg_index i
               JOIN pg_attribute a ON a.attrelid = i.indrelid
              WHERE i.indrelid = 'tasker.workflow_steps'::regclass AND a.attnum > 0
                AND pg_get_indexdef(i.indexrelid) ~ ('\\m' || a.attname || '\\M')`,
    })
    expect(indexed.map((row) => row.column).filter((column) => changed.includes(column))).toEqual([])
  })
})

describe('time-ordered ids', () => {
  it('come from three names', async () => {
    const [ids] = await open.database.query<Record<string, string>>({
      text: 'SELECT uuidv7() AS a, public.uuid_generate_v7() AS b, tasker.uuid_generate_v7() AS c',
    })
    for (const id of Object.values(ids ?? {})) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/)
  })

  it('are made in SQL where the server has none', async () => {
    const migration = readFileSync(new URL('src/postgres/migrations/0003_tasker_types_and_tables.sql', root), 'utf8')
    const definition = /CREATE FUNCTION public\.uuidv7\(\)[\s\S]*?END;/.exec(migration)?.[0] ?? ''
    await open.database.query({ text: definition })
    const made = await open.database.query<{ id: string; off_ms: number }>({
      text: `SELECT id, abs(extract(epoch FROM uuid_extract_timestamp(id) - clock_timestamp()) * 1000)::int AS off_ms
               FROM (SELECT public.uuidv7() AS id FROM generate_series(1, 500)) AS made`,
    })
    expect(new Set(made.map((row) => row.id)).size).toBe(500)
    for (const { id, off_ms } of made) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(off_ms).toBeLessThan(60_000)
    }
    const apart = await open.database.query<{ id: string }>({
      text: 'SELECT public.uuidv7()::text AS id, pg_sleep(0.0001) FROM generate_series(1, 50)',
    })
    expect(apart.map((row) => row.id)).toEqual(apart.map((row) => row.id).sort())
  })
})
