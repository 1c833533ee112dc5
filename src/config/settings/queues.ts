// `common.queues` and our `queues`: names of the queues and what becomes of a message that was claimed.
import { integerBetween, oneOf, queueName, setting, type Values } from './setting.ts'

export const taskerQueueSettings = {
  backend: setting(oneOf(['pgmq']), 'The transport of step messages', { env: 'TASKER_MESSAGING_BACKEND' }),
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
  },
}

export const queueSettings = {
  pgmq: {
    on_claim: setting(oneOf(['archive', 'delete']), 'What happens to the message of a claimed step'),
  },
}

export interface QueuesConfig {
  readonly backend: 'pgmq'
  readonly onClaim: 'archive' | 'delete'
  readonly visibilityTimeoutMs: number
  readonly pollIntervalMs: number
  readonly taskRequests: string
  readonly taskFinalizations: string
  readonly stepResults: string
}

export function queuesConfig(
  tasker: Values<typeof taskerQueueSettings>,
  own: Values<typeof queueSettings>,
): QueuesConfig {
  return {
    backend: tasker.backend,
    onClaim: own.pgmq.on_claim,
    visibilityTimeoutMs: tasker.default_visibility_timeout_seconds * 1000,
    pollIntervalMs: tasker.pgmq.poll_interval_ms,
    taskRequests: tasker.orchestration_queues.task_requests,
    taskFinalizations: tasker.orchestration_queues.task_finalizations,
    stepResults: tasker.orchestration_queues.step_results,
  }
}
