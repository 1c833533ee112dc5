// `stephost worker` in the place of Tasker's worker: a database of Tasker's migrations, a server that only knows SQL, and nothing else of ours.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { catalogDump } from '../fixtures/catalog-dump.ts'
import { eventually } from '../fixtures/eventually.ts'
import { createTaskerMadeDatabase, type TaskerMadeDatabase } from '../fixtures/tasker-made.ts'
import { serveStep } from '../fixtures/tasker-server.ts'
import { project, stephost } from './stephost.ts'

const template = (namespace: string, name: string) => `name: ${name}
namespace_name: ${namespace}
version: 1.2.3
description: What ${namespace} does
steps:
  - name: ${namespace}_first
    handler: { callable: drop_in.echo, initialization: { by: ${namespace} } }
  - name: ${namespace}_second
    handler: { callable: drop_in.echo }
    depends_on: [${namespace}_first]
`

const handler = `import { defineHandler } from 'stephost'

export const echo = defineHandler('drop_in.echo', { inputs: { order: 'order' } }, async ({ order }) => ({ order }))
`

const files = {
  'echo.ts': handler,
  'billing.yaml': template('billing', 'invoice'),
  'stock.yaml': template('stock', 'reserve'),
  'long.yaml': template('billing', 'x'.repeat(65)),
  'far.yaml': template('n'.repeat(30), 'far'),
}

let place: TaskerMadeDatabase
let database: Database
let worker: ChildProcess | null = null
/** What the worker wrote to standard error. */
const said: string[] = []

beforeAll(async () => {
  place = await createTaskerMadeDatabase()
  database = new Database({
    url: place.adminUrl,
    applicationName: 'server',
    connectionsMax: 2,
    acquireTimeoutMs: 5_000,
  })
  await database.start()
})
afterAll(async () => {
  if (worker !== null && worker.exitCode === null) {
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  }
  await database.stop()
  await place.drop()
})

const environment = () => ({ DATABASE_URL: place.url, TASKER_WEB_BIND_ADDRESS: '127.0.0.1:0' })

/** Resolves when the worker says that it is ready. */
async function startWorker(directory: string): Promise<ChildProcess> {
  const child = spawn(resolve('bin/stephost'), ['worker', '--handlers', directory, '--json'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...environment() },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
  const lines = createInterface({ input: child.stdout })
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [null])])
  if (line === null) throw new Error(`the worker ended: ${said.join('\n')}`)
  expect(JSON.parse(String(line))).toMatchObject({ ready: true, handlers: 1, templates: 2 })
  return child
}

async function column<T>(text: string, values: readonly unknown[] = []): Promise<T[]> {
  return (await database.query<Record<string, T>>({ text, values })).map((row) => Object.values(row)[0] as T)
}

/** The state of a step once its result is there. */
function result(stepId: string): Promise<string> {
  return eventually(`step ${stepId} has a result; the worker said ${said.join('\n')}`, async () => {
    const [text] = await column<string | null>(
      'SELECT results FROM tasker.workflow_steps WHERE workflow_step_uuid = $1',
      [stepId],
    )
    return text ?? null
  })
}

