// Divides a number of items among batch workers. Source of names and shapes: handler-api §0.4, §1.3.

import type { Metadata } from './errors.ts'
import { HandlerMistake } from './handler-mistake.ts'

/** From `startCursor` to `endCursor` (exclusive). */
export interface CursorConfig {
  readonly startCursor: number
  readonly endCursor: number
  readonly stepSize: number
  readonly metadata: Metadata
}

/** The share of one worker: from `cursor_start` to `cursor_end` (exclusive). */
export interface BatchWorkerConfig {
  readonly batch_id: string
  readonly cursor_start: number
  readonly cursor_end: number
  readonly row_count: number
  readonly worker_index: number
  readonly total_workers: number
}

/** A cursor as orchestration reads it. */
export interface RustCursorConfig {
  readonly batch_id: string
  readonly start_cursor: unknown
  readonly end_cursor: unknown
  readonly batch_size: number
}

export type AnyCursor = CursorConfig | BatchWorkerConfig | RustCursorConfig

/** Batches of so many items; the last may be smaller. Throws HandlerMistake. */
export function cursorsOfSize(totalItems: number, batchSize: number, stepSize = 1): CursorConfig[] {
  check('batchSize', batchSize, 1)
  check('totalItems', totalItems, 0)
  return Array.from({ length: Math.ceil(totalItems / batchSize) }, (_, index) => ({
    startCursor: index * batchSize,
    endCursor: Math.min((index + 1) * batchSize, totalItems),
    stepSize,
    metadata: {},
  }))
}

/** Fewer than `workerCount` when some would be empty; ids are "001" and on. Throws HandlerMistake. */
export function cursorsForWorkers(totalItems: number, workerCount: number): BatchWorkerConfig[] {
  check('workerCount', workerCount, 1)
  check('totalItems', totalItems, 0)
  const cursors = totalItems === 0 ? [] : cursorsOfSize(totalItems, Math.ceil(totalItems / workerCount))
  return cursors.map(({ startCursor, endCursor }, index) => ({
    batch_id: batchIdOf(index),
    cursor_start: startCursor,
    cursor_end: endCursor,
    row_count: endCursor - startCursor,
    worker_index: index,
    total_workers: cursors.length,
  }))
}

/** `index` counts from 0. */
export function batchIdOf(index: number): string {
  return String(index + 1).padStart(3, '0')
}

export function asRustCursor(cursor: AnyCursor, index: number): RustCursorConfig {
  if ('start_cursor' in cursor) return cursor
  if ('cursor_start' in cursor) {
    const { batch_id, cursor_start, cursor_end, row_count } = cursor
    return { batch_id, start_cursor: cursor_start, end_cursor: cursor_end, batch_size: row_count }
  }
  const { startCursor, endCursor, stepSize = 1 } = cursor
  const batchSize = Math.ceil((endCursor - startCursor) / Math.max(stepSize, 1))
  return { batch_id: batchIdOf(index), start_cursor: startCursor, end_cursor: endCursor, batch_size: batchSize }
}

function check(name: string, value: unknown, least: number): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return
  throw new HandlerMistake(
    `${name} is ${JSON.stringify(value)}; it must be an integer from ${least}`,
    'INVALID_BATCH_OUTCOME',
  )
}
