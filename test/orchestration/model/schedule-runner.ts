// Runs many schedules side by side, each drawn from a seed of its own, and tells which ones failed.
import fc from 'fast-check'
import type { LockWatch } from './lock-watch.ts'
import { acquireTimeoutMs } from './model-place.ts'
import { type Schedule, schedules, scheduleText } from './schedule.ts'

export interface RunnerPlace {
  readonly locks: Pick<LockWatch, 'forget' | 'seen'>
  run(schedule: Schedule): Promise<{ readonly problems: readonly string[] }>
}

export interface RunnerOptions {
  /** One schedule runs on each at a time. */
  readonly places: readonly RunnerPlace[]
  readonly firstSeed: number
  readonly schedules: number
  /** Whether a schedule that failed is made smaller, as far as it goes on failing. */
  readonly shrink: boolean
  readonly onSchedule?: (seed: number, failure: string | null) => void
  /** A schedule is about to run again; the text says why, and who waited for locks. */
  readonly onRepeat?: (text: string) => void
  readonly abort?: AbortSignal
}

export interface RunnerReport {
  /** What failed, each with its seed. */
  readonly failures: readonly string[]
  /** Schedules that ran more than once. */
  readonly repeated: number
  /** Says how many that were. */
  readonly summary: string
  /** Too many were repeated for a machine that only stands still at times; null: few enough. */
  readonly excess: string | null
}

/** A machine that stood still for a minute says nothing about a schedule, so that is run again. */
const standstill = /Query read timeout|timeout exceeded when trying to connect/
const triesMax = 3
/**
 * Who waits for a lock for as long as the shorter of the two time-outs brings about the same words, and is no standstill. A look each second comes
 * later than that on a busy machine, so two thirds of them are enough.
 */
const lockLooksMax = (2 * acquireTimeoutMs) / 3_000
/** One in so many may be repeated, and two in any case. */
const [repeatedOneIn, repeatedMin] = [500, 2]

export async function runSchedules(options: RunnerOptions): Promise<RunnerReport> {
  const { places, firstSeed, schedules: count, abort } = options
  const failures: string[] = []
  let [next, ran, repeated] = [firstSeed, 0, 0]
  await Promise.all(
    places.map(async (place) => {
      while (next < firstSeed + count && abort?.aborted !== true) {
        const seed = next
        next += 1
        const { failure, tries } = await judged(seed, place, options)
        ran += 1
        if (tries > 1) repeated += 1
        if (failure !== null) failures.push(failure)
        options.onSchedule?.(seed, failure)
      }
    }),
  )
  const summary = `${repeated} schedules repeated after a connection time-out`
  const allowed = Math.max(repeatedMin, Math.floor(ran / repeatedOneIn))
  return { failures, repeated, summary, excess: repeated > allowed ? `${summary}; ${allowed} may be` : null }
}

async function judged(seed: number, place: RunnerPlace, { shrink, onRepeat }: RunnerOptions) {
  for (let tries = 1; ; tries += 1) {
    place.locks.forget()
    const failure = await failureOf(seed, place, shrink)
    if (failure === null || !standstill.test(failure)) return { failure, tries }
    const { waits, failedLooks } = place.locks.seen()
    const held = waits.some(({ looks }) => looks >= lockLooksMax)
    const seen = waits.map(({ looks, text }) => `  ${looks} s: ${text}`)
    const told = [
      `locks that were waited for meanwhile: ${waits.length}; looks that failed: ${failedLooks}`,
      ...seen.slice(0, 20),
    ].join('\n')
    if (held || tries === triesMax) return { failure: `${failure}\n${told}`, tries }
    onRepeat?.(`seed ${seed} runs again after a connection time-out; ${told}`)
  }
}

async function failureOf(seed: number, place: RunnerPlace, shrink: boolean): Promise<string | null> {
  let last: { readonly schedule: Schedule; readonly problems: readonly string[] } | null = null
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const { problems } = await place.run(schedule)
    if (problems.length === 0) return true
    last = { schedule, problems }
    return false
  })
  const details = await fc.check(property, { seed, numRuns: 1, endOnFailure: !shrink })
  if (!details.failed) return null
  const again = `npm run model -- --schedules 1 --seed ${seed}`
  const found = last as { readonly schedule: Schedule; readonly problems: readonly string[] } | null
  const thrown = details.errorInstance instanceof Error ? details.errorInstance.stack : String(details.errorInstance)
  const shown = found === null ? [thrown] : [scheduleText(found.schedule), ...found.problems]
  return [`seed ${seed} failed; again: ${again}`, ...shown].join('\n')
}
