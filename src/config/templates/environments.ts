// What the environments of a template change of its steps. Tasker keeps them and never applies them. Source: wire-protocol §9.1.
import { suggestion } from '../../model/nearest-name.ts'
import { readChanges, type SettingChanges } from './step-settings.ts'
import type { YamlField } from './yaml-field.ts'

export interface StepOverride {
  readonly environment: string
  /** A step's name, or `ALL`. */
  readonly step: string
  readonly changes: SettingChanges
  /** Where the step is named. */
  readonly place: YamlField
}

const everyStep = 'ALL'

/** Those of all environments, checked. What is wrong is reported to the field's source. */
export function readEnvironments(field: YamlField): readonly StepOverride[] {
  return field.members().flatMap(([environment, body]) => {
    body.expectKeys(['steps'])
    return body
      .field('steps')
      .items()
      .map((item): StepOverride => {
        item.expectKeys(['name', 'handler', 'timeout_seconds', 'retry'])
        item.field('handler').expectKeys(['initialization'])
        const place = item.field('name').require()
        return { environment, step: place.text() ?? '', changes: readChanges(item), place }
      })
  })
}

/** What holds for the step, in the order in which it is applied: what names it goes before what is for all. */
export function changesFor(overrides: readonly StepOverride[], step: string): readonly SettingChanges[] {
  const forEvery = overrides.filter((override) => override.step === everyStep)
  return [...forEvery, ...overrides.filter((override) => override.step === step)].map(({ changes }) => changes)
}

export function warnOfStrangers(overrides: readonly StepOverride[], steps: readonly string[]): void {
  for (const { step, place } of overrides) {
    if (step === '' || step === everyStep || steps.includes(step)) continue
    place.warn(`"${step}" is no step of the template and not ${everyStep}${suggestion(step, [...steps, everyStep])}`)
  }
}
