// `common.backoff`: how long a failed step waits before it is tried again.
import { boolean, integerBetween, integersBetween, numberBetween, setting, type Values } from './setting.ts'

export const backoffSettings = {
  default_backoff_seconds: setting(integersBetween(1, 86_400), 'The first entry is the base of the delay'),
  max_backoff_seconds: setting(integerBetween(1, 3600), 'The longest delay'),
  backoff_multiplier: setting(numberBetween(1, 10), 'Growth of the delay from attempt to attempt'),
  jitter_enabled: setting(boolean, 'Whether delays vary at random'),
  jitter_max_percentage: setting(numberBetween(0, 1), 'Largest random part of a delay, as a fraction'),
}

export interface BackoffConfig {
  readonly ladderS: readonly number[]
  readonly delayMaxS: number
  readonly multiplier: number
  /** 0: no jitter. */
  readonly jitterRatio: number
}

export function backoffConfig(values: Values<typeof backoffSettings>): BackoffConfig {
  return {
    ladderS: values.default_backoff_seconds,
    delayMaxS: values.max_backoff_seconds,
    multiplier: values.backoff_multiplier,
    jitterRatio: values.jitter_enabled ? values.jitter_max_percentage : 0,
  }
}
