// The worker's health, put together from its parts in the words of Tasker's worker API.

import type { Worker } from './dispatch/worker.ts'
import type { RuntimeName } from './model/handler.ts'
import type { HealthCheck, HealthFact, WorkerHealthSource } from './model/health.ts'
import { type HostError, messageOf } from './model/host-error.ts'
import type { LogRecord, RuntimeAdapter } from './model/runtime-adapter.ts'

/** What the host says to people; pino's shape, and lines of handlers. */
export interface HostLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
  handler(record: LogRecord): void
}

interface WorkerHealthParts {
  readonly worker: Worker
  readonly adapters: readonly RuntimeAdapter[]
  readonly unavailable: readonly { readonly runtime: RuntimeName; readonly error: HostError }[]
  readonly listener: { health(): { connected: boolean; message: string | null } } | null
  readonly namespaces: readonly string[]
  ping(): Promise<void>
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
      database: await this.#database(),
      command_processor: healthy,
      queue_processing: this.#queues(),
      event_system: this.#events(),
      step_processing: this.#runtimes(),
      circuit_breakers: { ...healthy, message: 'there are none' },
    }
  }

  info(): Readonly<Record<string, HealthFact>> {
    return {
      uptime_seconds: Math.floor(process.uptime()),
      command_processor_active: true,
      supported_namespaces: this.#parts.namespaces,
      running_steps: this.#parts.worker.running,
    }
  }

  async #database(): Promise<HealthCheck> {
    const startedAt = performance.now()
    const durationMs = () => Math.round(performance.now() - startedAt)
    try {
      await this.#parts.ping()
      return { ...healthy, durationMs: durationMs() }
    } catch (error) {
      return { status: 'unhealthy', message: messageOf(error), durationMs: durationMs() }
    }
  }

  #queues(): HealthCheck {
    const fault = this.#parts.worker.claimFault
    return fault === null ? healthy : { status: 'unhealthy', message: `no steps are claimed: ${fault}`, durationMs: 0 }
  }

  /** Polling goes on without notifications, so a lost listener is a degradation. */
  #events(): HealthCheck {
    const listener = this.#parts.listener?.health()
    if (listener === undefined || listener.connected) return healthy
    return {
      status: 'degraded',
      message: listener.message ?? 'no notifications; steps are found by polling',
      durationMs: 0,
    }
  }

  #runtimes(): HealthCheck {
    const messages = [
      ...this.#parts.unavailable.map(({ runtime, error }) => `${runtime}: ${error.message}`),
      ...this.#parts.adapters.flatMap((adapter) => {
        const { status, message } = adapter.health()
        return status === 'healthy' ? [] : [`${adapter.name}: ${message ?? status}`]
      }),
    ]
    return messages.length === 0 ? healthy : { status: 'degraded', message: messages.join('; '), durationMs: 0 }
  }
}

const healthy: HealthCheck = { status: 'healthy', message: null, durationMs: 0 }
