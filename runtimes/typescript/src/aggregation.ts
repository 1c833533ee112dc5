// What the workers of a batch came to, for the step that brings them together. Source of names: handler-api §1.3.

import type { Metadata } from './errors.ts'

/** Without workers there were no batches. */
export interface BatchAggregationScenario {
  readonly isNoBatches: boolean
  /** What the analyzer returned. */
  readonly batchableResult: unknown
  /** Worker's step name → what it returned. */
  readonly batchResults: Readonly<Record<string, unknown>>
  readonly workerCount: number
}

/** The counts of all workers together. */
export interface BatchAggregationResult {
  readonly items_processed: number
  readonly items_succeeded: number
  readonly items_failed: number
  readonly items_skipped: number
  readonly worker_count: number
  /** From 0 to 1; 0 without items. */
  readonly success_rate: number
}

/** `dependencyResults` as `context.dependencyResults` has them. */
export function detectScenario(
  dependencyResults: Metadata,
  batchableStep: string,
  batchWorkerPrefix: string,
): BatchAggregationScenario {
  const names = Object.keys(dependencyResults).filter(
    (name) => name.startsWith(batchWorkerPrefix) && name !== batchableStep,
  )
  const batchResults = Object.fromEntries(names.sort().map((name) => [name, unwrapped(dependencyResults[name])]))
  return {
    isNoBatches: names.length === 0,
    batchableResult: unwrapped(dependencyResults[batchableStep]),
    batchResults,
    workerCount: names.length,
  }
}

/** Adds up the counts; a worker without a result adds nothing. */
export function aggregateBatchResults(workerResults: readonly unknown[]): BatchAggregationResult {
  const results = workerResults.filter((result) => typeof result === 'object' && result !== null) as Metadata[]
  const sum = (name: string) => results.reduce((total, result) => total + Number(result[name] ?? 0), 0)
  const processed = sum('items_processed')
  const succeeded = sum('items_succeeded')
  return {
    items_processed: processed,
    items_succeeded: succeeded,
    items_failed: sum('items_failed'),
    items_skipped: sum('items_skipped'),
    worker_count: results.length,
    success_rate: processed === 0 ? 0 : succeeded / processed,
  }
}

/** What a step returned, out of all that is stored of it. */
function unwrapped(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'result' in value ? value.result : (value ?? null)
}
