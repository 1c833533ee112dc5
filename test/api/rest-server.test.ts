// The server itself: addresses, the worker's health, and an end that waits for nobody for ever.
import { createConnection } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { workerRest } from '../../src/api/rest/servers.ts'
import type { EventCounts } from '../../src/model/domain-event.ts'
import type { HealthCheck, WorkerHealthSource } from '../../src/model/health.ts'

const healthy: HealthCheck = { status: 'healthy', message: null, durationMs: 1 }

function worker(checks: Readonly<Record<string, HealthCheck>>): WorkerHealthSource {
  return { workerId: 'worker-1', checks: async () => checks, info: () => ({ supported_namespaces: ['orders'] }) }
}

const counts: EventCounts = {
  ...{ routed: 6, durable: 3, fast: 2, broadcast: 1, fastErrors: 4, routingErrors: 5 },
  ...{ dispatched: 7, subscriberCalls: 8, dropped: 9, subscribers: 10 },
}
const domainEvents = { counts: () => counts }

async function serve(checks: Readonly<Record<string, HealthCheck>>, port = 0): Promise<RestServer> {
  const server = workerRest({
    port,
    health: worker(checks),
    facts: { version: '0.1.0' },
    onFault: () => {},
    domainEvents,
    stopGraceMs: 50,
  })
  await server.start()
  onTestFinished(() => server.stop())
  return server
}

describe('the worker API', () => {
  const ready = { database: healthy, command_processor: healthy, queue_processing: healthy }

  it('counts domain events in Tasker’s shape', async () => {
    const server = await serve(ready)
    const response = await fetch(`${server.address}/metrics/events`)
    expect(await response.json()).toEqual({
      router: {
        ...{ total_routed: 6, durable_routed: 3, fast_routed: 2, broadcast_routed: 1 },
        ...{ fast_delivery_errors: 4, routing_errors: 5 },
      },
      in_process_bus: {
        ...{ total_events_dispatched: 7, rust_handler_dispatches: 0, ffi_channel_dispatches: 8 },
        ...{ rust_handler_errors: 0, ffi_channel_drops: 9, rust_subscriber_patterns: 0 },
        ...{ rust_handler_count: 0, ffi_subscriber_count: 10 },
      },
      captured_at: expect.any(String),
      worker_id: 'worker-1',
    })
  })

  it.each(['/health', '/health/ready', '/nowhere'])('gives the answer of %s the id of its request', async (path) => {
    const { address } = await serve({})
    const ask = async (id: string | null) => {
      const response = await fetch(`${address}${path}`, id === null ? {} : { headers: { 'x-request-id': id } })
      return response.headers.get('x-request-id')
    }
    expect(await ask('client-7.a/b')).toBe('client-7.a/b')
    expect(await ask('x'.repeat(128))).toBe('x'.repeat(128))
    const made = await Promise.all([null, '', 'x'.repeat(129), 'two words', 'n\u00e4h'].map(ask))
    for (const id of made) expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(made).size).toBe(5)
  })

  it('shows health in its own shape', async () => {
    const { address } = await serve({
      ...ready,
      event_system: { status: 'degraded', message: 'polling', durationMs: 0 },
    })
    const get = async (path: string) => (await fetch(`${address}${path}`)).json()
    const timestamp = expect.stringMatching(/Z$/)
    expect(await get('/health')).toEqual({ status: 'healthy', timestamp, worker_id: 'worker-1' })
    expect(await get('/health/live')).toEqual({ status: 'alive', timestamp, worker_id: 'worker-1' })
    const check = { status: 'healthy', message: null, duration_ms: 1, last_checked: timestamp }
    const system_info = { worker_type: 'command_processor', version: '0.1.0', supported_namespaces: ['orders'] }
    expect(await get('/health/ready')).toEqual({
      ...{ status: 'ready', timestamp, worker_id: 'worker-1', system_info },
      checks: { database: check, command_processor: check, queue_processing: check },
    })
    expect(await get('/health/detailed')).toMatchObject({ status: 'degraded', distributed_cache: { enabled: false } })
  })

  it('names the worker as it is called now: one that was declared dead goes on under another id', async () => {
    let workerId = 'worker-1'
    const health = {
      ...worker(ready),
      get workerId() {
        return workerId
      },
    }
    const parts = { facts: {}, onFault: () => {}, domainEvents, stopGraceMs: 50 }
    const server = workerRest({ port: 0, health, ...parts })
    await server.start()
    onTestFinished(() => server.stop())
    workerId = 'worker-2'
    for (const path of ['/health', '/health/live', '/health/ready', '/health/detailed', '/metrics/events']) {
      expect(await (await fetch(`${server.address}${path}`)).json()).toMatchObject({ worker_id: 'worker-2' })
    }
  })

  it.each([
    [
      'a check failed',
      { ...ready, database: { status: 'unhealthy', message: 'gone', durationMs: 0 } },
      'database is unhealthy: gone',
    ],
    ['a check is missing', { database: healthy, command_processor: healthy }, 'queue_processing is unknown'],
  ] as const)('is not ready when %s', async (_case, checks, said) => {
    const { address } = await serve(checks)
    const response = await fetch(`${address}/health/ready`)
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({
      error: 'service_unavailable',
      message: expect.stringContaining(said),
      timestamp: expect.any(String),
      request_id: null,
    })
  })
})

describe('the server', () => {
  it('listens on loopback and says where', async () => {
    const server = await serve({})
    expect(server.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    await server.stop()
    expect(server.address).toBeNull()
    await server.stop()
  })

  it('names a taken address, and can start once it is free', async () => {
    const first = await serve({})
    const port = Number(new URL(first.address ?? '').port)
    const second = workerRest({ port, health: worker({}), facts: {}, domainEvents, onFault: () => {} })
    await expect(second.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    })
    await first.stop()
    await second.start()
    await second.stop()
  })

  it('names an address that is not of this machine', async () => {
    const server = workerRest({
      host: '192.0.2.1',
      port: 1,
      health: worker({}),
      facts: {},
      domainEvents,
      onFault: () => {},
    })
    await expect(server.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('192.0.2.1:1'),
    })
  })

  it('does not wait at its end for a client that says nothing', async () => {
    const server = await serve({})
    const silent = createConnection(Number(new URL(server.address ?? '').port), '127.0.0.1')
    onTestFinished(() => {
      silent.destroy()
    })
    // Only a socket that is read notices that the other side is gone.
    const closed = new Promise((resolve) =>
      silent
        .resume()
        .on('error', () => {})
        .once('close', resolve),
    )
    await new Promise((resolve) => silent.write('GET /health HTTP/1.1\r\nHost: x\r\n', resolve))
    await server.stop()
    await closed
  })
})
