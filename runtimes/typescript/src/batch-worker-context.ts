// What a batch worker was given, and what it did with it. Source of names: handler-api §0.4, §1.3.

import { batchIdOf, type CursorConfig, type RustCursorConfig } from './cursors.ts'
import type { Metadata } from './errors.ts'
import type { StepContext } from './step-context.ts'

/** `inputs` of a worker's step as orchestration wrote them. */
export interface RustBatchWorkerInputs {
  readonly cursor: RustCursorConfig
  readonly batch_metadata: Metadata
  /** There is nothing to do. */
  readonly is_no_op: boolean
}

/** What a worker did. */
export interface BatchWorkerOutcome {
  readonly itemsProcessed: number
  readonly itemsSucceeded: number
  readonly itemsFailed: number
  readonly itemsSkipped: number
  readonly results?: unknown
  readonly errors?: readonly unknown[]
  readonly lastCursor?: unknown
  readonly batchMetadata?: Metadata
}

/** null: the step is no batch worker. */
export function batchWorkerInputs(context: StepContext): RustBatchWorkerInputs | null {
  const { cursor, is_no_op: noOp, batch_metadata: metadata } = context.stepInputs
  if (!isObject(cursor) && noOp !== true) return null
  const none = { batch_id: 'no_op', start_cursor: 0, end_cursor: 0, batch_size: 0 }
  return {
    cursor: { ...none, ...(isObject(cursor) ? cursor : {}) },
    batch_metadata: isObject(metadata) ? metadata : {},
    is_no_op: noOp === true,
  }
}

interface Fields {
  readonly batchId: string
  readonly cursorConfig: CursorConfig
  readonly batchIndex: number
  readonly totalBatches: number
  readonly batchMetadata?: Metadata
  /** What the step had when this run of it began. */
  readonly checkpoint?: Metadata | null
}

export class BatchWorkerContext {
  readonly batchId: string
  readonly cursorConfig: CursorConfig
  readonly batchIndex: number
  readonly totalBatches: number
  readonly batchMetadata: Metadata
  readonly checkpoint: Metadata | null

  constructor(fields: Fields) {
    this.batchId = fields.batchId
    this.cursorConfig = fields.cursorConfig
    this.batchIndex = fields.batchIndex
    this.totalBatches = fields.totalBatches
    this.batchMetadata = fields.batchMetadata ?? {}
    this.checkpoint = fields.checkpoint ?? null
  }

  /** null: the step is no batch worker. */
  static fromStepContext(context: StepContext): BatchWorkerContext | null {
    const inputs = batchWorkerInputs(context)
    if (inputs === null) return null
    const { batch_id: batchId, start_cursor: start, end_cursor: end } = inputs.cursor
    return new BatchWorkerContext({
      batchId,
      cursorConfig: { startCursor: Number(start), endCursor: Number(end), stepSize: 1, metadata: {} },
      batchIndex: /^\d+$/.test(batchId) ? Number(batchId) - 1 : 0,
      totalBatches: 1,
      batchMetadata: inputs.batch_metadata,
      checkpoint: context.checkpoint,
    })
  }

  get startCursor(): number {
    return this.cursorConfig.startCursor
  }

  /** The first position that is not this worker's any more. */
  get endCursor(): number {
    return this.cursorConfig.endCursor
  }

  get stepSize(): number {
    return this.cursorConfig.stepSize
  }

  hasCheckpoint(): boolean {
    return this.checkpoint !== null
  }

  get checkpointCursor(): unknown {
    return this.checkpoint?.['cursor'] ?? null
  }

  get checkpointItemsProcessed(): number {
    return Number(this.checkpoint?.['items_processed'] ?? 0)
  }

  get accumulatedResults(): unknown {
    return this.checkpoint?.['accumulated_results'] ?? null
  }
}

export function createBatchWorkerContext(
  cursorConfig: CursorConfig,
  batchIndex: number,
  totalBatches: number,
  batchMetadata: Metadata = {},
): BatchWorkerContext {
  return new BatchWorkerContext({
    batchId: batchIdOf(batchIndex),
    cursorConfig,
    batchIndex,
    totalBatches,
    batchMetadata,
  })
}

/** The form that is stored, with Tasker's names. */
export function workerDocument(outcome: BatchWorkerOutcome): Record<string, unknown> {
  const { results, errors, lastCursor, batchMetadata } = outcome
  return {
    items_processed: outcome.itemsProcessed,
    items_succeeded: outcome.itemsSucceeded,
    items_failed: outcome.itemsFailed,
    items_skipped: outcome.itemsSkipped,
    ...(results === undefined ? {} : { results }),
    ...(errors === undefined ? {} : { errors }),
    ...(lastCursor === undefined ? {} : { last_cursor: lastCursor }),
    ...(batchMetadata === undefined ? {} : { batch_metadata: batchMetadata }),
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
