// The seam to the languages: one adapter per way of reaching a runtime, all alike to the flow.

import type { HandlerDescriptor, LoadFailure, RuntimeName } from './handler.ts'
import type { CallId, StepId } from './ids.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { StepRequest } from './step-request.ts'
import type { StepResult } from './step-result.ts'

/** Milliseconds of the monotonic clock (`performance.now()`); comparable within this process only. */
export type MonotonicMs = number

export interface HandlerCall {
  readonly id: CallId
  readonly requests: readonly StepRequest[]
  readonly deadlineAt: MonotonicMs
  readonly mode: 'single' | 'batch'
}

export type CancelReason = 'timeout' | 'shutdown' | 'lease_lost'

/** One line that a handler or its process wrote. */
export interface LogRecord {
  readonly runtime: RuntimeName
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
  readonly pid: number | null
  readonly step: StepId | null
}

export interface CallEvents {
  log(record: LogRecord): void
}

export interface AdapterHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy'
  /** Why it is not healthy, as one sentence with the cure; null when it is. */
  readonly message: string | null
}

export interface RuntimeAdapter extends Lifecycle {
  readonly name: RuntimeName
  /** Calls the runtime can hold at once; the flow never sends more. */
  readonly inFlightMax: number
  handlers(): readonly HandlerDescriptor[]
  loadFailures(): readonly LoadFailure[]
  /**
   * One result per request, in the same order. Resolves for every outcome of a handler: a raise, a panic, a timeout inside it.
   * Rejects only with a HostError; when the runtime dies every pending call settles exactly once.
   */
  execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]>
  /** Asks the handler to stop; the call then settles within the grace. Unknown ids are ignored. */
  cancel(callId: CallId, reason: CancelReason): void
  health(): AdapterHealth
}
