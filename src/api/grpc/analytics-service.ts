// tasker.v1.AnalyticsService: the figures of REST as calls. Source: orchestration-semantics §6.8, §7.

import { type AnalyticsParts, analytics } from '../rest/analytics-routes.ts'
import type { Message, Service } from './method.ts'
import { withTimes } from './protobuf-document.ts'
import { sentQuery } from './sent-fields.ts'

const periodTimes = ['analysis_period_start']

export function analyticsService(parts: AnalyticsParts): Service {
  const figures = analytics(parts)
  return {
    name: 'tasker.v1.AnalyticsService',
    file: 'tasker/v1/analytics.proto',
    methods: {
      GetPerformanceMetrics: {
        permission: 'system:analytics_read',
        answer: async (request) => withTimes(JSON.parse(await figures.performance(sentQuery(request))), periodTimes),
      },
      GetBottleneckAnalysis: {
        permission: 'system:analytics_read',
        answer: async (request) => bottleneckMessage(JSON.parse(await figures.bottlenecks(sentQuery(request)))),
      },
    },
  }
}

interface Bottlenecks {
  readonly slow_steps: readonly Message[]
  readonly slow_tasks: readonly Message[]
}

function bottleneckMessage({ slow_steps: steps, slow_tasks: tasks, ...rest }: Bottlenecks): Message {
  const timed = (list: readonly Message[]) => list.map((each) => withTimes(each))
  return { ...rest, slow_steps: timed(steps), slow_tasks: timed(tasks) }
}
