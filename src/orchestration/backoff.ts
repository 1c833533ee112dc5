// How long a failed step waits before its next attempt.

import type { StepOutcome } from '../model/orchestration-store.ts'

/** `common.backoff` of the configuration. Source: worker-api-and-config §3.4. */
export interface BackoffSettings {
  /** The first entry of `default_backoff_seconds`. */
  readonly baseS: number
  readonly multiplier: number
  readonly maxS: number
  readonly jitterEnabled: boolean
  /** Share of the delay, 0 … 1. */
  readonly jitterShareMax: number
}

export const backoffDefaults: BackoffSettings = {
  baseS: 1,
  multiplier: 2,
  maxS: 3600,
  jitterEnabled: true,
  jitterShareMax: 0.15,
}

type Waiting = Pick<StepOutcome, 'attempts' | 'retryAfter' | 'backoff' | 'nowMs'>

/**
 * Milliseconds until the next attempt; `attempts` counts the one that failed. A `retry-after` header is obeyed up to the limit and without
 * jitter. A base in the template starts with that base; without one the delay is base · multiplier^attempts. Source:
 * orchestration-semantics §2.10, and wire-protocol §9.2 for the template's `retry`. `random` is in [0, 1).
 */
export function backoffMs(step: Waiting, settings: BackoffSettings, random: () => number): number {
  const maxMs = step.backoff.maxMs ?? settings.maxS * 1000
  const wished = retryAfterMs(step.retryAfter, step.nowMs)
  if (wished !== null) return Math.min(wished, settings.maxS * 1000)
  const delayMs = Math.floor(Math.min(growth(step, settings), maxMs))
  if (!settings.jitterEnabled) return delayMs
  // Whole seconds, so that short delays stay exact.
  const rangeS = Math.floor((delayMs / 1000) * settings.jitterShareMax)
  return delayMs + (Math.floor(random() * (2 * rangeS + 1)) - rangeS) * 1000
}

function growth(step: Waiting, settings: BackoffSettings): number {
  const { kind, baseMs } = step.backoff
  const base = baseMs ?? settings.baseS * 1000
  switch (kind) {
    case 'none':
      return 0
    case 'linear':
      return base * step.attempts
    case 'fibonacci':
      return base * fibonacci(step.attempts)
    case 'exponential':
      return base * settings.multiplier ** (baseMs === null ? step.attempts : Math.max(step.attempts - 1, 0))
  }
}

/** 1, 1, 2, 3, 5 … for n = 1, 2, 3 …; beyond 80 every limit is long reached. */
function fibonacci(n: number): number {
  let [current, next] = [1, 1]
  for (let i = 1; i < Math.min(n, 80); i += 1) [current, next] = [next, current + next]
  return current
}

/** Integer seconds, or a date in the future; null when it is neither. */
function retryAfterMs(text: string | null, nowMs: number): number | null {
  if (text === null) return null
  const trimmed = text.trim()
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed) * 1000
  if (!/^([A-Za-z]{3}, *)?\d{1,2} [A-Za-z]{3} \d{4} /.test(trimmed)) return null
  const waitMs = Date.parse(trimmed) - nowMs
  return waitMs > 0 ? waitMs : null
}
