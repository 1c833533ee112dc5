// Runs many schedules side by side, each drawn from a seed of its own, and tells which ones failed.
import fc from 'fast-check'
import type { ModelPlace } from './model-place.ts'
import { type Schedule, schedules, scheduleText } from './schedule.ts'

export interface RunnerOptions {
  /** One schedule runs on each at a time. */
  readonly places: readonly ModelPlace[]
  readonly firstSeed: number
  readonly schedules: number
  /** Whether a schedule that failed is made smaller, as far as it goes on failing. */
  readonly shrink: boolean
  readonly onSchedule?: (seed: number, failure: string | null) => void
  readonly abort?: AbortSignal
}

/** A machine that stood still for a minute says nothing about a schedule, so that is run again. */
const standstill = /Query read timeout|timeout exceeded when trying to connect/
const triesMax = 3

/** Resolves with what failed, each with its seed. */
export async function runSchedules(options: RunnerOptions): Promise<readonly string[]> {
  const { places, firstSeed, schedules: count, abort } = options
  const failures: string[] = []
  let next = firstSeed
  await Promise.all(
    places.map(async (place) => {
      while (next < firstSeed + count && abort?.aborted !== true) {
        const seed = next
        next += 1
        let failure = await failureOf(seed, place, options.shrink)
        for (let tries = 1; tries < triesMax && failure !== null && standstill.test(failure); tries += 1) {
          failure = await failureOf(seed, place, options.shrink)
        }
        if (failure !== null) failures.push(failure)
        options.onSchedule?.(seed, failure)
      }
    }),
  )
  return failures
}

async function failureOf(seed: number, place: ModelPlace, shrink: boolean): Promise<string | null> {
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
