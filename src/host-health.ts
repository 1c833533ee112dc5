// The worker's health, put together from its parts in the words of Tasker's worker API.

import type { Worker, WorkerUsage } from './dispatch/worker.ts'
import type { DeploymentMode } from './dispatch/worker-options.ts'
import { type EventSystem, eventSystemCheck, eventSystemFacts } from './host-event-system.ts'
import type { RuntimeName } from './model/handler.ts'
import type { HealthCheck, HealthFact, WorkerHealthSource } from './model/health.ts'
import type { HostError } from './model/host-error.ts'
import type { AdapterHealth, LogRecord, RuntimeAdapter } from './model/runtime-adapter.ts'
import type { ListenerHealth } from './postgres/listener.ts'

/** What the host says to people; pino's shape, and lines of handlers. */
export interface HostLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
  handler(record: LogRecord): void
}

interface WorkerHealthParts {
  readonly worker: Worker
  /** Languages that run and languages that do not; both change when files of a further language appear. */
  readonly runtimes: {
    readonly adapters: readonly RuntimeAdapter[]
    readonly unavailable: readonly { readonly runtime: RuntimeName; readonly error: HostError }[]
  }
  /** Languages whose newest files do not load, so that the version from before serves. */
  refusedReloads(): readonly { readonly runtime: RuntimeName; readonly problem: string }[]
  readonly mode: DeploymentMode
  /** What a transport without notifications of PostgreSQL says; null: there are those. */
  transport(): HealthCheck | null
  readonly listener: { health(): ListenerHealth } | null
  database(): Promise<HealthCheck>
  readonly circuits: { check(): HealthCheck; facts(): Readonly<Record<string, HealthFact>> }
  /** Facts about the pool of connections. */
  pool(): Readonly<Record<string, HealthFact>>
}

export class WorkerHealth implements WorkerHealthSource {
  readonly #parts: WorkerHealthParts

  constructor(parts: WorkerHealthParts) {
    this.#parts = parts
  }

  get workerId(): string {
    return `worker-${this.#parts.worker.workerId}`
  }

  async checks(): Promise<Readonly<Record<string, HealthCheck>>> {
    return {
      database: await this.#parts.database(),
      command_processor: healthy,
      queue_processing: this.#queues(),
      event_system: this.#parts.transport() ?? eventSystemCheck(this.#eventSystem()),
      step_processing: this.#runtimes(),
      circuit_breakers: this.#parts.circuits.check(),
    }
  }

  info(): Readonly<Record<string, HealthFact>> {
    return {
      uptime_seconds: Math.floor(process.uptime()),
      command_processor_active: true,
      supported_namespaces: this.#parts.worker.namespaces,
      running_steps: this.#parts.worker.running,
      ...usageFacts(this.#parts.worker.usage()),
      circuit_breakers: this.#parts.circuits.facts(),
      ...this.#parts.pool(),
      ...eventSystemFacts(this.#eventSystem()),
    }
  }

  #queues(): HealthCheck {
    const fault = this.#parts.worker.claimFault
    return fault === null ? healthy : { status: 'unhealthy', message: `no steps are claimed: ${fault}`, durationMs: 0 }
  }

  /** An orchestrator in this host may listen while the worker does not. */
  #eventSystem(): EventSystem {
    const { mode, listener, worker } = this.#parts
    const heard = mode === 'PollingOnly' ? null : (listener?.health() ?? null)
    return { mode, listener: heard, lastPollAtMs: worker.lastClaimAtMs }
  }

  #runtimes(): HealthCheck {
    const { adapters, unavailable } = this.#parts.runtimes
    const reports = adapters.map((adapter) => ({ name: adapter.name, ...this.#healthOf(adapter) }))
    const problems = [
      ...unavailable.map(({ runtime, error }) => `${runtime}: ${error.message}`),
      ...reports
        .filter(({ status }) => status !== 'healthy')
        .map(({ name, status, message }) => `${name}: ${message ?? status}`),
    ]
    if (problems.length > 0) return { status: 'degraded', message: problems.join('; '), durationMs: 0 }
    const remarks = reports.flatMap(({ name, message }) => (message === null ? [] : [`${name}: ${message}`]))
    return remarks.length === 0 ? healthy : { ...healthy, message: remarks.join('; ') }
  }

  /** An adapter that is fit may still serve yesterday's handlers. */
  #healthOf(adapter: RuntimeAdapter): AdapterHealth {
    const health = adapter.health()
    const refused = this.#parts.refusedReloads().find(({ runtime }) => runtime === adapter.name)
    if (health.status !== 'healthy' || refused === undefined) return health
    return { status: 'degraded', message: `the changed handlers are not live: ${refused.problem}` }
  }
}

const healthy: HealthCheck = { status: 'healthy', message: null, durationMs: 0 }

function usageFacts(usage: WorkerUsage): Readonly<Record<string, HealthFact>> {
  return {
    permits_used: usage.permitsUsed,
    permits_max: usage.permitsMax,
    permits_by_limit: usage.views.map(({ kind, name, used, limit }) => `${kind} ${name}: ${used} of ${limit ?? 'any'}`),
    prefetched_steps: usage.waiting,
    load_percent: usage.percent,
    load_state: usage.loadState,
    load_shed_count: usage.timesShed,
  }
}
