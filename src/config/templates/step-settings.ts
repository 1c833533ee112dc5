// What a template says of a step and one of its environments may say differently: time limit, retries, initialization.
import type { JsonText } from '../../model/json-text.ts'
import { emptyObject, nullDocument } from '../../model/json-text.ts'
import { backoffKinds, type RetryPolicy } from '../../model/template.ts'
import { jsonObject } from './json-writer.ts'
import type { YamlField } from './yaml-field.ts'

export interface StepSettings {
  readonly timeoutS: number | null
  readonly retry: RetryPolicy
  /** One JSON object. */
  readonly initialization: JsonText
}

/** null and absent members: the template's own value stays. */
export interface SettingChanges {
  readonly timeoutS: number | null
  readonly retry: StatedRetry
  readonly initialization: ReadonlyMap<string, JsonText>
}

type StatedRetry = { readonly [Key in keyof RetryPolicy]: RetryPolicy[Key] | null }

const retryKeys = ['retryable', 'max_attempts', 'backoff', 'backoff_base_ms', 'max_backoff_ms']
const timeoutSecondsMax = 4_294_967_295
/** A step without a `retry` block. Source: wire-protocol §9.2. */
const retryDefault: RetryPolicy = {
  retryable: true,
  attemptsMax: 3,
  backoff: 'exponential',
  backoffBaseMs: 1000,
  backoffMaxMs: 30_000,
}

/** `step`: an item of `steps`. Later changes go before earlier ones. */
export function readSettings(step: YamlField, changes: readonly SettingChanges[]): StepSettings {
  const own = { timeoutS: timeoutOf(step), retry: ownRetry(step.field('retry')) }
  const initialization = step.field('handler').field('initialization')
  const merged = changes.reduce(
    ({ timeoutS, retry }, change) => ({
      timeoutS: change.timeoutS ?? timeoutS,
      retry: withChanges(retry, change.retry),
    }),
    own,
  )
  const members = changes.flatMap((change) => [...change.initialization])
  if (members.length === 0) return { ...merged, initialization: initialization.jsonObject() ?? emptyObject }
  return { ...merged, initialization: jsonObject(Object.fromEntries([...membersOf(initialization), ...members])) }
}

/** `step`: an item of the `steps` of an environment. */
export function readChanges(step: YamlField): SettingChanges {
  return {
    timeoutS: timeoutOf(step),
    retry: statedRetry(step.field('retry')),
    initialization: new Map(membersOf(step.field('handler').field('initialization'))),
  }
}

function timeoutOf(step: YamlField): number | null {
  return step.field('timeout_seconds').integer({ min: 1, max: timeoutSecondsMax })
}

function ownRetry(field: YamlField): RetryPolicy {
  if (field.absent) return retryDefault
  return withChanges({ ...retryDefault, backoffBaseMs: null, backoffMaxMs: null }, statedRetry(field))
}

function statedRetry(field: YamlField): StatedRetry {
  field.expectKeys(retryKeys)
  return {
    retryable: field.field('retryable').boolean(),
    attemptsMax: field.field('max_attempts').integer({ min: 1, max: 100 }),
    backoff: field.field('backoff').word(backoffKinds),
    backoffBaseMs: field.field('backoff_base_ms').integer({ min: 100, max: 3_600_000 }),
    backoffMaxMs: field.field('max_backoff_ms').integer({ min: 1000, max: 3_600_000 }),
  }
}

function withChanges(policy: RetryPolicy, stated: StatedRetry): RetryPolicy {
  return {
    retryable: stated.retryable ?? policy.retryable,
    attemptsMax: stated.attemptsMax ?? policy.attemptsMax,
    backoff: stated.backoff ?? policy.backoff,
    backoffBaseMs: stated.backoffBaseMs ?? policy.backoffBaseMs,
    backoffMaxMs: stated.backoffMaxMs ?? policy.backoffMaxMs,
  }
}

function membersOf(field: YamlField): [string, JsonText][] {
  return field.members().map(([name, member]) => [name, member.json() ?? nullDocument])
}
