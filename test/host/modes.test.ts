// A whole host in each mode: its connections, its health, what it costs when idle, and namespaces that come while it runs.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { Host } from '../../src/host.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'

interface Running {
  readonly host: Host
  readonly said: readonly string[]
  save(file: string, text: string): void
  health(): Promise<{ status: string; message: string | null; facts: Record<string, unknown> }>
}

let place: OpenDatabase
const directories: string[] = []
const hosts: Host[] = []
beforeAll(async () => {
  place = await openTestDatabase()
})
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()))
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})
afterAll(() => place.close())

const handler = (name: string) =>
  `import { defineHandler } from 'stephost'\nexport const made = defineHandler('${name}', {}, async () => ({ by: '${name}' }))\n`
const template = (namespace: string, callable: string) =>
  `name: one\nnamespace_name: ${namespace}\nversion: 1.0.0\nsteps:\n  - name: only\n    handler: { callable: ${callable} }\n`

async function start(
  settings: string,
  { reload = false, listenUrl = '' }: { reload?: boolean; listenUrl?: string } = {},
): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'stephost-modes-'))
  directories.push(directory)
  const root = join(directory, 'handlers')
  mkdirSync(root)
  const save = (file: string, text: string) => writeFileSync(join(root, file), text)
  save('made.ts', handler('modes.made'))
  save('alpha.yaml', template('alpha', 'modes.made'))
  save('beta.yaml', template('beta', 'modes.made'))
  const file = join(directory, 'site.toml')
  writeFileSync(file, settings)
  const environment = {
    DATABASE_URL: place.url,
    STEPHOST_LISTEN_URL: listenUrl,
    TASKER_WEB_BIND_ADDRESS: '127.0.0.1:0',
  }
  const said: string[] = []
  const say = (_details: object, sentence: string) => said.push(sentence)
  const host = new Host({
    config: loadConfig({ environment, file }),
    log: { info: say, warn: say, error: say, handler: () => {} },
    ...{ handlerRoots: [root], databaseUrl: place.url, strict: false, reload, dataDir: directory },
    parts: { worker: true, orchestrator: false, rest: true },
  })
  hosts.push(host)
  await host.start()
  const health = async () => {
    const response = await fetch(`${host.addresses().worker}/health/detailed`)
    const body = (await response.json()) as {
      checks: { event_system: { status: string; message: string | null } }
      system_info: Record<string, unknown>
    }
    return { ...body.checks.event_system, facts: body.system_info }
  }
  return { host, said, save, health }
}

async function submit(host: Host, namespace: string): Promise<string> {
  const task = await host.tasks.createTask({
    ...{ namespace, name: 'one', version: null, context: '{}' as JsonText },
    ...{ initiator: 'test', sourceSystem: 'test', reason: 'test', tags: [], priority: null },
    ...{ correlationId: null, parentCorrelationId: null, freshIdentity: true, inputSchema: 'off' },
  })
  return task.taskId
}

/** Nothing orchestrates here: a step that was run waits for orchestration. */
async function ran(taskId: string): Promise<void> {
  const state = `(SELECT t.to_state FROM tasker.workflow_steps s JOIN tasker.workflow_step_transitions t
                    ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent WHERE s.task_uuid = $1)`
  await eventually('the step ran', async () => (await place.value(state, taskId)) === 'enqueued_for_orchestration')
}

function listeners(): Promise<unknown> {
  return place.value(
    `(SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stephost listener')`,
  )
}

const mode = (name: string) => `[worker.event_systems.worker]\ndeployment_mode = "${name}"\n`

describe('the mode of a host', () => {
  it('PollingOnly opens no LISTEN connection, and health says so', async () => {
    const { host, health } = await start(mode('PollingOnly'))
    expect(await listeners()).toBe(0)
    await ran(await submit(host, 'alpha'))
    const { status, message, facts } = await health()
    expect([status, message]).toEqual([
      'healthy',
      expect.stringMatching(/^PollingOnly: no LISTEN connection; last poll 20/),
    ])
    expect(facts).toMatchObject({ deployment_mode: 'PollingOnly', notifications_arriving: null })
  })

  it.each(['Hybrid', 'EventDrivenOnly'])(
    '%s opens one for all namespaces, and health tells what came last',
    async (name) => {
      const { host, health } = await start(mode(name))
      expect(await listeners()).toBe(1)
      expect((await health()).message).toContain(`${name}: notifications arrive; last notification none`)
      await ran(await submit(host, 'alpha'))
      await ran(await submit(host, 'beta'))
      expect(await listeners()).toBe(1)
      const { status, message, facts } = await health()
      expect([status, message]).toEqual(['healthy', expect.stringMatching(/last notification 20.*, last poll 20/)])
      expect(facts).toMatchObject({
        ...{ deployment_mode: name, notifications_arriving: true, listener_reconnects: 0 },
        last_notification_at: expect.stringMatching(/^20/),
        last_poll_at: expect.stringMatching(/^20/),
      })
    },
  )

  it.each([
    ['Hybrid', 'degraded', 'steps are found by polling alone'],
    ['EventDrivenOnly', 'unhealthy', 'steps are not found'],
  ])('%s is %s when LISTEN goes to a place where nothing arrives, and says why', async (name, status, effect) => {
    // Another database of the same server: it answers everything, and hears nothing.
    const elsewhere = new URL(place.url)
    elsewhere.pathname = '/postgres'
    const answers = '[dispatch]\nlisten_answer_ms = 200\n'
    const { host, health, said } = await start(mode(name) + answers, { listenUrl: elsewhere.toString() })
    const found = await health()
    expect([found.status, found.message]).toEqual([
      status,
      expect.stringContaining(`${name}: ${effect}: a notification`),
    ])
    expect(found.facts).toMatchObject({ notifications_arriving: false })
    expect(said.some((sentence) => sentence.startsWith('notifications of PostgreSQL do not arrive'))).toBe(true)
    if (name === 'Hybrid') await ran(await submit(host, 'alpha'))
  })
})

