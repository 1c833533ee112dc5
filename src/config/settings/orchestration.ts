// `orchestration`: how the embedded orchestrator finds results and ready steps, and its own addresses.
import { type TransitionHistory, transitionHistories } from '../../model/orchestration-store.ts'
import { type InputSchemaCheck, inputSchemaChecks } from '../../model/task.ts'
import { type BackgroundConfig, backgroundConfig, deadLetterSettings, type retentionSettings } from './background.ts'
import { type GrpcConfig, grpcConfig, grpcSettings } from './grpc.ts'
import { address, boolean, integerBetween, oneOf, setting, type Values } from './setting.ts'
import { type DeploymentMode, deploymentModes, type WebConfig, webConfig, webSettings } from './worker.ts'

const pollInterval = setting(integerBetween(1, 60), 'How often it looks without a notification')

export const orchestrationSettings = {
  shutdown_timeout_ms: setting(integerBetween(100, 600_000), 'Longest time for what is under way at stop'),
  event_systems: {
    orchestration: {
      deployment_mode: setting(oneOf(deploymentModes), 'How results are found: notifications, polling or both'),
      timing: { fallback_polling_interval_seconds: pollInterval },
      processing: { batch_size: setting(integerBetween(1, 1000), 'Results that are read at once') },
    },
    task_readiness: { timing: { fallback_polling_interval_seconds: pollInterval } },
  },
  input_schema_check: setting(
    oneOf(inputSchemaChecks),
    'What becomes of a context against the input_schema of its template',
  ),
  history: setting(
    oneOf(transitionHistories),
    'Which transitions of tasks and steps are written: all, or those into states where they rest',
  ),
  decision_points: {
    enabled: setting(boolean, 'Whether decisions make steps'),
    max_steps_per_decision: setting(integerBetween(1, 10_000), 'Branches that one decision may choose'),
    max_decision_depth: setting(integerBetween(1, 1_000), 'Decisions below decisions, the first included'),
    warn_threshold_steps: setting(integerBetween(1, 10_000), 'From so many branches on it is logged'),
    warn_threshold_depth: setting(integerBetween(1, 1_000), 'From so many levels on it is logged'),
  },
  batch_processing: { enabled: setting(boolean, 'Whether there are tasks of templates with batches') },
  dlq: deadLetterSettings,
  web: {
    ...webSettings,
    bind_address: setting(address, 'Where REST listens'),
  },
  grpc: grpcSettings,
}

export interface OrchestrationConfig {
  readonly deploymentMode: DeploymentMode
  readonly resultPollIntervalMs: number
  readonly resultBatchMax: number
  /** How often tasks with retries that are due are looked for. */
  readonly readinessPollIntervalMs: number
  readonly inputSchemaCheck: InputSchemaCheck
  readonly history: TransitionHistory
  readonly decisionsEnabled: boolean
  readonly batchesEnabled: boolean
  readonly decisionStepsMax: number
  readonly decisionDepthMax: number
  readonly decisionStepsWarn: number
  readonly decisionDepthWarn: number
  readonly background: BackgroundConfig
  readonly shutdownTimeoutMs: number
  readonly web: WebConfig
  readonly grpc: GrpcConfig
}

export function orchestrationConfig(
  values: Values<typeof orchestrationSettings>,
  retention: Values<typeof retentionSettings>,
): OrchestrationConfig {
  const systems = values.event_systems
  return {
    deploymentMode: systems.orchestration.deployment_mode,
    resultPollIntervalMs: systems.orchestration.timing.fallback_polling_interval_seconds * 1000,
    resultBatchMax: systems.orchestration.processing.batch_size,
    readinessPollIntervalMs: systems.task_readiness.timing.fallback_polling_interval_seconds * 1000,
    inputSchemaCheck: values.input_schema_check,
    history: values.history,
    decisionsEnabled: values.decision_points.enabled,
    batchesEnabled: values.batch_processing.enabled,
    decisionStepsMax: values.decision_points.max_steps_per_decision,
    decisionDepthMax: values.decision_points.max_decision_depth,
    decisionStepsWarn: values.decision_points.warn_threshold_steps,
    decisionDepthWarn: values.decision_points.warn_threshold_depth,
    background: backgroundConfig(values.dlq, retention),
    shutdownTimeoutMs: values.shutdown_timeout_ms,
    web: webConfig(values.web, 'orchestration.web'),
    grpc: grpcConfig(values.grpc),
  }
}
