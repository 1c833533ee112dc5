// Health of the orchestrator and of the worker in Tasker's two shapes. Source: orchestration-semantics §6.10, worker-api-and-config §1.3.

import type { FastifyInstance } from 'fastify'
import type { HealthCheck, HealthFact, HealthSource, WorkerHealthSource } from '../../model/health.ts'
import { Refusal } from './refusal.ts'
import { route } from './route.ts'

type Facts = Readonly<Record<string, HealthFact>>
type Checks = Readonly<Record<string, HealthCheck>>

const orchestratorReadiness = [
  'web_database',
  'orchestration_database',
  'circuit_breaker',
  'orchestration_system',
  'command_processor',
]
const workerReadiness = ['database', 'command_processor', 'queue_processing']

const open = { permission: null, tag: 'health' } as const

export interface HealthParts {
  readonly health: HealthSource
  /** In `info` beside those of the source: version, environment, pool sizes. */
  readonly facts: Facts
  /** How busy the parts are, for the detailed health. */
  readonly load: () => Promise<Checks>
}

/** The documents of the orchestrator's health, for all APIs. */
export function orchestratorHealth({ health, facts, load }: HealthParts) {
  const info = () => ({ ...facts, ...health.info() })
  return {
    basic: (status: 'healthy' | 'alive') => ({ status, timestamp: now() }),
    /** Rejects with a Refusal (503) that names the first check that failed. */
    ready: async () => {
      const checks = only(await health.checks(), orchestratorReadiness)
      const reason = firstProblem(checks)
      if (reason !== null) throw new Refusal(503, 'SERVICE_UNAVAILABLE', `Not ready: ${reason}`)
      return { status: 'ready', timestamp: now(), checks: shown(checks), info: info() }
    },
    detailed: async () => {
      const checks = { ...(await health.checks()), ...(await load()) }
      const status = firstProblem(checks) === null ? 'healthy' : 'degraded'
      return { status, timestamp: now(), checks: shown(checks), info: info() }
    },
  }
}

export function orchestratorHealthRoutes(app: FastifyInstance, parts: HealthParts): void {
  const health = orchestratorHealth(parts)
  const answers = route({ ...open, summary: 'The process answers' })
  app.get('/health', answers, async () => health.basic('healthy'))
  app.get('/health/live', answers, async () => health.basic('alive'))
  app.get('/health/ready', route({ ...open, summary: 'Whether it can work', errors: [503] }), health.ready)
  app.get('/health/detailed', route({ ...open, summary: 'All checks' }), health.detailed)
}

/** `facts` go into `system_info` beside those of the source. */
export function workerHealthRoutes(
  app: FastifyInstance,
  { health, facts }: { health: WorkerHealthSource; facts: Facts },
): void {
  // Asked each time: a worker that was declared dead goes on under another id.
  const identity = () => ({ worker_id: health.workerId })
  app.get('/health', async () => ({ status: 'healthy', timestamp: now(), ...identity() }))
  app.get('/health/live', async () => ({ status: 'alive', timestamp: now(), ...identity() }))
  app.get('/health/ready', async (_request, reply) => {
    const checks = only(await health.checks(), workerReadiness)
    const reason = firstProblem(checks)
    // Here Tasker's error body is flat.
    if (reason !== null) {
      const message = `Not ready: ${reason}`
      return reply.code(503).send({ error: 'service_unavailable', message, timestamp: now(), request_id: null })
    }
    return {
      status: 'ready',
      timestamp: now(),
      ...identity(),
      checks: shown(checks, now()),
      system_info: systemInfo(health, facts),
    }
  })
  app.get('/health/detailed', async () => {
    const checks = await health.checks()
    return {
      status: firstProblem(checks) === null ? 'healthy' : 'degraded',
      timestamp: now(),
      ...identity(),
      checks: shown(checks, now()),
      system_info: systemInfo(health, facts),
      distributed_cache: { enabled: false, provider: 'none', healthy: true },
    }
  })
}

function systemInfo(health: HealthSource, facts: Facts): Facts {
  return { worker_type: 'command_processor', ...facts, ...health.info() }
}

function now(): string {
  return new Date().toISOString()
}

/** A check that the source does not make is unknown, and unknown is not ready. */
function only(checks: Checks, names: readonly string[]): Checks {
  const unknown: HealthCheck = { status: 'unknown', message: 'nobody makes this check', durationMs: 0 }
  return Object.fromEntries(names.map((name) => [name, checks[name] ?? unknown]))
}

function firstProblem(checks: Checks): string | null {
  const problem = Object.entries(checks).find(([, check]) => check.status !== 'healthy')
  return problem === undefined
    ? null
    : `${problem[0]} is ${problem[1].status}: ${problem[1].message ?? 'no reason given'}`
}

function shown(checks: Checks, lastChecked?: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(checks).map(([name, { status, message, durationMs }]) => [
      name,
      { status, message, duration_ms: durationMs, ...(lastChecked === undefined ? {} : { last_checked: lastChecked }) },
    ]),
  )
}
