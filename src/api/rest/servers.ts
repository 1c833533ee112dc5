// The two REST APIs that the host serves, each as one part with a lifecycle.

import { authOff } from '../../model/auth.ts'
import type { EventCountSource } from '../../model/domain-event.ts'
import type { HealthCheck, HealthFact, HealthSource, WorkerHealthSource } from '../../model/health.ts'
import type { OrchestrationCountSource } from '../../model/orchestration-counts.ts'
import type { OrchestrationReads, StalenessLimits } from '../../model/orchestration-reads.ts'
import type { RedriveService } from '../../model/redrive.ts'
import type { InputSchemaCheck, TaskService } from '../../model/task.ts'
import type { TaskEventSource } from '../../model/task-events.ts'
import { analyticsRoutes } from './analytics-routes.ts'
import { Backpressure, type BackpressureLimits, backpressureDefaults } from './backpressure.ts'
import { configRoutes, type ShownConfig } from './config-routes.ts'
import { dlqRoutes } from './dlq-routes.ts'
import { eventRoutes } from './event-routes.ts'
import { orchestratorHealthRoutes, workerHealthRoutes } from './health-routes.ts'
import { metricsRoutes, orchestratorMetricsRoutes } from './metrics-routes.ts'
import { openApiDocument, openApiPage, openApiRoute } from './openapi.ts'
import { RestServer, type RestServerOptions } from './rest-server.ts'
import { stepRoutes } from './step-routes.ts'
import { taskRoutes } from './task-routes.ts'
import { templateRoutes } from './template-routes.ts'

type ServerOptions = Omit<RestServerOptions, 'routes'>

export type PoolUseSource = () => { readonly active: number; readonly idle: number; readonly max: number }

export interface OrchestratorRestOptions extends ServerOptions {
  readonly tasks: TaskService
  readonly reads: OrchestrationReads
  readonly events: TaskEventSource
  readonly health: HealthSource
  /** Shown in `info`: version, environment, pool sizes. */
  readonly facts: Readonly<Record<string, HealthFact>>
  /** Default `warn`: Tasker's clients expect that any context is accepted. */
  readonly inputSchema?: InputSchemaCheck
  /** null: GET /config is not served. Default null. */
  readonly config?: ShownConfig | null
  readonly poolUse?: PoolUseSource
  /** Between two comments on a stream of events. Default 15 s. */
  readonly heartbeatMs?: number
  readonly backpressure?: BackpressureLimits
  readonly stalenessLimits?: StalenessLimits
  /** Missing: /metrics has no counters of the orchestrator. */
  readonly counts?: OrchestrationCountSource
  /** Missing: dead letters can only be looked at and noted down. */
  readonly redrives?: RedriveService
}

/** Source: orchestration-semantics §8.3. */
export const stalenessDefaults: StalenessLimits = {
  waitingForDependenciesMinutes: 60,
  waitingForRetryMinutes: 30,
  stepsInProcessMinutes: 30,
}

export const noPool: PoolUseSource = () => ({ active: 0, idle: 0, max: 0 })

export interface WorkerRestOptions extends ServerOptions {
  readonly health: WorkerHealthSource
  readonly domainEvents: EventCountSource
  /** Shown in `system_info`: version, environment, namespaces and the like. */
  readonly facts: Readonly<Record<string, HealthFact>>
}

/** Tasker's port for it is 8080. */
export function orchestratorRest(options: OrchestratorRestOptions): RestServer {
  const { tasks, reads, events, health, facts, inputSchema = 'warn', config = null, poolUse = noPool } = options
  const { stalenessLimits = stalenessDefaults, auth = authOff, heartbeatMs = 15_000 } = options
  const { backpressure: depthLimits = backpressureDefaults } = options
  const backpressure = new Backpressure(reads, depthLimits)
  return new RestServer({
    ...options,
    routes: async (app) => {
      await openApiDocument(app)
      orchestratorHealthRoutes(app, {
        ...{ health, facts: { ...facts, limits: limitFacts(depthLimits, stalenessLimits) } },
        load: () => loadChecks(poolUse(), backpressure),
      })
      orchestratorMetricsRoutes(app, {
        health,
        version: String(facts['version'] ?? ''),
        poolUse,
        backpressure,
        counts: options.counts ?? null,
      })
      taskRoutes(app, { tasks, reads, inputSchema, backpressure })
      eventRoutes(app, { tasks, events, heartbeatMs })
      stepRoutes(app, { tasks, reads })
      templateRoutes(app, { reads })
      analyticsRoutes(app, { reads, poolUse: () => shareOf(poolUse()) })
      dlqRoutes(app, { reads, stalenessLimits, redrives: options.redrives ?? null })
      if (config !== null) configRoutes(app, { shown: config, auth })
      openApiRoute(app)
      openApiPage(app)
    },
  })
}

/** Nothing between HTTP and the statements is a queue of its own, so no channel fills up. Source: orchestration-semantics §6.10. */
export async function loadChecks(use: ReturnType<PoolUseSource>, backpressure: Backpressure) {
  const healthy: HealthCheck = { status: 'healthy', message: null, durationMs: 0 }
  const isFull = use.max > 0 && use.active >= use.max
  const tooDeep = await backpressure.problem()
  return {
    pool_utilization: { ...healthy, ...(isFull ? degraded(`all ${use.max} connections are in use`) : {}) },
    queue_depth: { ...healthy, status: depthStatuses[backpressure.level], message: tooDeep },
    channel_saturation: healthy,
  }
}

const depthStatuses = { normal: 'healthy', critical: 'degraded', overflow: 'unhealthy' } as const

/** For `info`: from when on the server calls queues too deep and tasks stale. */
export function limitFacts(depth: BackpressureLimits, stale: StalenessLimits): HealthFact {
  return {
    ...{ queue_depth_critical: depth.queueDepthCritical, queue_depth_overflow: depth.queueDepthOverflow },
    stale_after_minutes: {
      waiting_for_dependencies: stale.waitingForDependenciesMinutes,
      waiting_for_retry: stale.waitingForRetryMinutes,
      steps_in_process: stale.stepsInProcessMinutes,
    },
  }
}

function degraded(message: string) {
  return { status: 'degraded', message } as const
}

export function shareOf({ active, max }: ReturnType<PoolUseSource>): number {
  return max === 0 ? 0 : Math.round((active / max) * 100) / 100
}

/** Tasker's port for it is 8081. */
export function workerRest(options: WorkerRestOptions): RestServer {
  const { health, facts, domainEvents, ...server } = options
  return new RestServer({
    ...server,
    routes: (app) => {
      workerHealthRoutes(app, { health, facts })
      metricsRoutes(app, { worker: health, domainEvents })
    },
  })
}
