// `common.circuit_breakers`: after how many outages calls are no longer made, for how long, and what ends it.
import { integerBetween, numberBetween, setting, type Values } from './setting.ts'

const thresholds = {
  failure_threshold: setting(integerBetween(1, 100), 'Outages in a row that open the circuit'),
  success_threshold: setting(integerBetween(1, 100), 'Successes that close it again; so many calls may try at once'),
}

export const breakerSettings = {
  global_settings: {
    min_state_transition_interval_seconds: setting(
      numberBetween(0, 60),
      'A circuit opens, tries and closes no sooner than this after its last change',
    ),
  },
  default_config: {
    ...thresholds,
    timeout_seconds: setting(integerBetween(1, 300), 'How long an open circuit lets no call through'),
  },
  component_configs: { task_readiness: thresholds, messaging: thresholds, web: thresholds },
}

export interface BreakerConfig {
  readonly failureThreshold: number
  readonly successThreshold: number
  readonly openMs: number
  readonly changeIntervalMinMs: number
}

export interface BreakersConfig {
  /** The orchestrator's loops. */
  readonly taskReadiness: BreakerConfig
  /** Claims, completions and what is published. */
  readonly messaging: BreakerConfig
  /** Requests over REST that need the database. */
  readonly web: BreakerConfig
}

export function breakersConfig(values: Values<typeof breakerSettings>): BreakersConfig {
  const { task_readiness: taskReadiness, messaging, web } = values.component_configs
  const component = (own: Values<typeof thresholds>): BreakerConfig => ({
    failureThreshold: own.failure_threshold,
    successThreshold: own.success_threshold,
    openMs: values.default_config.timeout_seconds * 1000,
    changeIntervalMinMs: values.global_settings.min_state_transition_interval_seconds * 1000,
  })
  return { taskReadiness: component(taskReadiness), messaging: component(messaging), web: component(web) }
}

/** Tasker's other name for `messaging`. Source: worker-api-and-config §3.4. */
const messagingAlias = 'common.circuit_breakers.component_configs.pgmq.'

export function withoutBreakerAlias(key: string): string {
  return key.startsWith(messagingAlias)
    ? `common.circuit_breakers.component_configs.messaging.${key.slice(messagingAlias.length)}`
    : key
}
