// `orchestration.dlq`, with Tasker's keys, and our `retention`: what becomes of stuck tasks, old rows and orphaned messages.
import { boolean, integerBetween, oneOf, setting, type Values } from './setting.ts'

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

export const retentionSettings = {
  interval_s: setting(
    integerBetween(1, 86_400),
    'How often old rows and orphaned messages are looked for, by one of all orchestrators',
  ),
  sweep_max_ms: setting(integerBetween(10, 600_000), 'How long one time may take; what is left is for the next'),
  batch_rows_max: setting(integerBetween(1, 100_000), 'Rows that one transaction removes'),
  finished_tasks_days: setting(
    integerBetween(0, 36_500),
    'Tasks that finished longer ago leave the tables; 0: they stay',
  ),
  finished_tasks_action: setting(
    oneOf(['delete', 'archive']),
    'archive: their rows are kept in stephost.archived_rows',
  ),
  queue_archives_days: setting(integerBetween(0, 36_500), 'Archived messages that are older are deleted; 0: they stay'),
  orphans_after_s: setting(
    integerBetween(0, 86_400),
    'A message is set aside when its step or task is gone and it lies there for this long; 0: never',
  ),
}

export interface RetentionConfig {
  readonly intervalMs: number
  readonly sweepMaxMs: number
  readonly batchRowsMax: number
  readonly finishedTasksDays: number | null
  readonly archive: boolean
  readonly queueArchivesDays: number | null
}

export interface OrphanConfig {
  readonly intervalMs: number
  readonly sweepMaxMs: number
  readonly batchRowsMax: number
  readonly olderThanMs: number
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
  /** null: everything stays. */
  readonly retention: RetentionConfig | null
  /** null: nobody looks for them. */
  readonly orphans: OrphanConfig | null
}

export function backgroundConfig(
  { enabled, staleness_detection: detection }: Values<typeof deadLetterSettings>,
  own: Values<typeof retentionSettings>,
): BackgroundConfig {
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
  const pace = { intervalMs: own.interval_s * 1000, sweepMaxMs: own.sweep_max_ms, batchRowsMax: own.batch_rows_max }
  const [finishedTasksDays, queueArchivesDays] = [own.finished_tasks_days || null, own.queue_archives_days || null]
  const archive = own.finished_tasks_action === 'archive'
  const stays = finishedTasksDays === null && queueArchivesDays === null
  return {
    stalenessLimits: limits,
    staleness: enabled && detection.enabled ? limits : null,
    retention: stays ? null : { ...pace, finishedTasksDays, queueArchivesDays, archive },
    orphans: own.orphans_after_s === 0 ? null : { ...pace, olderThanMs: own.orphans_after_s * 1000 },
  }
}
