// What becomes of a step whose result came in: complete, error, or another attempt after a wait.

import { type JsonText, toJsonText } from '../model/json-text.ts'
import type { StepMove, StepOutcome } from '../model/orchestration-store.ts'
import { type BackoffSettings, backoffMs } from './backoff.ts'

/** Words that count as success when the envelope does not say. Source: orchestration-semantics §2.6. */
const successWords = new Set(['completed', 'complete', 'success', 'succeeded', 'ok'])

/**
 * A retry needs three things: the result allows it, the step allows it, and an attempt is left. Asking the step as well is what keeps
 * it from waiting for a retry that the readiness rule would never grant.
 */
export function judge(outcome: StepOutcome, settings: BackoffSettings, random: () => number): StepMove {
  const move = { stepId: outcome.stepId, from: outcome.state, failure: null }
  if (outcome.state === 'enqueued_for_orchestration') {
    const succeeded = outcome.success ?? successWords.has((outcome.status ?? '').toLowerCase())
    return succeeded
      ? { ...move, to: 'complete', event: stepEvent('Complete', null), backoffMs: null }
      : failedMove(outcome, failureText(outcome), null)
  }
  const again = outcome.resultRetryable && outcome.stepRetryable && outcome.attempts < outcome.attemptsMax
  if (!again) {
    // The batch goes on without it: what converges sees the failure among the results of the workers.
    if (outcome.failureStrategy === 'continue_on_failure') {
      return { ...move, to: 'complete', event: stepEvent('Complete', null), backoffMs: null }
    }
    return failedMove(outcome, failureText(outcome), null)
  }
  return {
    ...move,
    to: 'waiting_for_retry',
    event: stepEvent('WaitForRetry', failureText(outcome)),
    backoffMs: backoffMs(outcome, settings, random),
  }
}

/** `failure`: becomes the error of the stored result, which says that it is a success. */
export function failedMove(
  { stepId, state }: Pick<StepOutcome, 'stepId' | 'state'>,
  message: string,
  failure: string | null,
): StepMove {
  return { stepId, from: state, to: 'error', event: stepEvent('Fail', message), backoffMs: null, failure }
}

/** The event text of a step transition. Source: wire-protocol §2.3. */
export function stepEvent(type: 'Complete' | 'Fail' | 'WaitForRetry' | 'Retry', data?: string | null): JsonText {
  return toJsonText(data === undefined ? { type } : { type, data })
}

function failureText(outcome: StepOutcome): string {
  return outcome.errorMessage ?? 'the step failed without a message'
}
