// `orchestration.dlq`: when a task counts as stuck, and what becomes of it. Tasker's keys.
import { boolean, integerBetween, setting, type Values } from './setting.ts'

const minutes = (state: string) =>
  setting(integerBetween(1, 10_080), `How long a task may be ${state}, where its template names no limit`)

export const deadLetterSettings = {
  enabled: setting(boolean, 'Whether stuck tasks become dead letters'),
  staleness_detection: {
    enabled: setting(boolean, 'Whether stuck tasks are looked for'),
    detection_interval_seconds: setting(integerBetween(1, 86_400), 'How often, by one of all orchestrators'),
    batch_size: setting(integerBetween(1, 1000), 'Tasks that are moved in one transaction'),
    dry_run: setting(boolean, 'Only log what is stuck'),
    thresholds: {
      waiting_for_dependencies_minutes: minutes('waiting_for_dependencies'),
      waiting_for_retry_minutes: minutes('waiting_for_retry'),
      steps_in_process_minutes: minutes('steps_in_process'),
      task_max_lifetime_hours: setting(integerBetween(1, 8760), 'How old an unfinished task may grow'),
    },
  },
}

export interface StalenessConfig {
  readonly intervalMs: number
  readonly batchMax: number
  readonly dryRun: boolean
  readonly waitingForDependenciesMinutes: number
  readonly waitingForRetryMinutes: number
  readonly stepsInProcessMinutes: number
  readonly taskLifetimeMaxHours: number
}

export interface BackgroundConfig {
  /** The limits hold for what REST shows as stale, whether or not anybody looks for it. */
  readonly stalenessLimits: StalenessConfig
  /** null: stuck tasks are not looked for. */
  readonly staleness: StalenessConfig | null
}

export function backgroundConfig({
  enabled,
  staleness_detection: detection,
}: Values<typeof deadLetterSettings>): BackgroundConfig {
  const { thresholds } = detection
  const limits = {
    intervalMs: detection.detection_interval_seconds * 1000,
    batchMax: detection.batch_size,
    dryRun: detection.dry_run,
    waitingForDependenciesMinutes: thresholds.waiting_for_dependencies_minutes,
    waitingForRetryMinutes: thresholds.waiting_for_retry_minutes,
    stepsInProcessMinutes: thresholds.steps_in_process_minutes,
    taskLifetimeMaxHours: thresholds.task_max_lifetime_hours,
  }
  return { stalenessLimits: limits, staleness: enabled && detection.enabled ? limits : null }
}
