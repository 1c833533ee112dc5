// What a batch analyzer asks orchestration for: workers with a cursor each, or none. Source: handler-api §0.4, §1.3.

import { type AnyCursor, asRustCursor, type RustCursorConfig } from './cursors.ts'
import type { Metadata } from './errors.ts'
import { HandlerMistake } from './handler-mistake.ts'

export interface NoBatchesOutcome {
  readonly type: 'no_batches'
}

export interface CreateBatchesOutcome {
  readonly type: 'create_batches'
  readonly worker_template_name: string
  readonly worker_count: number
  readonly cursor_configs: readonly RustCursorConfig[]
  readonly total_items: number
}

export type BatchProcessingOutcome = NoBatchesOutcome | CreateBatchesOutcome

/** What an analyzer found: ranges that become one worker each. */
export interface BatchAnalyzerOutcome {
  readonly cursorConfigs: readonly AnyCursor[]
  readonly totalItems: number
  readonly batchMetadata?: Metadata
}

export function noBatches(): NoBatchesOutcome {
  return { type: 'no_batches' }
}

/** Throws HandlerMistake (INVALID_BATCH_OUTCOME): no worker, a range that is empty or negative, an id twice. */
export function createBatches(
  workerTemplateName: string,
  workerCount: number,
  cursorConfigs: readonly AnyCursor[],
  totalItems: number,
): CreateBatchesOutcome {
  const cursors = cursorConfigs.map(asRustCursor)
  if (workerTemplateName === '') invalid('the name of the worker template is missing')
  if (cursors.length === 0) invalid('there are no cursors; return `noBatchesResult` when there is nothing to do')
  if (workerCount !== cursors.length) invalid(`workerCount is ${workerCount} and there are ${cursors.length} cursors`)
  const ids = new Set<string>()
  for (const cursor of cursors) {
    checkCursor(cursor)
    if (ids.has(cursor.batch_id)) invalid(`the batch_id "${cursor.batch_id}" comes twice`)
    ids.add(cursor.batch_id)
  }
  return {
    type: 'create_batches',
    worker_template_name: workerTemplateName,
    worker_count: workerCount,
    cursor_configs: cursors,
    total_items: totalItems,
  }
}

export function isNoBatches(outcome: BatchProcessingOutcome): outcome is NoBatchesOutcome {
  return outcome.type === 'no_batches'
}

export function isCreateBatches(outcome: BatchProcessingOutcome): outcome is CreateBatchesOutcome {
  return outcome.type === 'create_batches'
}

function checkCursor({ batch_id: id, start_cursor: start, end_cursor: end, batch_size: size }: RustCursorConfig): void {
  if (typeof start === 'number' && typeof end === 'number' && end <= start)
    invalid(`the batch "${id}" goes from ${start} to ${end}, which is empty`)
  if (!Number.isSafeInteger(size) || size < 1) invalid(`the batch "${id}" has the size ${size}`)
}

function invalid(problem: string): never {
  throw new HandlerMistake(`The batches are not valid: ${problem}.`, 'INVALID_BATCH_OUTCOME')
}
