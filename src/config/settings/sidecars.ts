// What the sidecars of Ruby and Python share: how many processes serve, how they are watched, when they are replaced.
import { availableParallelism } from 'node:os'
import { integerBetween, setting, type Values } from './setting.ts'

/** The part that each language has for itself. */
export const sidecarLanguageSettings = {
  processes: setting(integerBetween(0, 256), 'Processes that serve side by side; 0: one per core'),
  in_flight_max: setting(integerBetween(1, 1000), 'Calls that are given to one process at once'),
  threads: setting(integerBetween(0, 1000), 'Of these, calls that run in threads at once; 0: all of them'),
}

const anHourMs = 3_600_000
const aTerabyteMb = 1_048_576
const aWeekS = 604_800

export const sidecarSettings = {
  silence_max_ms: setting(integerBetween(100, anHourMs), 'How long a process may leave the watch unanswered'),
  log_lines_per_second_max: setting(integerBetween(1, 1_000_000), 'Lines that one process may log in a second'),
  start_timeout_ms: setting(integerBetween(100, anHourMs), 'From the start of a runtime to its list of handlers'),
  recycle_calls_max: setting(integerBetween(0, 1_000_000_000), 'Calls after which a process is replaced; 0: never'),
  recycle_rss_soft_max_mb: setting(
    integerBetween(0, aTerabyteMb),
    'Memory above which a process is replaced after its current calls; 0: never',
  ),
  recycle_rss_hard_max_mb: setting(integerBetween(0, aTerabyteMb), 'Memory above which it is killed; 0: never'),
  idle_max_s: setting(integerBetween(0, aWeekS), 'Idle time after which a process beyond the first ends; 0: never'),
}

export interface SidecarLanguageConfig {
  readonly processes: number
  readonly inFlightMax: number
  readonly threads: number
}

export interface SidecarsConfig {
  readonly silenceMaxMs: number
  readonly logLinesPerSecondMax: number
  readonly startTimeoutMs: number
  /** null in each: never for this reason. */
  readonly recycle: {
    readonly callsMax: number | null
    readonly rssSoftMaxBytes: number | null
    readonly rssHardMaxBytes: number | null
    readonly idleMaxMs: number | null
  }
}

export function sidecarLanguageConfig(values: Values<typeof sidecarLanguageSettings>): SidecarLanguageConfig {
  const { processes, threads, in_flight_max: inFlightMax } = values
  return {
    processes: processes === 0 ? availableParallelism() : processes,
    inFlightMax,
    threads: threads === 0 ? inFlightMax : threads,
  }
}

export function sidecarsConfig(values: Values<typeof sidecarSettings>): SidecarsConfig {
  const bytesPerMb = 1024 * 1024
  return {
    silenceMaxMs: values.silence_max_ms,
    logLinesPerSecondMax: values.log_lines_per_second_max,
    startTimeoutMs: values.start_timeout_ms,
    recycle: {
      callsMax: orNever(values.recycle_calls_max, 1),
      rssSoftMaxBytes: orNever(values.recycle_rss_soft_max_mb, bytesPerMb),
      rssHardMaxBytes: orNever(values.recycle_rss_hard_max_mb, bytesPerMb),
      idleMaxMs: orNever(values.idle_max_s, 1000),
    },
  }
}

/** In the files 0 says "never"; in the program null does. */
function orNever(value: number, factor: number): number | null {
  return value === 0 ? null : value * factor
}

/** The rules between keys, one sentence each. */
export function sidecarProblems(
  languages: Readonly<Record<'ruby' | 'python', Values<typeof sidecarLanguageSettings>>>,
  shared: Values<typeof sidecarSettings>,
): string[] {
  const problems: string[] = []
  for (const language of ['ruby', 'python'] as const) {
    const { threads, in_flight_max: inFlightMax } = languages[language]
    if (threads > inFlightMax) {
      const limit = `runtimes.${language}.in_flight_max (${inFlightMax})`
      problems.push(
        `runtimes.${language}.threads = ${threads}: must not be above ${limit}; no more calls are given to it`,
      )
    }
  }
  const { recycle_rss_soft_max_mb: soft, recycle_rss_hard_max_mb: hard } = shared
  if (soft > 0 && hard > 0 && soft >= hard) {
    problems.push(
      `runtimes.sidecars.recycle_rss_soft_max_mb = ${soft}: must be below recycle_rss_hard_max_mb (${hard}), or 0`,
    )
  }
  return problems
}
