// What a configuration says of the orchestrator is what the orchestrator of a host does.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Config, loadConfig } from '../../src/config/config.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import { orchestrationConfig } from '../../src/config/settings/orchestration.ts'
import { Host } from '../../src/host.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { sendRaw } from '../orchestration/fake-worker.ts'

let place: OpenDatabase
let directory: string
beforeAll(async () => {
  place = await openTestDatabase()
  directory = mkdtempSync(join(tmpdir(), 'stephost-settings-'))
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await place.close()
})

function configOf(text: string): Config {
  const file = join(directory, 'site.toml')
  writeFileSync(file, text)
  const grpc = { TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: '127.0.0.1:0' }
  return loadConfig({
    environment: { DATABASE_URL: place.url, TASKER_ORCHESTRATION_WEB_BIND_ADDRESS: '127.0.0.1:0', ...grpc },
    file,
  })
}

function hostOf(config: Config) {
  const warned: object[] = []
  const say = () => {}
  const host = new Host({
    config,
    log: { info: say, warn: (details) => warned.push(details), error: say, handler: say },
    ...{ handlerRoots: [], databaseUrl: place.url, strict: false, dataDir: directory },
    parts: { worker: false, orchestrator: true, rest: true },
  })
  onTestFinished(() => host.stop())
  return { host, warned }
}

/** Notes which fields are read one by one; who takes them all at once is refused, for then nobody knows. */
function noting<T extends object>(fields: T, note: (field: string) => void): T {
  return new Proxy(fields, {
    get: (target, field) => {
      note(String(field))
      return Reflect.get(target, field)
    },
    ownKeys: () => {
      throw new Error('taken as a whole')
    },
  })
}

describe('the settings of the orchestrator', () => {
  it('are all read out of the files', () => {
    const file = parse(readFileSync(join(packageRoot(), 'config/tasker/base/orchestration.toml'), 'utf8'))
    // Read only where they are used.
    Object.assign(Object(file['orchestration']).web.auth, { api_keys_enabled: true })
    const unread = new Set<string>()
    const noted = (values: object, path: string): object => {
      const fields = Object.entries(values).map(([name, value]) => {
        const isTable = typeof value === 'object' && !Array.isArray(value)
        if (!isTable) unread.add(path + name)
        return [name, isTable ? noted(value, `${path}${name}.`) : name === 'bind_address' ? '127.0.0.1:0' : value]
      })
      return noting(Object.fromEntries(fields), (field) => unread.delete(path + field))
    }
    const [orchestration, retention] = [
      noted(file['orchestration'] as object, ''),
      noted(file['retention'] as object, ''),
    ]
    orchestrationConfig(
      orchestration as Parameters<typeof orchestrationConfig>[0],
      retention as Parameters<typeof orchestrationConfig>[1],
    )
    // Refused where it is true.
    expect([...unread]).toEqual(['grpc.tls_enabled'])
  })

  it('are all used by a host', async () => {
    const config = configOf('')
    const read = new Set<string>()
    const { host } = hostOf({ ...config, orchestration: noting(config.orchestration, (field) => read.add(field)) })
    await host.start()
    expect([...read].sort()).toEqual(Object.keys(config.orchestration).sort())
  })
})

describe('processing.batch_size', () => {
  const archived = `(SELECT coalesce(json_agg(n ORDER BY n), '[]') FROM (SELECT count(*)::int AS n FROM pgmq.a_orchestration_step_results GROUP BY archived_at) x)`

  it.each([
    [
      'is what one transaction takes from the queue',
      '[orchestration.event_systems.orchestration.processing]\nbatch_size = 3',
      [1, 3, 3],
    ],
    ['is as large as ever by default', '', [7]],
  ])('%s', async (_what, text, portions) => {
    await place.database.query({ text: 'TRUNCATE pgmq.a_orchestration_step_results' })
    await place.database.transaction(async (transaction) => {
      for (let n = 0; n < 7; n += 1)
        await sendRaw(transaction, { step_uuid: `00000000-0000-4000-8000-00000000000${n}` })
    })
    await hostOf(configOf(text)).host.start()
    const left = '(SELECT count(*)::int FROM pgmq.q_orchestration_step_results)'
    await eventually('all messages are taken', async () => (await place.value(left)) === 0)
    expect(await place.value(archived)).toEqual(JSON.stringify(portions).replaceAll(',', ', '))
  })
})

describe('shutdown_timeout_ms', () => {
  it('is how long a stop waits for what is under way', async () => {
    const { host, warned } = hostOf(configOf('[orchestration]\nshutdown_timeout_ms = 150'))
    await host.start()
    const held = `(SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stephost orchestration' AND wait_event_type = 'Lock')`
    await place.database.transaction(async (transaction) => {
      await transaction.query({ text: 'LOCK TABLE pgmq.q_orchestration_step_results IN ACCESS EXCLUSIVE MODE' })
      await eventually('a look at the queue is under way', async () => Number(await place.value(held)) > 0, 20_000)
      await host.stop()
    })
    expect(host.isStuck).toBe(true)
    expect(warned.find((details) => 'waited_ms' in details)).toEqual({ waited_ms: 150 })
  })
})

describe('deployment_mode', () => {
  const left = async () => place.value('(SELECT count(*)::int FROM pgmq.q_orchestration_step_results)')
  const listens = async () =>
    place.value(
      `(SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stephost listener')`,
    )

  /** A heartbeat comes every 5 s, a poll every second, a sweep at the start and after 15 s. */
  async function heartbeatAfter(seconds: number): Promise<void> {
    const reached = `(SELECT coalesce(bool_or(heartbeat_at >= started_at + make_interval(secs => $1)), false) FROM stephost.orchestrators)`
    await eventually('a heartbeat', async () => (await place.value(reached, seconds)) === true, 20_000)
  }

  async function start(mode: string): Promise<void> {
    const systems = 'orchestration.event_systems'
    const timing = (system: string) => `[${systems}.${system}.timing]\nfallback_polling_interval_seconds = 1\n`
    const text = `[${systems}.orchestration]\ndeployment_mode = "${mode}"\n`
    await hostOf(configOf(text + timing('orchestration') + timing('task_readiness'))).host.start()
    // What is looked for at the start has been looked for.
    await heartbeatAfter(4)
    await sendRaw(place.database, {})
  }

  it.each([
    ['Hybrid', 1],
    ['PollingOnly', 0],
  ])('%s looks for results by itself', async (mode, connections) => {
    await start(mode)
    await eventually('the message is taken', async () => (await left()) === 0)
    expect(await listens()).toBe(connections)
  })

  /** Each message is there for the 5 s between two heartbeats. A sweep or a reconnect may take one of them; polls would take all. */
  async function isLeftAlone(): Promise<boolean> {
    const beat = `(SELECT max(heartbeat_at)::text FROM stephost.orchestrators)`
    for (let tries = 0; tries < 3; tries += 1) {
      const last = await place.value(beat)
      await eventually('another heartbeat', async () => (await place.value(beat)) !== last, 20_000)
      if ((await left()) === 1) return true
      await sendRaw(place.database, {})
    }
    return false
  }

  it('EventDrivenOnly looks when it is told', async () => {
    await start('EventDrivenOnly')
    expect(await isLeftAlone()).toBe(true)
    expect(await listens()).toBe(1)
    await place.rows(`SELECT pg_notify('pgmq_message_ready.orchestration', '{}')`)
    await eventually('the message is taken', async () => (await left()) === 0)
  })
})
