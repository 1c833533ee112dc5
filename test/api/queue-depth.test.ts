// How deep queues may be: new tasks, the health and its limits as REST shows them, with real messages in a real queue.
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { type Bench, openBench, sketch } from '../orchestration/orchestration-bench.ts'

let bench: Bench
/** Never started: what is in the queues stays there. */
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench([sketch('single', { one: {} })])
  orchestrator = bench.orchestrator()
})
beforeEach(() => bench.rows(`SELECT pgmq.purge_queue('orchestration_step_results')::text`))
afterAll(() => bench.close())

/** A server of its own, since a look at the queues counts for a while. */
async function serve(messages: number) {
  await bench.rows(
    `SELECT pgmq.send('orchestration_step_results', '{}'::jsonb)::text FROM generate_series(1, $1::int)`,
    messages,
  )
  const server = orchestratorRest({
    ...{ port: 0, tasks: orchestrator, reads: orchestrationReads(bench.database), events: { watch: () => null } },
    ...{ health: orchestrator, facts: { version: '1' }, onFault: () => {} },
    backpressure: { queueDepthCritical: 3, queueDepthOverflow: 5 },
    stalenessLimits: { waitingForDependenciesMinutes: 11, waitingForRetryMinutes: 12, stepsInProcessMinutes: 13 },
  })
  await server.start()
  onTestFinished(() => server.stop())
  return server
}

async function health(address: string | null) {
  const response = await fetch(`${address}/health/detailed`)
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
  return (await response.json()) as any
}

function post(address: string | null): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({
    ...{ name: 'single', namespace: 'orders', version: '1.0.0', context: {} },
    ...{ initiator: 'cli', source_system: 'crm', reason: 'demo', idempotency_key: String(address) },
  })
  return fetch(`${address}/v1/tasks`, { method: 'POST', body, headers })
}

describe('queues of orchestration', () => {
  it.each([
    ['room', 2, 'healthy', null, 200, null],
    ['the critical depth', 3, 'degraded', '(3; critical from 3 on, overflow from 5 on)', 503, '30'],
    ['the depth of overflow', 7, 'unhealthy', '(5 or more; critical from 3 on, overflow from 5 on)', 503, '60'],
  ])('with %s', async (_what, messages, status, said, answered, retryAfter) => {
    const { address } = await serve(messages)
    const { checks } = await health(address)
    expect(checks.queue_depth).toEqual({
      ...{ status, duration_ms: expect.any(Number) },
      message: said === null ? null : `Too many results wait to be judged ${said}`,
    })
    const response = await post(address)
    expect([response.status, response.headers.get('retry-after')]).toEqual([answered, retryAfter])
    await response.text()
  })

  it('that nobody here reads stop no task, whatever others leave in them', async () => {
    const foreign = ['orchestration_task_requests', 'orchestration_task_finalizations']
    for (const queue of foreign) {
      await bench.rows(
        `SELECT count(*) FROM (SELECT pgmq.send($1, '{}'::jsonb) FROM generate_series(1, 5000)) sent`,
        queue,
      )
    }
    const { address } = await serve(2)
    expect((await health(address)).checks.queue_depth).toMatchObject({ status: 'healthy', message: null })
    expect(await (await fetch(`${address}/metrics`)).text()).toContain('\ntasker_orchestration_queue_depth 2\n')
    const response = await post(address)
    expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ name: 'single' })])
    for (const queue of foreign) {
      expect(await bench.rows(`SELECT count(*)::int AS n FROM pgmq.q_${queue}`)).toEqual([{ n: 5_000 }])
    }
  })

  it('have limits that health shows, beside those of stale tasks', async () => {
    const { address } = await serve(0)
    const { info } = await health(address)
    expect(info.limits).toEqual({
      ...{ queue_depth_critical: 3, queue_depth_overflow: 5 },
      stale_after_minutes: { waiting_for_dependencies: 11, waiting_for_retry: 12, steps_in_process: 13 },
    })
  })
})
