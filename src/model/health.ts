// Health as a part of the host reports it and the APIs show it. Source: worker-api-and-config §1.3, orchestration-semantics §6.10.

export interface HealthCheck {
  readonly status: 'healthy' | 'degraded' | 'unhealthy' | 'unknown'
  /** Why it is not healthy; null when there is nothing to say. */
  readonly message: string | null
  readonly durationMs: number
}

export type HealthFact = string | number | boolean | null | readonly string[] | { readonly [name: string]: HealthFact }

export interface HealthSource {
  /** The checks by their documented names. Never rejects: a check that cannot be made is a check that failed. */
  checks(): Promise<Readonly<Record<string, HealthCheck>>>
  /** Facts about this process by their documented names. */
  info(): Readonly<Record<string, HealthFact>>
}

export interface WorkerHealthSource extends HealthSource {
  /** As all answers of the worker show it. */
  readonly workerId: string
}
