// The APIs of one host: the orchestrator's over REST and gRPC, the worker's over REST; made from the configuration and opened in order.

import { withKeptFigures } from './api/rest/kept-figures.ts'
import type { Config } from './config/config.ts'
import { packageVersion } from './config/package-root.ts'
import type { DomainEvents } from './events/domain-events.ts'
import { guardedReads, guardedRedrives, guardedTasks } from './host-circuits.ts'
import { makeOrchestratorGrpc } from './host-grpc.ts'
import type { HostLog } from './host-health.ts'
import { shownConfig } from './host-shown-config.ts'
import type { CircuitBreaker } from './model/circuit-breaker.ts'
import type { HealthFact, HealthSource, WorkerHealthSource } from './model/health.ts'
import type { Lifecycle } from './model/lifecycle.ts'
import type { TaskEventSource } from './model/task-events.ts'
import type { Orchestrator } from './orchestration/orchestrator.ts'
import type { Database } from './postgres/database.ts'
import { orchestrationReads } from './postgres/queries/orchestration/orchestration-reads.ts'

type Facts = Readonly<Record<string, HealthFact>>

/** null: not served. */
export interface HostAddresses {
  readonly worker: string | null
  readonly orchestrator: string | null
  /** The orchestrator's, `host:port`. */
  readonly grpc: string | null
}

export interface HostApiParts {
  readonly config: Config
  readonly log: Pick<HostLog, 'warn' | 'error'>
  readonly database: Database
  /** Has the queues of pgmq. */
  readonly queueDatabase: Database
  readonly circuit: CircuitBreaker
  /** null: the host has none, as for the worker. */
  readonly orchestration: {
    readonly orchestrator: Orchestrator
    readonly events: TaskEventSource
    /** Facts about the pools of connections. */
    pool(): Facts
  } | null
  readonly worker: { readonly health: WorkerHealthSource; readonly domainEvents: DomainEvents } | null
  /** Starts a part, and stops it with the host. */
  begin(part: Lifecycle): Promise<void>
}

/** Rejects with what the servers reject with at their start. Their packages are loaded here: commands that serve nothing do not wait for them. */
export async function openApis(parts: HostApiParts): Promise<HostAddresses> {
  const { orchestratorRest, workerRest } = await import('./api/rest/servers.ts')
  const { config, log, worker } = parts
  const common = {
    facts: { version: packageVersion(), environment: config.environment },
    onFault: (error: unknown, requestId?: string) => {
      const request = requestId === undefined ? {} : { request_id: requestId }
      log.error({ err: error, ...request }, 'a request failed')
    },
    onWarning: (message: string) => log.warn({}, message),
  }
  const open = async (server: Lifecycle & { readonly address: string | null }) => {
    await parts.begin(server)
    return server.address
  }
  const { web, grpc: grpcConfig } = config.orchestration
  const orchestration = orchestrationApi(parts)
  const orchestrator =
    orchestration !== null && web.enabled
      ? await open(
          orchestratorRest({
            ...{ ...web.address, auth: web.auth, requestTimeoutMs: web.requestTimeoutMs },
            ...{ ...common, ...orchestration },
          }),
        )
      : null
  const grpc =
    orchestration !== null && grpcConfig.enabled
      ? await open(await makeOrchestratorGrpc(config, { ...common, ...orchestration }))
      : null
  const { address, auth, requestTimeoutMs, enabled } = config.worker.web
  const ofWorker =
    worker !== null && enabled
      ? await open(
          workerRest({
            ...{ ...address, auth, requestTimeoutMs },
            ...{ ...common, ...worker },
            facts: { ...common.facts, database_pool_size: config.database.connectionsMax },
          }),
        )
      : null
  return { worker: ofWorker, orchestrator, grpc }
}

/** What both APIs of the orchestrator work with; one of each, so that they also share what is kept. */
function orchestrationApi({ config, orchestration, database, queueDatabase, circuit }: HostApiParts) {
  if (orchestration === null) return null
  const { orchestrator, events, pool } = orchestration
  const health: HealthSource = {
    checks: () => orchestrator.checks(),
    info: () => ({ ...orchestrator.info(), ...pool() }),
  }
  const { web, inputSchemaCheck, background } = config.orchestration
  const reads = guardedReads(orchestrationReads(database, queueDatabase), circuit)
  return {
    tasks: guardedTasks(orchestrator, circuit),
    reads: config.figuresKeptMs === null ? reads : withKeptFigures(reads, { keptMs: config.figuresKeptMs }),
    redrives: guardedRedrives(orchestrator, circuit),
    ...{ events, health, counts: orchestrator, inputSchema: inputSchemaCheck },
    ...{ stalenessLimits: background.stalenessLimits, backpressure: config.queues.depthLimits },
    poolUse: () => database.poolUse ?? { active: 0, idle: 0, max: config.database.connectionsMax },
    config: web.configEndpoint ? shownConfig(config) : null,
  }
}
