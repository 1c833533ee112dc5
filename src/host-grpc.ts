// The orchestrator's gRPC server, made from the configuration. Its packages are loaded only where it is served: no other command waits for them.

import { join } from 'node:path'
import type { OrchestratorGrpcOptions } from './api/grpc/orchestrator-grpc.ts'
import type { Config } from './config/config.ts'
import { packageRoot } from './config/package-root.ts'

type Parts = Omit<OrchestratorGrpcOptions, 'host' | 'port' | 'probes' | 'auth' | 'protoRoot'>

export async function makeOrchestratorGrpc({ orchestration }: Config, parts: Parts) {
  const { orchestratorGrpc } = await import('./api/grpc/orchestrator-grpc.ts')
  const { address, health: probes, ...settings } = orchestration.grpc
  return orchestratorGrpc({
    ...settings,
    ...address,
    probes,
    ...parts,
    auth: orchestration.web.auth,
    protoRoot: join(packageRoot(), 'proto'),
  })
}
