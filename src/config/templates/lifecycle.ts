// The `lifecycle` of a template: how long its tasks may take and wait, and what becomes of one that is stuck. Source: wire-protocol §9.1.
import type { JsonText } from '../../model/json-text.ts'
import type { YamlField } from './yaml-field.ts'

const lifetimeMinutesMax = 43_200
const stateMinutesMax = 10_080
const stateLimits = [
  'max_waiting_for_dependencies_minutes',
  'max_waiting_for_retry_minutes',
  'max_steps_in_process_minutes',
]
const switches = ['auto_fail_on_timeout', 'auto_dlq_on_timeout']

/** As it is stored; null when it is absent. What is wrong is reported to the field's source. */
export function readLifecycle(field: YamlField): JsonText | null {
  field.expectKeys(['max_duration_minutes', ...stateLimits, 'staleness_action', ...switches])
  field.field('max_duration_minutes').integer({ min: 1, max: lifetimeMinutesMax })
  for (const key of stateLimits) field.field(key).integer({ min: 1, max: stateMinutesMax })
  for (const key of switches) field.field(key).boolean()
  field.field('staleness_action').text()
  return field.json()
}
