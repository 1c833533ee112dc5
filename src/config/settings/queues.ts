// `common.queues` and our `queues`: names of the queues and what becomes of a message that was claimed.
import { brokerUrl, integerBetween, oneOf, queueName, setting, type Values } from './setting.ts'

export const backends = ['pgmq', 'rabbitmq'] as const
export type QueueBackend = (typeof backends)[number]

export const taskerQueueSettings = {
  backend: setting(oneOf(backends), 'The transport of step messages', { env: 'TASKER_MESSAGING_BACKEND' }),
  default_visibility_timeout_seconds: setting(integerBetween(1, 3600), 'How long a message that was read stays hidden'),
  orchestration_queues: {
    task_requests: setting(queueName, 'Queue of task requests'),
    task_finalizations: setting(queueName, 'Queue of finalizations'),
    step_results: setting(queueName, 'Queue that workers send results to'),
  },
  pgmq: {
    poll_interval_ms: setting(
      integerBetween(10, 10_000),
      'How often orchestration looks at its queues without a notification',
    ),
    queue_depth_thresholds: {
      critical_threshold: setting(
        integerBetween(1, 100_000_000),
        'From so many messages in the queue of results on new tasks are refused (503)',
      ),
      overflow_threshold: setting(
        integerBetween(1, 100_000_000),
        'From so many on the client is asked to stay away for twice as long',
      ),
    },
  },
  rabbitmq: {
    url: setting(brokerUrl, 'RabbitMQ, where it is the transport', { env: 'RABBITMQ_URL' }),
    prefetch_count: setting(integerBetween(1, 65_535), 'Most unclaimed messages that the broker hands to one worker'),
    heartbeat_seconds: setting(integerBetween(1, 3600), 'A broker that is silent for twice as long counts as lost'),
  },
}

export const queueSettings = {
  pgmq: {
    on_claim: setting(
      oneOf(['archive', 'delete']),
      'What happens to the message of a claimed step; steps that start without one leave nothing',
    ),
  },
}

export interface QueuesConfig {
  readonly backend: QueueBackend
  /** The database of the queues where it is not the one of the steps (split mode); null: it is. */
  readonly databaseUrl: string | null
  readonly rabbitmq: { readonly url: string; readonly prefetchMax: number; readonly heartbeatS: number }
  readonly onClaim: 'archive' | 'delete'
  readonly visibilityTimeoutMs: number
  readonly pollIntervalMs: number
  readonly depthLimits: { readonly queueDepthCritical: number; readonly queueDepthOverflow: number }
  readonly taskRequests: string
  readonly taskFinalizations: string
  readonly stepResults: string
}

export function queuesConfig(
  tasker: Values<typeof taskerQueueSettings>,
  own: Values<typeof queueSettings>,
  databases: { readonly steps: string; readonly queues: string },
): QueuesConfig {
  const { url, prefetch_count: prefetchMax, heartbeat_seconds: heartbeatS } = tasker.rabbitmq
  const { queue_depth_thresholds: depths } = tasker.pgmq
  return {
    backend: tasker.backend,
    databaseUrl: databases.queues === '' || databases.queues === databases.steps ? null : databases.queues,
    rabbitmq: { url, prefetchMax, heartbeatS },
    onClaim: own.pgmq.on_claim,
    visibilityTimeoutMs: tasker.default_visibility_timeout_seconds * 1000,
    depthLimits: { queueDepthCritical: depths.critical_threshold, queueDepthOverflow: depths.overflow_threshold },
    pollIntervalMs: tasker.pgmq.poll_interval_ms,
    taskRequests: tasker.orchestration_queues.task_requests,
    taskFinalizations: tasker.orchestration_queues.task_finalizations,
    stepResults: tasker.orchestration_queues.step_results,
  }
}
