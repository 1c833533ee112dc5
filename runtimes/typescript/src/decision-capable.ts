// Decisions: which branches of the template run. Source: handler-api §1.3.

import type { Metadata } from './errors.ts'
import { HandlerMistake } from './handler-mistake.ts'
import { apply, mixed } from './mixed.ts'
import { StepHandlerResult } from './step-result.ts'

const codeInvalid = 'INVALID_DECISION_OUTCOME'

export interface DecisionPointOutcome {
  readonly decisionType: 'create_steps' | 'no_branches'
  readonly nextStepNames: readonly string[]
  readonly dynamicSteps?: readonly unknown[]
  readonly reason?: string
  readonly routingContext?: Metadata
}

/** `applyDecision(this)` gives these to any handler; a DecisionHandler has them. */
export class DecisionMixin {
  /** Throws a HandlerMistake (INVALID_DECISION_OUTCOME) without steps. */
  decisionSuccess(steps: readonly string[], routingContext: Metadata = {}, metadata: Metadata = {}): StepHandlerResult {
    return decided(this, { decisionType: 'create_steps', nextStepNames: steps, routingContext }, metadata)
  }

  decisionSuccessWithOutcome(outcome: DecisionPointOutcome, metadata: Metadata = {}): StepHandlerResult {
    return decided(this, outcome, metadata)
  }

  /** No branch runs; `outcome` says why. */
  decisionNoBranches(outcome: DecisionPointOutcome, metadata: Metadata = {}): StepHandlerResult {
    return decided(this, { ...outcome, decisionType: 'no_branches', nextStepNames: [] }, metadata)
  }

  skipBranches(reason: string, routingContext: Metadata = {}, metadata: Metadata = {}): StepHandlerResult {
    return decided(this, { decisionType: 'no_branches', nextStepNames: [], reason, routingContext }, metadata)
  }

  decisionFailure(
    message: string,
    errorType = 'decision_error',
    retryable = false,
    metadata: Metadata = {},
  ): StepHandlerResult {
    return StepHandlerResult.failure(message, errorType, retryable, metadata)
  }
}

/** A step of type `decision`: return `this.decisionSuccess([…])` or `this.skipBranches('why')`. */
export abstract class DecisionHandler extends mixed(DecisionMixin, 'decision') {}

export { DecisionHandler as DecisionStepHandler }

/** Gives an object the methods of DecisionMixin. */
export function applyDecision<Target extends object>(target: Target): Target & DecisionMixin {
  return apply(target, DecisionMixin)
}

function decided(handler: object, outcome: DecisionPointOutcome, metadata: Metadata): StepHandlerResult {
  const { decisionType, nextStepNames: names, routingContext = {}, reason, dynamicSteps } = outcome
  const legal = names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')
  if (decisionType === 'create_steps' && !legal) {
    const message = `The decision is not valid: create_steps needs step names, got ${JSON.stringify(names)}.`
    throw new HandlerMistake(message, codeInvalid)
  }
  const document = decisionType === 'no_branches' ? { type: decisionType } : { type: decisionType, step_names: names }
  const { name, version }: { name?: string; version?: string } = handler
  return StepHandlerResult.success(
    {
      decision_point_outcome: document,
      ...(Object.keys(routingContext).length === 0 ? {} : { routing_context: routingContext }),
      ...(reason === undefined ? {} : { reason }),
      ...(dynamicSteps === undefined ? {} : { dynamic_steps: dynamicSteps }),
    },
    { decision_handler: name, decision_version: version, ...metadata },
  )
}
