// What the worker counted, in Tasker's shapes. Source: worker-api-and-config §1.3.

import type { FastifyInstance } from 'fastify'
import type { EventCountSource } from '../../model/domain-event.ts'

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
