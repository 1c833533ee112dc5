// A whole host whose PostgreSQL goes away and comes back: what its two APIs say meanwhile, and that it works on afterwards.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { Host } from '../../src/host.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type OwnServer, openOwnServer } from '../fixtures/own-server.ts'

const template =
  'name: one\nnamespace_name: e2e\nversion: 1.0.0\nsteps:\n  - name: only\n    handler: { callable: e2e.only }\n'
const handler = `import { StepHandler } from 'stephost'
export class Only extends StepHandler {
  static handlerName = 'e2e.only'
  async call() {
    return this.success({})
  }
}
`
const settings = `
[worker.web]
bind_address = "127.0.0.1:0"
[orchestration.web]
bind_address = "127.0.0.1:0"
[orchestration.grpc]
bind_address = "127.0.0.1:0"
[runtimes.typescript]
threads = 1
[common.circuit_breakers.default_config]
timeout_seconds = 1
[common.circuit_breakers.global_settings]
min_state_transition_interval_seconds = 0.0
`

let server: OwnServer
let host: Host
let directory: string
const changes: string[] = []

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stephost-outage-'))
  const root = join(directory, 'handlers')
  const file = join(directory, 'site.toml')
  mkdirSync(root)
  writeFileSync(join(root, 'one.yaml'), template)
  writeFileSync(join(root, 'only.ts'), handler)
  writeFileSync(file, settings)
  server = await openOwnServer()
  const said = (_details: object, message: string) => void changes.push(message)
  host = new Host({
    config: loadConfig({ file, environment: {} }),
    log: { info: said, warn: said, error: said, handler: () => {} },
    handlerRoots: [root],
    databaseUrl: server.url,
    parts: { worker: true, orchestrator: true, rest: true },
    strict: false,
    dataDir: directory,
  })
  await host.start()
}, 120_000)
afterAll(async () => {
  await host.stop()
  await server.end()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

interface Detailed {
  readonly status: string
  readonly checks: Record<string, { status: string; message: string | null }>
  readonly system_info: {
    readonly circuit_breakers: Record<string, { state: string; opened: number }>
    readonly pool_utilization: Record<string, Record<string, number>>
  }
}

async function get<T>(
  base: string | null,
  path: string,
): Promise<{ status: number; retryAfter: string | null; body: T }> {
  const response = await fetch(`${base}${path}`)
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as T,
  }
}

const worker = <T>(path: string) => get<T>(host.addresses().worker, path)
const orchestrator = <T>(path: string) => get<T>(host.addresses().orchestrator, path)

async function runOneTask(): Promise<void> {
  const request = {
    name: 'one',
    namespace: 'e2e',
    version: '1.0.0',
    initiator: 'e2e',
    source_system: 'e2e',
    reason: 'e2e',
  }
  const submit = async () => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ ...request, context: { nonce: Math.random() } })
    const response = await fetch(`${host.addresses().orchestrator}/v1/tasks`, { method: 'POST', headers, body })
    return response.ok ? ((await response.json()) as { task_uuid: string }).task_uuid : null
  }
  const taskId = await eventually('the task is accepted', submit, 20_000)
  const complete = async () =>
    (await orchestrator<{ status: string }>(`/v1/tasks/${taskId}`)).body.status === 'complete'
  await eventually('the task is complete', complete, 20_000)
}

it('names the check that failed, opens and closes its circuits, and works on', async () => {
  await runOneTask()
  expect(await worker('/health/ready')).toMatchObject({ status: 200 })
  const before = (await worker<Detailed>('/health/detailed')).body
  expect(before.checks['circuit_breakers']).toMatchObject({ status: 'healthy', message: null })
  expect(before.system_info.pool_utilization['tasker_pool']).toMatchObject({ max_connections: 25, acquire_errors: 0 })

  await server.stop('fast')
  const notReady = await worker<{ error: string; message: string }>('/health/ready')
  expect(notReady).toMatchObject({ status: 503, body: { error: 'service_unavailable' } })
  expect(notReady.body.message).toMatch(/^Not ready: database is unhealthy: /)
  const isOpen = async () => {
    const { checks, system_info } = (await worker<Detailed>('/health/detailed')).body
    return (
      checks['circuit_breakers']?.status === 'unhealthy' && (system_info.circuit_breakers['claims']?.opened ?? 0) > 0
    )
  }
  await eventually('the circuit of claims shows as open', isOpen, 20_000)
  const unknown = '/v1/tasks/0190c0de-0000-7000-8000-000000000001'
  const refused = await eventually('REST refuses at once', async () => {
    const answer = await orchestrator<{ error: { code: string } }>(unknown)
    expect(answer.status).toBe(503)
    return answer.body.error.code === 'CIRCUIT_BREAKER_OPEN' && answer
  })
  expect(Number(refused.retryAfter)).toBeGreaterThan(0)
  expect((await orchestrator('/health/ready')).status).toBe(503)

  await server.start()
  await runOneTask()
  await eventually('ready again', async () => (await worker('/health/ready')).status === 200)
  const claims = async () =>
    (await worker<Detailed>('/health/detailed')).body.system_info.circuit_breakers['claims']?.state
  await eventually('the circuit of claims is closed', async () => (await claims()) === 'closed')
  expect(changes).toContainEqual(
    expect.stringMatching(/^the circuit "claims" opens: PostgreSQL at .* cannot be reached/),
  )
  expect(changes).toContain('the circuit "claims" is closed again')
}, 90_000)
