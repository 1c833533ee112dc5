// What the flow tells the outside: counters and log lines, never control.

import type { LogRecord } from '../model/runtime-adapter.ts'

/**
 * Why a result was not stored as it came. `refused`: the database says that the claim is over. `lease_lost`: this worker knew it before, because
 * it was declared dead or the step was taken back by a cancelled task or an operator. `stopped`: the worker ended before it could store it.
 */
export type DroppedReason = 'refused' | 'lease_lost' | 'stopped'

export interface DispatchEvents {
  /** A line a handler wrote. */
  handlerLog(record: LogRecord): void
  /** What the worker does, for whoever follows it. */
  info(message: string, details: Readonly<Record<string, unknown>>): void
  /** Something that a person should know; the flow goes on. */
  warning(message: string, details: Readonly<Record<string, unknown>>): void
}

export interface DispatchCounters {
  claimed: number
  completed: number
  failed: number
  released: number
  dropped: Record<DroppedReason, number>
  setAside: { malformed: number; gone: number; stale: number }
}

export function newDispatchCounters(): DispatchCounters {
  return {
    claimed: 0,
    completed: 0,
    failed: 0,
    released: 0,
    dropped: { refused: 0, lease_lost: 0, stopped: 0 },
    setAside: { malformed: 0, gone: 0, stale: 0 },
  }
}
