// Batches: an analyzer divides the work, workers do it, a last step brings it together. Source: handler-api §1.3.

import {
  aggregateBatchResults,
  type BatchAggregationResult,
  type BatchAggregationScenario,
  detectScenario,
} from './aggregation.ts'
import { type BatchAnalyzerOutcome, createBatches, noBatches } from './batch-processing-outcome.ts'
import {
  BatchWorkerContext,
  type BatchWorkerOutcome,
  batchWorkerInputs,
  createBatchWorkerContext,
  type RustBatchWorkerInputs,
  workerDocument,
} from './batch-worker-context.ts'
import {
  type AnyCursor,
  type BatchWorkerConfig,
  type CursorConfig,
  cursorsForWorkers,
  cursorsOfSize,
} from './cursors.ts'
import type { Metadata } from './errors.ts'
import { apply, mixed } from './mixed.ts'
import type { StepContext } from './step-context.ts'
import { StepHandlerResult } from './step-result.ts'

/** `applyBatchable(this)` gives these to any handler; a BatchableStepHandler has them. Wrong ranges throw HandlerMistake. */
export class BatchableMixin {
  createCursorConfig(start: number, end: number, stepSize = 1, metadata: Metadata = {}): CursorConfig {
    return { startCursor: start, endCursor: end, stepSize, metadata }
  }

  /** Batches of so many items; with `maxBatches` larger ones, so that nothing is left out. */
  createCursorRanges(totalItems: number, batchSize: number, stepSize = 1, maxBatches?: number): CursorConfig[] {
    const tooMany = maxBatches !== undefined && maxBatches > 0 && totalItems > batchSize * maxBatches
    return cursorsOfSize(totalItems, tooMany ? Math.ceil(totalItems / maxBatches) : batchSize, stepSize)
  }

  /** Even shares with the ids "001" and on; fewer workers than asked for when some would have nothing. */
  createCursorConfigs(totalItems: number, workerCount: number): BatchWorkerConfig[] {
    return cursorsForWorkers(totalItems, workerCount)
  }

  createBatchOutcome(
    totalItems: number,
    batchSize: number,
    stepSize = 1,
    batchMetadata: Metadata = {},
  ): BatchAnalyzerOutcome {
    return { cursorConfigs: cursorsOfSize(totalItems, batchSize, stepSize), totalItems, batchMetadata }
  }

  /** One worker for each cursor of the outcome. */
  batchAnalyzerSuccess(
    outcome: BatchAnalyzerOutcome,
    metadata: Metadata = {},
    workerTemplateName = 'batch_worker',
  ): StepHandlerResult {
    const { cursorConfigs, totalItems, batchMetadata = {} } = outcome
    const batches = createBatches(workerTemplateName, cursorConfigs.length, cursorConfigs, totalItems)
    const result = {
      batch_processing_outcome: batches,
      // Beside the key that orchestration reads, the one that Tasker's own method writes.
      batch_analyzer_outcome: { cursor_configs: batches.cursor_configs, total_items: totalItems },
      worker_count: batches.worker_count,
      total_items: totalItems,
      ...(Object.keys(batchMetadata).length === 0 ? {} : { batch_metadata: batchMetadata }),
    }
    return StepHandlerResult.success(result, { batch_analyzer: true, ...metadata })
  }

  /** One worker for each of the cursors; `metadata` goes into the result. */
  batchSuccess(workerTemplateName: string, configs: readonly AnyCursor[], metadata: Metadata = {}): StepHandlerResult {
    const batches = createBatches(workerTemplateName, configs.length, configs, totalOf(configs))
    const counts = { worker_count: batches.worker_count, total_items: batches.total_items }
    return StepHandlerResult.success(
      { batch_processing_outcome: batches, ...counts, ...metadata },
      { batch_analyzer: true },
    )
  }

  /** There is nothing to do. */
  noBatchesResult(reason?: string, metadata: Metadata = {}): StepHandlerResult {
    const why = reason === undefined ? {} : { reason }
    return StepHandlerResult.success(
      { batch_processing_outcome: noBatches(), ...why, ...metadata },
      { batch_analyzer: true },
    )
  }

  /** null: the step is no batch worker. */
  getBatchContext(context: StepContext): BatchWorkerContext | null {
    return BatchWorkerContext.fromStepContext(context)
  }