describe('an idle worker', () => {
  it('asks PostgreSQL less than twice a second, heartbeats, probes and polls together', async () => {
    await start('')
    const counter = countStatements()
    try {
      const windowS = 6
      await eventually('the window is over', () => counter.elapsedS() >= windowS)
      // One statement is allowed for the edges of the window.
      expect(counter.statements / counter.elapsedS()).toBeLessThan(2 + 1 / windowS)
      expect(counter.statements).toBeGreaterThan(0)
    } finally {
      counter.stop()
    }
  })
})

describe('a namespace that comes while the host runs', () => {
  it('is registered, listened to and served when its template is saved', async () => {
    const { host, save, health } = await start(mode('EventDrivenOnly'), { reload: true })
    expect((await health()).facts['supported_namespaces']).toEqual(['alpha', 'beta'])
    save('gamma.yaml', template('gamma', 'modes.made'))
    await eventually('it is served', async () =>
      ((await health()).facts['supported_namespaces'] as string[]).includes('gamma'),
    )
    // Told twice, so that not the look after the change found the second, but its notification.
    await ran(await submit(host, 'gamma'))
    await ran(await submit(host, 'gamma'))
    const rows = await place.rows<{ namespaces: string[] }>('SELECT namespaces FROM stephost.workers')
    expect(rows.map(({ namespaces }) => namespaces)).toEqual([['alpha', 'beta', 'gamma']])
  })

  it('is left to others, unless find_namespaces says otherwise: then the notification of its queue is enough', async () => {
    const reserved = await start(mode('EventDrivenOnly'))
    const { host, health } = await start(`${mode('EventDrivenOnly')}[dispatch]\nfind_namespaces = true\n`)
    await registerElsewhere('epsilon')
    await place.rows(`SELECT pgmq.create('worker_epsilon_queue')::text`)
    await eventually('it is served', async () =>
      ((await health()).facts['supported_namespaces'] as string[]).includes('epsilon'),
    )
    await ran(await submit(host, 'epsilon'))
    expect((await reserved.health()).facts['supported_namespaces']).not.toContain('epsilon')
  })

  it('is served when the configuration names it, though its template is registered by another later', async () => {
    const { host } = await start(
      `${mode('EventDrivenOnly')}[dispatch]\nnamespaces = ["delta"]\nforeign_retry_ms = 100\n`,
    )
    await registerElsewhere('delta')
    await ran(await submit(host, 'delta'))
  })
})

/** By whoever has the template of `alpha` under another name. */
async function registerElsewhere(namespace: string): Promise<void> {
  await place.rows(
    `WITH made AS (INSERT INTO tasker.task_namespaces (name, created_at, updated_at) VALUES ($1, now(), now()) RETURNING *)
     INSERT INTO tasker.named_tasks (task_namespace_uuid, name, version, configuration, created_at, updated_at, identity_strategy)
     SELECT made.task_namespace_uuid, 'one', '1.0.0', replace(t.configuration::text, '"alpha"', to_json($1::text)::text)::jsonb, now(), now(), 'strict'
       FROM made, tasker.named_tasks t JOIN tasker.task_namespaces a USING (task_namespace_uuid)
      WHERE a.name = 'alpha'`,
    namespace,
  )
}

/** Of all connections of this process; the test itself asks nothing meanwhile. */
function countStatements() {
  const { query } = pg.Client.prototype
  const startedAt = performance.now()
  const counter = {
    statements: 0,
    elapsedS: () => (performance.now() - startedAt) / 1000,
    stop: () => {
      pg.Client.prototype.query = query
    },
  }
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    counter.statements += 1
    return Reflect.apply(query, this, args)
  } as typeof query
  return counter
}
