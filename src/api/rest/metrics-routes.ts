// What worker and orchestrator measure, in Tasker's shapes. Source: worker-api-and-config §1.3, orchestration-semantics §9.3.

import type { FastifyInstance } from 'fastify'
import { Gauge, Registry } from 'prom-client'
import type { EventCountSource } from '../../model/domain-event.ts'
import type { HealthSource } from '../../model/health.ts'
import type { OrchestrationCountSource } from '../../model/orchestration-counts.ts'
import type { Backpressure } from './backpressure.ts'
import { orchestrationCounters } from './orchestration-counters.ts'
import { route } from './route.ts'

export interface MetricsSources {
  /** Asked each time: a worker that was declared dead goes on under another id. */
  readonly worker: { readonly workerId: string }
  readonly domainEvents: EventCountSource
}

/** Authors' subscribers are what Tasker calls those beyond the FFI: all of ours are; no subscriber is compiled into the host. */
export function metricsRoutes(app: FastifyInstance, { worker, domainEvents }: MetricsSources): void {
  app.get('/metrics/events', async () => {
    const counts = domainEvents.counts()
    return {
      router: {
        total_routed: counts.routed,
        durable_routed: counts.durable,
        fast_routed: counts.fast,
        broadcast_routed: counts.broadcast,
        fast_delivery_errors: counts.fastErrors,
        routing_errors: counts.routingErrors,
      },
      in_process_bus: {
        total_events_dispatched: counts.dispatched,
        rust_handler_dispatches: 0,
        ffi_channel_dispatches: counts.subscriberCalls,
        rust_handler_errors: 0,
        ffi_channel_drops: counts.dropped,
        rust_subscriber_patterns: 0,
        rust_handler_count: 0,
        ffi_subscriber_count: counts.subscribers,
      },
      captured_at: new Date().toISOString(),
      worker_id: worker.workerId,
    }
  })
}

export interface OrchestratorMetricsParts {
  readonly health: HealthSource
  readonly version: string
  readonly poolUse: () => { readonly active: number; readonly idle: number; readonly max: number }
  readonly backpressure: Backpressure
  /** null: without its counters. */
  readonly counts: OrchestrationCountSource | null
}

const circuitStates: Readonly<Record<string, number>> = { Closed: 0, HalfOpen: 1, Open: 2 }

/** Prometheus text. A check that is healthy is 1. */
export function orchestratorMetricsRoutes(app: FastifyInstance, parts: OrchestratorMetricsParts): void {
  const registry = new Registry()
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `tasker_${name}`, help, labelNames, registers: [registry] })
  const info = gauge('orchestration_info', 'Version of the server', ['version'])
  const running = gauge('orchestration_running', '1 while the loops run')
  const poolSize = gauge('orchestration_db_pool_size', 'Connections of the pool at most')
  const circuit = gauge('orchestration_circuit_breaker_state', '0 closed, 1 half open, 2 open')
  const channel = gauge('orchestration_channel_health', '1 while results are read without faults')
  const depth = gauge('orchestration_queue_depth', 'Messages in the queue of results, at most what stops new tasks')
  const connections = gauge('db_pool_connections', 'Connections of the pool', ['state'])
  if (parts.counts !== null) orchestrationCounters(registry, parts.counts)
  app.get('/metrics', metricsRoute, async (_request, reply) => {
    const { health, version, poolUse, backpressure } = parts
    const facts = health.info()
    const [checks] = await Promise.all([health.checks(), backpressure.look()])
    const { active, idle, max } = poolUse()
    info.set({ version }, 1)
    running.set(facts['operational_state'] === 'Normal' ? 1 : 0)
    poolSize.set(max)
    circuit.set(circuitStates[String(facts['circuit_breaker_state'])] ?? 0)
    channel.set(checks['command_processor']?.status === 'healthy' ? 1 : 0)
    depth.set(backpressure.depth)
    connections.set({ state: 'active' }, active)
    connections.set({ state: 'idle' }, idle)
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

const metricsRoute = route({
  ...{ permission: null, tag: 'metrics', summary: 'Prometheus text' },
  ...{ answer: { type: 'string' }, answerType: 'text/plain' },
})