  createBatchContext(
    cursorConfig: CursorConfig,
    batchIndex: number,
    totalBatches: number,
    batchMetadata: Metadata = {},
  ): BatchWorkerContext {
    return createBatchWorkerContext(cursorConfig, batchIndex, totalBatches, batchMetadata)
  }

  /** What orchestration wrote; null: the step is no batch worker. */
  getBatchWorkerInputs(context: StepContext): RustBatchWorkerInputs | null {
    return batchWorkerInputs(context)
  }

  /** The result of a worker without work; null: there is some. */
  handleNoOpWorker(context: StepContext): StepHandlerResult | null {
    const inputs = batchWorkerInputs(context)
    if (inputs === null || !inputs.is_no_op) return null
    const result = { batch_id: inputs.cursor.batch_id, no_op: true, processed_count: 0 }
    return StepHandlerResult.success(result, { batch_worker: true, no_op: true })
  }

  /** Without `itemsSucceeded` all that were processed did. */
  createWorkerOutcome(
    itemsProcessed: number,
    itemsSucceeded = 0,
    itemsFailed = 0,
    itemsSkipped = 0,
    about: Pick<BatchWorkerOutcome, 'results' | 'errors' | 'lastCursor' | 'batchMetadata'> = {},
  ): BatchWorkerOutcome {
    return { itemsProcessed, itemsSucceeded: itemsSucceeded || itemsProcessed, itemsFailed, itemsSkipped, ...about }
  }

  batchWorkerSuccess(outcome: BatchWorkerOutcome, metadata: Metadata = {}): StepHandlerResult {
    const document = workerDocument(outcome)
    return StepHandlerResult.success(
      { ...document, batch_worker_outcome: document },
      { batch_worker: true, ...metadata },
    )
  }

  /** Ends this run, not the step: it runs on from `cursor`, in the same attempt. */
  checkpointYield(cursor: unknown, itemsProcessed: number, accumulatedResults?: unknown): StepHandlerResult {
    return StepHandlerResult.checkpointYield(cursor, itemsProcessed, accumulatedResults)
  }

  detectAggregationScenario(
    dependencyResults: Metadata,
    batchableStep: string,
    batchWorkerPrefix: string,
  ): BatchAggregationScenario {
    return detectScenario(dependencyResults, batchableStep, batchWorkerPrefix)
  }

  /** `zeroMetrics` are the figures that batches would have had. */
  noBatchesAggregationResult(zeroMetrics: Metadata = {}): StepHandlerResult {
    return StepHandlerResult.success({ worker_count: 0, scenario: 'no_batches', ...zeroMetrics })
  }

  /** `figuresOf` makes figures of step name → what it returned; without it the counts are added up. */
  aggregateBatchWorkerResults(
    scenario: BatchAggregationScenario,
    zeroMetrics: Metadata = {},
    figuresOf: (batchResults: Readonly<Record<string, unknown>>) => object = (results) =>
      aggregateBatchResults(Object.values(results)),
  ): StepHandlerResult {
    if (scenario.isNoBatches) return this.noBatchesAggregationResult(zeroMetrics)
    const about = { worker_count: scenario.workerCount, scenario: 'with_batches' }
    return StepHandlerResult.success({ ...figuresOf(scenario.batchResults), ...about })
  }

  static aggregateWorkerResults(workerResults: readonly unknown[]): BatchAggregationResult {
    return aggregateBatchResults(workerResults)
  }
}

/** A step of type `batchable`, `batch_worker` or the one that brings batches together. */
export abstract class BatchableStepHandler extends mixed(BatchableMixin, 'batchable') {
  static aggregateWorkerResults(workerResults: readonly unknown[]): BatchAggregationResult {
    return aggregateBatchResults(workerResults)
  }
}

export function applyBatchable<Target extends object>(target: Target): Target & BatchableMixin {
  return apply(target, BatchableMixin)
}

function totalOf(cursors: readonly AnyCursor[]): number {
  const sizes = cursors.map((cursor) => {
    if ('batch_size' in cursor) return cursor.batch_size
    return 'row_count' in cursor ? cursor.row_count : cursor.endCursor - cursor.startCursor
  })
  return sizes.reduce((total, size) => total + size, 0)
}
