// When a declared event is due: after a success, after a failure of one kind or any, or always.

import type { EventCondition } from '../model/domain-event.ts'
import type { StepResult } from '../model/step-result.ts'

/** Both kinds of failure count as `failure`; which kind it is, the result itself says. Source: wire-protocol §8. */
export function isDue(condition: EventCondition, result: StepResult): boolean {
  switch (condition) {
    case 'always':
      return true
    case 'success':
      return result.success
    case 'failure':
      return !result.success
    case 'retryable_failure':
      return !result.success && result.retryable
    case 'permanent_failure':
      return !result.success && !result.retryable
  }
}