describe('a worker alone, on a database that Tasker made', () => {
  it('refuses to start before the schema is there, and says what to type', async () => {
    const directory = project(files)
    const { code, stderr } = await stephost(['worker', '--handlers', directory], { env: environment() })
    expect(code).toBe(3)
    expect(stderr).toMatch(/lacks schema stephost.*\(SCHEMA_MISSING\)\nhint: Run `stephost migrate`\./)
  })

  it('gets schema stephost and nothing else from `stephost migrate`', async () => {
    const theirs = ['tasker', 'pgmq', 'public']
    const before = await catalogDump(database, theirs)
    const { code, stdout } = await stephost(['migrate'], { env: environment() })
    expect(code).toBe(0)
    expect(stdout).toContain('applied 0001_stephost.sql')
    expect(stdout).toContain('schema tasker: foreign\nschema pgmq: foreign')
    expect(await catalogDump(database, theirs)).toBe(before)
  })

  it('makes queues, namespaces and templates, and leaves out names that are over their limits', async () => {
    const before = await catalogDump(database, ['tasker', 'public'])
    worker = await startWorker(project(files))
    const queues = await column<string>('SELECT queue_name::text FROM pgmq.meta ORDER BY queue_name COLLATE "C"')
    expect(queues).toEqual([
      ...['billing_domain_events', 'billing_domain_events_dlq'],
      ...['orchestration_step_results', 'orchestration_task_finalizations', 'orchestration_task_requests'],
      ...['stock_domain_events', 'stock_domain_events_dlq', 'worker_billing_queue', 'worker_stock_queue'],
    ])
    expect(await column('SELECT name::text FROM tasker.task_namespaces ORDER BY 1')).toEqual(['billing', 'stock'])
    const [configuration] = await column<string>(`SELECT configuration FROM tasker.named_tasks WHERE name = 'invoice'`)
    expect(JSON.parse(configuration ?? '')).toMatchObject({
      ...{ name: 'invoice', namespace_name: 'billing', version: '1.2.3', description: 'What billing does' },
      steps: [
        {
          name: 'billing_first',
          type: 'standard',
          handler: { callable: 'drop_in.echo', initialization: { by: 'billing' } },
        },
        { name: 'billing_second', type: 'standard', dependencies: ['billing_first'] },
      ],
    })
    const log = said.join('\n')
    expect(log).toMatch(/long\.yaml:1: name: has 65 characters; at most 64 are allowed/)
    expect(log).toMatch(/far\.yaml:2: namespace_name: has 30 characters; at most 29 are allowed/)
    expect(await catalogDump(database, ['tasker', 'public'])).toBe(before)
  })

  it('runs steps of every namespace, and tells the server of each result as Tasker’s worker does', async () => {
    const listener = new pg.Client({ connectionString: place.adminUrl })
    await listener.connect()
    const told: string[] = []
    listener.on('notification', ({ payload }) => told.push(payload ?? ''))
    await listener.query('LISTEN "pgmq_message_ready.orchestration"')
    try {
      const tasks = [
        await serveStep(database, {
          namespace: 'billing',
          name: 'invoice',
          step: 'billing_first',
          context: { order: 7 },
        }),
        await serveStep(database, { namespace: 'stock', name: 'reserve', step: 'stock_first', context: { order: 8 } }),
      ]
      for (const [index, { stepId, taskId, correlationId }] of tasks.entries()) {
        const envelope = JSON.parse(await result(stepId))
        expect(envelope).toMatchObject({ success: true, status: 'completed', result: { order: 7 + index } })
        const message = { task_uuid: taskId, step_uuid: stepId, correlation_id: correlationId }
        expect(
          await column<string>(
            `SELECT message FROM pgmq.q_orchestration_step_results WHERE message ->> 'step_uuid' = $1`,
            [stepId],
          ).then((found) => found.map((text) => JSON.parse(text))),
        ).toEqual([message])
        const notification = await eventually('the server is told', () => told.find((text) => text.includes(stepId)))
        expect(JSON.parse(notification)).toMatchObject({ event_type: 'message_with_payload', message })
        // Tasker's trigger finds no time in a wrapped event.
        expect(
          await database.query({
            text: `SELECT success, execution_time_ms, 'worker_' || worker_uuid AS worker, correlation_id FROM tasker.workflow_step_result_audit WHERE task_uuid = $1`,
            values: [taskId],
          }),
        ).toEqual([
          {
            success: true,
            execution_time_ms: null,
            worker: envelope.metadata.worker_id,
            correlation_id: correlationId,
          },
        ])
      }
    } finally {
      await listener.end()
    }
  })

  it('works in UTC and finds Tasker’s tables, though its role’s sessions begin elsewhere', async () => {
    const [row] = await database.query<{ off_s: number }>({
      text: `SELECT max(abs(extract(epoch FROM last_attempted_at - (clock_timestamp() AT TIME ZONE 'UTC'))))::int AS off_s FROM tasker.workflow_steps`,
    })
    expect(row?.off_s).toBeLessThan(600)
    const users = await column<string>(
      `SELECT DISTINCT usename::text FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'stephost%'`,
    )
    expect(users).toEqual([expect.stringMatching(/^rider_/)])
  })

  it('ends with 0 when it is told to', async () => {
    worker?.kill('SIGTERM')
    const [code] = await once(worker as ChildProcess, 'exit')
    expect(code).toBe(0)
  })

  it('takes what was sent before it came', async () => {
    const { stepId } = await serveStep(database, { namespace: 'stock', name: 'reserve', step: 'stock_first' })
    worker = await startWorker(project(files))
    expect(JSON.parse(await result(stepId))).toMatchObject({ success: true })
  })
})
