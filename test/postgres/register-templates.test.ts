// Registration of templates: queues first, then namespaces, then templates; and again when one has changed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskTemplate } from '../../src/model/template.ts'
import { registerTemplates } from '../../src/postgres/queries/orchestration/register-templates.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'

let open: OpenDatabase
beforeAll(async () => {
  open = await openTestDatabase()
})
afterAll(() => open.close())

function template(namespace: string, name: string, content: object = {}): TaskTemplate {
  return {
    ...{ namespace, name, version: '1.0.0', description: null, steps: [], inputSchema: null },
    configuration: JSON.stringify(content) as JsonText,
  }
}

const updatedAt = (name: string) =>
  open.value(`(SELECT updated_at::text FROM tasker.named_tasks WHERE name = $1)`, name)

describe('registering templates', () => {
  it('has every queue before it writes a namespace or a template', async () => {
    // Tasker's server sends at once when it sees a template, and sending to a queue that is missing is an error.
    await open.rows(
      `CREATE FUNCTION queues_first() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF (SELECT count(*) FROM pgmq.meta WHERE queue_name IN ('worker_early_queue', 'early_domain_events', 'early_domain_events_dlq',
               'orchestration_step_results', 'orchestration_task_requests', 'orchestration_task_finalizations')) < 6
         THEN RAISE EXCEPTION 'too early'; END IF;
         RETURN NEW;
       END $$`,
    )
    for (const table of ['task_namespaces', 'named_tasks']) {
      await open.rows(
        `CREATE TRIGGER queues_first BEFORE INSERT ON tasker.${table} FOR EACH ROW EXECUTE FUNCTION queues_first()`,
      )
    }
    expect(await registerTemplates(open.database, [template('early', 'one')])).toEqual(['early/one@1.0.0'])
    for (const table of ['task_namespaces', 'named_tasks'])
      await open.rows(`DROP TRIGGER queues_first ON tasker.${table}`)
    expect(await open.value(`pgmq.send('worker_early_queue', '{}')`)).toBeDefined()
  })

  it('writes only what is new or different, and says what that was', async () => {
    const one = template('again', 'first', { steps: [1] })
    const two = template('again', 'second', { steps: [2] })
    expect(await registerTemplates(open.database, [two, one])).toEqual(['again/first@1.0.0', 'again/second@1.0.0'])
    const before = await updatedAt('first')
    expect(await registerTemplates(open.database, [one, two])).toEqual([])
    const changed = template('again', 'second', { steps: [3] })
    expect(await registerTemplates(open.database, [one, changed])).toEqual(['again/second@1.0.0'])
    expect(await updatedAt('first')).toBe(before)
    expect(await open.value(`(SELECT configuration::text FROM tasker.named_tasks WHERE name = 'second')`)).toBe(
      '{"steps": [3]}',
    )
  })

  it('moves updated_at with every change, whatever the clock does', async () => {
    await registerTemplates(open.database, [template('clock', 'late', { n: 0 })])
    await open.rows(`UPDATE tasker.named_tasks SET updated_at = '2999-01-01' WHERE name = 'late'`)
    const seen = [await updatedAt('late')]
    for (const n of [1, 2]) {
      await registerTemplates(open.database, [template('clock', 'late', { n })])
      seen.push(await updatedAt('late'))
    }
    expect(new Set(seen).size).toBe(3)
    expect(seen).toEqual(seen.toSorted())
  })

  it('mends a row without a configuration', async () => {
    await registerTemplates(open.database, [template('empty', 'void', { n: 1 })])
    await open.rows(`UPDATE tasker.named_tasks SET configuration = NULL WHERE name = 'void'`)
    expect(await registerTemplates(open.database, [template('empty', 'void', { n: 1 })])).toEqual(['empty/void@1.0.0'])
  })
})
