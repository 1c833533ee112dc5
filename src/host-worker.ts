// The worker of a host and the domain events of its steps, made from the configuration and introduced to each other.

import type { Config } from './config/config.ts'
import type { CircuitBreakers } from './dispatch/circuit-breakers.ts'
import { drainThatFits } from './dispatch/drain.ts'
import { Worker } from './dispatch/worker.ts'
import type { AdjustableOptions } from './dispatch/worker-options.ts'
import { DomainEvents } from './events/domain-events.ts'
import type { HostLog } from './host-health.ts'
import { modeInForce, type Transport } from './host-transport.ts'
import type { RuntimeName } from './model/handler.ts'
import type { ResultJudge } from './model/result-judge.ts'
import type { RuntimeAdapter } from './model/runtime-adapter.ts'
import type { LoadedTemplate } from './model/template.ts'
import type { WakeUps } from './model/wake-ups.ts'
import { InputSchemas } from './orchestration/input-schema.ts'
import type { Database } from './postgres/database.ts'
import { PgmqEventQueue } from './postgres/pgmq-event-queue.ts'
import { PostgresStepStore } from './postgres/postgres-step-store.ts'

const completionBatchMax = 400

export interface WorkerSurroundings {
  readonly config: Config
  readonly log: HostLog
  /** For steps on their way. */
  readonly stepDatabase: Database
  /** For heartbeats alone. */
  readonly leaseDatabase: Database
  readonly circuits: CircuitBreakers
  /** Template key → the handler root above its file; follows the files. */
  readonly rootsByTemplate: ReadonlyMap<string, string>
  readonly adapters: readonly RuntimeAdapter[]
  isolated(runtime: RuntimeName): RuntimeAdapter
  /** Of PostgreSQL; null: nobody listens. */
  readonly notifications: WakeUps | null
  /** Has the queues of pgmq. */
  readonly queueDatabase: Database
  readonly transport: Transport
  /** null: no orchestrator runs in this host. */
  readonly judge: ResultJudge | null
  readonly namespaces: readonly string[]
}

export interface MadeWorker {
  readonly worker: Worker
  readonly domainEvents: DomainEvents
}

export function namespacesOf(templates: readonly LoadedTemplate[]): readonly string[] {
  return [...new Set(templates.map(({ template }) => template.namespace))]
}

/** Those of the templates, and those that the configuration adds. */
export function servedNamespaces({ dispatch }: Config, templates: readonly LoadedTemplate[]): readonly string[] {
  return [...new Set([...namespacesOf(templates), ...dispatch.namespaces])]
}

/** What a worker takes over while it runs. */
export function adjustable({ worker, limits, dispatch }: Config): AdjustableOptions {
  return {
    permits: {
      permitsMax: worker.handlersMax,
      ...{ languages: limits.languages, namespaces: limits.namespaces },
      ...{ handlers: limits.handlers, weights: limits.weights },
    },
    loadShedding: worker.loadShedding,
    prefetchMax: dispatch.prefetchMax,
    handlerTimeoutMs: worker.handlerTimeoutMs,
  }
}

export function makeWorker(surroundings: WorkerSurroundings): MadeWorker {
  const { config, log, stepDatabase, queueDatabase, circuits, rootsByTemplate, adapters } = surroundings
  const { notifications, transport, namespaces } = surroundings
  const { dispatch, limits, runtimes } = config
  const schemas = new InputSchemas({ value: 'payload', schema: 'schema of the event' })
  const domainEvents: DomainEvents = new DomainEvents({
    queue: new PgmqEventQueue(queueDatabase),
    // The worker has it, and the worker is told of the events: one of the two has to be asked late.
    authorCode: () => worker.authorCode,
    violations: (schema, payload) => schemas.violations(schema, payload),
    warn: (message, details) => log.warn(details, message),
  })
  const drainMs = drainThatFits(dispatch)
  if (drainMs < dispatch.drainGraceMs) {
    const { drainGraceMs, shutdownMaxMs } = dispatch
    const cure = 'raise dispatch.shutdown_max_ms, and the grace of whoever ends this process'
    const said = `dispatch.drain_grace_ms = ${drainGraceMs} is cut to ${drainMs} so that a shutdown ends within ${shutdownMaxMs} ms; ${cure}`
    log.warn({}, said)
  }
  const worker: Worker = new Worker(
    {
      ...dispatch,
      namespaces,
      completionBatchMax,
      namespaceRuntimes: runtimes.namespaces,
      rootsByTemplate,
      mode: modeInForce(config),
      ...adjustable(config),
      pollIntervalMs: config.worker.pollIntervalMs,
      notifiedPollIntervalMs: config.worker.notifiedPollIntervalMs,
      resultLimits: { bytesMax: limits.resultBytesMax, depthMax: limits.jsonDepthMax },
    },
    {
      ...{ adapters, isolated: (runtime) => surroundings.isolated(runtime) },
      source: transport.source,
      wakeUps: transport.wakeUps ?? notifications,
      store: new PostgresStepStore(stepDatabase, {
        leaseMs: dispatch.leaseMs,
        heartbeats: surroundings.leaseDatabase,
        queues: queueDatabase,
        outgoing: transport.outgoing,
        judge: surroundings.judge,
      }),
      storedSteps: domainEvents,
      breakers: {
        claims: circuits.make('claims', 'messaging'),
        completions: circuits.make('completions', 'messaging'),
      },
      events: {
        handlerLog: (record) => log.handler(record),
        info: (message, details) => log.info(details, message),
        warning: (message, details) => log.warn(details, message),
      },
    },
  )
  return { worker, domainEvents }
}
