// A served orchestrator of a test: database, orchestrator, watchers and gRPC server, with what went wrong in them.
import { join } from 'node:path'
import type { GrpcServer } from '../../src/api/grpc/grpc-server.ts'
import { type OrchestratorGrpcOptions, orchestratorGrpc } from '../../src/api/grpc/orchestrator-grpc.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { TaskEvents } from '../../src/orchestration/task-events.ts'
import { orchestrationReads } from '../../src/postgres/queries/orchestration/orchestration-reads.ts'
import { transitionReads } from '../../src/postgres/queries/orchestration/read-transitions.ts'
import { type Bench, openBench, request, sketch } from '../orchestration/orchestration-bench.ts'
import { GrpcClient } from './grpc-client.ts'

export class GrpcStand {
  readonly bench: Bench
  readonly orchestrator: Orchestrator
  readonly events: TaskEvents
  readonly faults: unknown[] = []
  readonly server: GrpcServer

  private constructor(bench: Bench) {
    this.bench = bench
    this.orchestrator = bench.orchestrator()
    const onFault = (error: unknown) => this.faults.push(error)
    this.events = new TaskEvents({ reads: transitionReads(bench.database), onFault })
    this.server = orchestratorGrpc(this.options())
  }

  static async open(): Promise<GrpcStand> {
    const stand = new GrpcStand(await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })]))
    await stand.orchestrator.start()
    await stand.events.start()
    await stand.server.start()
    return stand
  }

  async close(): Promise<void> {
    await this.server.stop()
    await this.events.stop()
    await this.bench.close()
  }

  options(): OrchestratorGrpcOptions {
    return {
      ...{ port: 0, protoRoot: join(packageRoot(), 'proto') },
      ...{ tasks: this.orchestrator, reads: orchestrationReads(this.bench.database), events: this.events },
      ...{ health: this.orchestrator, facts: { version: '0.1.0' } },
      onFault: (error) => this.faults.push(error),
    }
  }

  client(service: string): Promise<GrpcClient> {
    return GrpcClient.open(this.server.address ?? '', service)
  }

  newTask() {
    return this.orchestrator.createTask(request('pair'))
  }

  async firstStep(taskId: string): Promise<{ task_uuid: string; step_uuid: string }> {
    const [step] = await this.orchestrator.steps(taskId)
    return { task_uuid: taskId, step_uuid: step?.stepId ?? '' }
  }
}
