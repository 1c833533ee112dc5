// The gRPC server of the orchestrator: which services it has and what they are made of. Tasker's port for it is 9190.

import { authOff } from '../../model/auth.ts'
import type { HealthFact, HealthSource } from '../../model/health.ts'
import type { OrchestrationReads, StalenessLimits } from '../../model/orchestration-reads.ts'
import type { RedriveService } from '../../model/redrive.ts'
import type { InputSchemaCheck, TaskService } from '../../model/task.ts'
import type { TaskEventSource } from '../../model/task-events.ts'
import { Backpressure, type BackpressureLimits, backpressureDefaults } from '../rest/backpressure.ts'
import type { ShownConfig } from '../rest/config-routes.ts'
import { limitFacts, loadChecks, noPool, type PoolUseSource, shareOf, stalenessDefaults } from '../rest/servers.ts'
import { analyticsService } from './analytics-service.ts'
import { configService } from './config-service.ts'
import { dlqService } from './dlq-service.ts'
import { GrpcServer, type GrpcServerOptions } from './grpc-server.ts'
import { healthService } from './health-service.ts'
import { stepService } from './step-service.ts'
import { taskService } from './task-service.ts'
import { templateService } from './template-service.ts'

export interface OrchestratorGrpcOptions extends Omit<GrpcServerOptions, 'services' | 'health'> {
  readonly tasks: TaskService
  readonly reads: OrchestrationReads
  readonly events: TaskEventSource
  readonly health: HealthSource
  /** Shown in `info`: version, environment, pool sizes. */
  readonly facts: Readonly<Record<string, HealthFact>>
  readonly poolUse?: PoolUseSource
  /** Whether grpc.health.v1 is served. Default true. */
  readonly probes?: boolean
  /** Default `warn`, as for REST. */
  readonly inputSchema?: InputSchemaCheck
  readonly backpressure?: BackpressureLimits
  readonly stalenessLimits?: StalenessLimits
  /** Missing: dead letters can only be looked at and noted down. */
  readonly redrives?: RedriveService
  /** null: ConfigService is not served. Default null. */
  readonly config?: ShownConfig | null
}

export function orchestratorGrpc(options: OrchestratorGrpcOptions): GrpcServer {
  const { tasks, reads, events, inputSchema = 'warn', health, facts, poolUse = noPool } = options
  const { config = null, auth = authOff } = options
  const { backpressure: depthLimits = backpressureDefaults, stalenessLimits = stalenessDefaults } = options
  const backpressure = new Backpressure(reads, depthLimits)
  return new GrpcServer({
    ...options,
    health: options.probes ?? true,
    services: [
      taskService({ tasks, reads, events, inputSchema, backpressure }),
      stepService({ tasks, reads }),
      templateService(reads),
      analyticsService({ reads, poolUse: () => shareOf(poolUse()) }),
      dlqService({ reads, stalenessLimits, redrives: options.redrives ?? null }),
      ...(config === null ? [] : [configService({ shown: config, auth })]),
      healthService({
        ...{ health, facts: { ...facts, limits: limitFacts(depthLimits, stalenessLimits) } },
        load: () => loadChecks(poolUse(), backpressure),
      }),
    ],
  })
}
