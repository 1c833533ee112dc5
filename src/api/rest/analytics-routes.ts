// Figures about tasks and steps. Source: orchestration-semantics §6.8.

import type { FastifyInstance } from 'fastify'
import { type JsonText, toJsonText } from '../../model/json-text.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import { rawMember } from '../../model/raw-member.ts'
import { stepStates, taskStates } from '../../model/task-state.ts'
import { integer, readQuery } from './query-string.ts'
import { route, sendDocument } from './route.ts'

const hoursMax = 24 * 366
const slowStepS = 30
const errorRateMax = 0.2
const poolUseMax = 0.8

export interface AnalyticsParts {
  readonly reads: OrchestrationReads
  /** Share of the connections in use, 0 to 1. */
  readonly poolUse: () => number
}

/** The figures by the query of a request, for all APIs. Both reject with a Refusal (400). */
export function analytics({ reads, poolUse }: AnalyticsParts) {
  return {
    performance: async (query: unknown): Promise<JsonText> => {
      const { hours } = readQuery(query, { hours: integer(1, hoursMax, 24) })
      return reads.performance(hours)
    },
    bottlenecks: async (query: unknown): Promise<JsonText> => {
      const shape = { limit: integer(1, 100, 10), min_executions: integer(1, 1_000_000, 5) }
      const { limit, min_executions: executionsMin } = readQuery(query, shape)
      return bottlenecksDocument(await reads.bottlenecks({ limit, executionsMin }), poolUse())
    },
  }
}

export function analyticsRoutes(app: FastifyInstance, parts: AnalyticsParts): void {
  const figures = analytics(parts)
  app.get('/v1/analytics/performance', performanceRoute, async (request, reply) =>
    sendDocument(reply, await figures.performance(request.query)),
  )
  app.get('/v1/analytics/bottlenecks', bottlenecksRoute, async (request, reply) =>
    sendDocument(reply, await figures.bottlenecks(request.query)),
  )
}

interface Slow {
  readonly step_name?: string
  readonly task_name: string
  readonly average_duration_seconds: number
  readonly error_rate: number
}

interface Figures {
  readonly slow_steps: readonly Slow[]
  readonly slow_tasks: readonly Slow[]
  readonly task_states: object | null
  readonly step_states: object | null
  readonly total_tasks: number
  readonly total_steps: number
}

/** Clients expect a counter of each state; the database counts those that occur. */
const noneInAnyState = Object.fromEntries(
  [...taskStates.map((state) => `${state}_tasks`), ...stepStates.map((state) => `${state}_steps`)].map((name) => [
    name,
    0,
  ]),
)

/** All numbers in it are counts and seconds of our own. */
function bottlenecksDocument(document: JsonText, poolUse: number): JsonText {
  const figures = JSON.parse(document) as Figures
  const { task_states: tasks, step_states: steps, total_tasks, total_steps } = figures
  const utilization = {
    database_pool_utilization: poolUse,
    system_health: { ...noneInAnyState, ...tasks, ...steps, total_tasks, total_steps },
  }
  const part = (name: string) => rawMember(document, name) ?? '[]'
  return `{"slow_steps":${part('slow_steps')},"slow_tasks":${part('slow_tasks')},"resource_utilization":${toJsonText(utilization)},"recommendations":${toJsonText(recommendations(figures, poolUse))}}` as JsonText
}

function recommendations({ slow_steps: steps }: Figures, poolUse: number): readonly string[] {
  const worst = steps.toSorted((a, b) => b.error_rate - a.error_rate)[0]
  const slowest = steps[0]
  return [
    ...(worst !== undefined && worst.error_rate > errorRateMax
      ? [`Step ${worst.step_name} of ${worst.task_name} fails in ${Math.round(worst.error_rate * 100)} % of its runs`]
      : []),
    ...(poolUse > poolUseMax
      ? [
          `${Math.round(poolUse * 100)} % of the database connections are in use; raise common.database.pool.max_connections`,
        ]
      : []),
    ...(slowest !== undefined && slowest.average_duration_seconds > slowStepS
      ? [`Step ${slowest.step_name} of ${slowest.task_name} takes ${slowest.average_duration_seconds} s on average`]
      : []),
  ]
}

const common = { permission: 'system:analytics_read', tag: 'analytics' } as const
const count = (absent: number) => ({ type: 'integer', minimum: 1, default: absent })
const performanceRoute = route({
  ...common,
  summary: 'Counts, rates and durations of the last hours',
  ...{ query: { hours: count(24) }, errors: [400, 503] },
})
const bottlenecksRoute = route({
  ...common,
  summary: 'The slowest steps and tasks',
  ...{ query: { limit: count(10), min_executions: count(5) }, errors: [400, 503] },
})
