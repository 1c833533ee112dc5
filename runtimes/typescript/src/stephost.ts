// The package entry: all that handlers import, as `stephost` or as `@tasker-systems/tasker`.

export {
  applyDecision,
  Decision,
  DecisionHandler,
  DecisionMixin,
  type DecisionPointOutcome,
  DecisionStepHandler,
  defineDecisionHandler,
} from './decision-capable.ts'
export { CheckpointNotStored, ErrorType, type Metadata, PermanentError, RetryableError } from './errors.ts'
export { type DefineHandlerOptions, defineHandler, type HandlerArguments } from './functional.ts'
export { ProcessHandler } from './process-handler.ts'
export { type JsonPath, RawJson } from './raw-json.ts'
export { type BatchProcessor, RowBatchHandler } from './row-batch.ts'
export { type CheckpointFields, StepContext, type StepEvent } from './step-context.ts'
export { type BatchDeclaration, StepHandler, type StepHandlerClass } from './step-handler.ts'
export { StepLogger } from './step-logger.ts'
export { type OrchestrationMetadata, StepHandlerResult, type StepHandlerResultFields } from './step-result.ts'
