// The two REST APIs that the host serves, each as one part with a lifecycle.

import type { EventCountSource } from '../../model/domain-event.ts'
import type { HealthFact, HealthSource, WorkerHealthSource } from '../../model/health.ts'
import type { InputSchemaCheck, TaskService } from '../../model/task.ts'
import { orchestratorHealthRoutes, workerHealthRoutes } from './health-routes.ts'
import { metricsRoutes } from './metrics-routes.ts'
import { RestServer, type RestServerOptions } from './rest-server.ts'
import { taskRoutes } from './task-routes.ts'

type ServerOptions = Omit<RestServerOptions, 'routes'>

export interface OrchestratorRestOptions extends ServerOptions {
  readonly tasks: TaskService
  readonly health: HealthSource
  /** Shown in `info`: version, environment, pool sizes. */
  readonly facts: Readonly<Record<string, HealthFact>>
  /** Default `warn`: Tasker's clients expect that any context is accepted. */
  readonly inputSchema?: InputSchemaCheck
}

export interface WorkerRestOptions extends ServerOptions {
  readonly health: WorkerHealthSource
  readonly domainEvents: EventCountSource
  /** Shown in `system_info`: version, environment, namespaces and the like. */
  readonly facts: Readonly<Record<string, HealthFact>>
}

/** Tasker's port for it is 8080. */
export function orchestratorRest(options: OrchestratorRestOptions): RestServer {
  const { tasks, health, facts, inputSchema = 'warn', ...server } = options
  return new RestServer({
    ...server,
    routes: (app) => {
      orchestratorHealthRoutes(app, { health, facts })
      taskRoutes(app, { tasks, inputSchema })
    },
  })
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
