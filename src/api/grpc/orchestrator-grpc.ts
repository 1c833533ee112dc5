// The gRPC server of the orchestrator: which services it has and what they are made of. Tasker's port for it is 9190.

import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import type { InputSchemaCheck, TaskService } from '../../model/task.ts'
import type { TaskEventSource } from '../../model/task-events.ts'
import { Backpressure, type BackpressureLimits } from '../rest/backpressure.ts'
import { GrpcServer, type GrpcServerOptions } from './grpc-server.ts'
import { stepService } from './step-service.ts'
import { taskService } from './task-service.ts'

export interface OrchestratorGrpcOptions extends Omit<GrpcServerOptions, 'services'> {
  readonly tasks: TaskService
  readonly reads: OrchestrationReads
  readonly events: TaskEventSource
  /** Default `warn`, as for REST. */
  readonly inputSchema?: InputSchemaCheck
  readonly backpressure?: BackpressureLimits
}

export function orchestratorGrpc(options: OrchestratorGrpcOptions): GrpcServer {
  const { tasks, reads, events, inputSchema = 'warn' } = options
  const backpressure = new Backpressure(reads, options.backpressure)
  return new GrpcServer({
    ...options,
    services: [taskService({ tasks, reads, events, inputSchema, backpressure }), stepService({ tasks, reads })],
  })
}
