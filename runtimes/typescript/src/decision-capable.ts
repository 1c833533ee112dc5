// Decisions: which branches of the template run. Source: handler-api §1.3.

import { type Metadata, PermanentError } from './errors.ts'
import { type DefineHandlerOptions, defineHandler, type HandlerArguments } from './functional.ts'
import type { StepContext } from './step-context.ts'
import { isSynchronous, StepHandler, type StepHandlerClass } from './step-handler.ts'
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
  /** Throws a PermanentError (INVALID_DECISION_OUTCOME) without steps. */
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
export abstract class DecisionHandler extends StepHandler {
  readonly decisionSuccess = DecisionMixin.prototype.decisionSuccess
  readonly decisionSuccessWithOutcome = DecisionMixin.prototype.decisionSuccessWithOutcome
  readonly decisionNoBranches = DecisionMixin.prototype.decisionNoBranches
  readonly skipBranches = DecisionMixin.prototype.skipBranches
  readonly decisionFailure = DecisionMixin.prototype.decisionFailure

  override get capabilities(): string[] {
    return [...super.capabilities, 'decision']
  }
}
export { DecisionHandler as DecisionStepHandler }

/** Gives an object the methods of DecisionMixin. */
export function applyDecision<Target extends object>(target: Target): Target & DecisionMixin {
  const { decisionSuccess, decisionSuccessWithOutcome, decisionNoBranches, skipBranches, decisionFailure } =
    DecisionMixin.prototype
  const methods = { decisionSuccess, decisionSuccessWithOutcome, decisionNoBranches, skipBranches, decisionFailure }
  return Object.assign(target, methods)
}

/** What the function of a decision returns. */
export class Decision {
  readonly steps: readonly string[]
  readonly about: Metadata
  /** null: the steps run. */
  readonly reason: string | null

  private constructor(steps: readonly string[], about: Metadata, reason: string | null) {
    this.steps = steps
    this.about = about
    this.reason = reason
  }

  static route(steps: readonly string[], about: Metadata = {}): Decision {
    return new Decision(steps, about, null)
  }

  static skip(reason: string, about: Metadata = {}): Decision {
    return new Decision([], about, reason)
  }
}

/** As `defineHandler`; the function returns `Decision.route([…])` or `Decision.skip('why')`. */
export function defineDecisionHandler<Arguments extends object = Record<string, unknown>>(
  name: string,
  options: DefineHandlerOptions<NoInfer<Arguments>>,
  fn: (args: Arguments & HandlerArguments) => unknown,
): StepHandlerClass {
  const methods = applyDecision({ name, version: options.version ?? '1.0.0' })
  const Run = defineHandler<Arguments>(name, options, async (args) => decide(methods, name, await fn(args)))
  class DecisionFunction extends DecisionHandler {
    static override handlerName = name
    static override handlerVersion = options.version ?? '1.0.0'
    static override synchronous = isSynchronous(fn)

    call(context: StepContext): Promise<StepHandlerResult> | StepHandlerResult {
      return new Run().call(context)
    }
  }
  Object.defineProperty(DecisionFunction, 'name', { value: name })
  return DecisionFunction
}

function decide(methods: DecisionMixin, name: string, output: unknown): StepHandlerResult {
  if (output instanceof StepHandlerResult) return output
  if (!(output instanceof Decision)) {
    const message = `The decision \`${name}\` returned ${typeof output}; return Decision.route([…]) or Decision.skip('why').`
    throw new PermanentError(message, codeInvalid)
  }
  const { steps, about, reason } = output
  return reason === null ? methods.decisionSuccess(steps, about) : methods.skipBranches(reason, about)
}

function decided(handler: object, outcome: DecisionPointOutcome, metadata: Metadata): StepHandlerResult {
  const { decisionType, nextStepNames: names, routingContext = {}, reason, dynamicSteps } = outcome
  const legal = names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')
  if (decisionType === 'create_steps' && !legal) {
    const message = `The decision is not valid: create_steps needs step names, got ${JSON.stringify(names)}.`
    throw new PermanentError(message, codeInvalid)
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
