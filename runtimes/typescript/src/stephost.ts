// The package entry: all that handlers import, as `stephost` or as `@tasker-systems/tasker`.

export { aggregateBatchResults, type BatchAggregationResult, type BatchAggregationScenario } from './aggregation.ts'
export { APIMixin, ApiHandler, applyAPI, type PageOptions } from './api-capable.ts'
export {
  BasePublisher,
  createStepEventContext,
  DefaultPublisher,
  type EventDeclaration,
  type PublishContext,
  type StepEventContext,
  type StepResult,
} from './base-publisher.ts'
export {
  BaseSubscriber,
  createDomainEvent,
  createFfiPollAdapter,
  type DomainEvent,
  type EventDocument,
  ffiEventToDomainEvent,
  InProcessDomainEventPoller,
} from './base-subscriber.ts'
export {
  type BatchAnalyzerOutcome,
  type BatchProcessingOutcome,
  type CreateBatchesOutcome,
  createBatches,
  isCreateBatches,
  isNoBatches,
  type NoBatchesOutcome,
  noBatches,
} from './batch-processing-outcome.ts'
export {
  BatchWorkerContext,
  type BatchWorkerOutcome,
  createBatchWorkerContext,
  type RustBatchWorkerInputs,
} from './batch-worker-context.ts'
export { applyBatchable, BatchableMixin, BatchableStepHandler } from './batchable-capable.ts'
export { TaskerClient, type TaskFields, type TaskFilter } from './client.ts'
export type { BatchWorkerConfig, CursorConfig, RustCursorConfig } from './cursors.ts'
export {
  applyDecision,
  DecisionHandler,
  DecisionMixin,
  type DecisionPointOutcome,
  DecisionStepHandler,
} from './decision-capable.ts'
export {
  CheckpointNotStored,
  ErrorType,
  type Metadata,
  PermanentError,
  RetryableError,
  ValidationError,
} from './errors.ts'
export type { DefineHandlerOptions, HandlerArguments } from './function-arguments.ts'
export {
  type ApiOptions,
  type BatchConfig,
  Decision,
  defineApiHandler,
  defineBatchAnalyzer,
  defineBatchWorker,
  defineDecisionHandler,
  defineHandler,
} from './functional.ts'
export type { HandlerDefinition } from './handler-definition.ts'
export { ApiResponse } from './http-response.ts'
export { logDebug, logError, logInfo, logTrace, logWarn } from './logs.ts'
export { ProcessHandler } from './process-handler.ts'
export { PublisherRegistry } from './publisher-registry.ts'
export { type JsonPath, RawJson } from './raw-json.ts'
export { HandlerRegistry } from './registry.ts'
export { ResolverChain } from './resolver-chain.ts'
export { BaseResolver, RegistryResolver } from './resolvers.ts'
export { type BatchProcessor, RowBatchHandler } from './row-batch.ts'
export { type CheckpointFields, StepContext, type StepEvent } from './step-context.ts'
export { type BatchDeclaration, StepHandler, type StepHandlerClass } from './step-handler.ts'
export { StepLogger } from './step-logger.ts'
export { type OrchestrationMetadata, StepHandlerResult, type StepHandlerResultFields } from './step-result.ts'
export { SubscriberRegistry } from './subscriber-registry.ts'
export { HandlerSystem, WorkerServer } from './worker.ts'
