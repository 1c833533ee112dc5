// The seam to the languages: one adapter per way of reaching a runtime, all alike to the flow.

import type {
  HandlerDescriptor,
  LoadFailure,
  PublisherDescriptor,
  ResolverDescriptor,
  RuntimeName,
  SubscriberDescriptor,
} from './handler.ts'
import type { CallId, CorrelationId, StepId, TaskId } from './ids.ts'
import type { JsonText } from './json-text.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { StepRequest } from './step-request.ts'
import type { StepResult } from './step-result.ts'

/** Milliseconds of the monotonic clock (`performance.now()`); comparable within this process only. */
export type MonotonicMs = number

/**
 * `single`, `batch`: steps for a handler. The others reach code of authors that is no handler, with one request: `publish` asks a publisher
 * which events a finished step has, `published` tells it what became of one, `deliver` hands an event to a subscriber.
 */
export type CallMode = 'single' | 'batch' | 'publish' | 'published' | 'deliver'

export interface HandlerCall {
  readonly id: CallId
  readonly requests: readonly StepRequest[]
  readonly deadlineAt: MonotonicMs
  readonly mode: CallMode
  /** What `publish`, `published` and `deliver` are about: one JSON object, its shape in PROTOCOL.md §3.2; null for steps. */
  readonly event: JsonText | null
}

/** `lease_lost`: the claim is over, because the worker was declared dead or the step was taken back by a cancelled task or an operator. */
export type CancelReason = 'timeout' | 'shutdown' | 'lease_lost'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One line that a handler or its process wrote. `step` is null where nobody knows it; the last three also when its call is over. */
export interface LogRecord {
  readonly runtime: RuntimeName
  /** `log`: through a logger, not printed. */
  readonly stream: 'stdout' | 'stderr' | 'log'
  readonly level: LogLevel
  readonly line: string
  /** What a logger was given beside the text: one JSON object; null: nothing. */
  readonly fields: JsonText | null
  readonly pid: number | null
  readonly step: StepId | null
  readonly task: TaskId | null
  readonly correlationId: CorrelationId | null
  /** The callable. */
  readonly handler: string | null
}

export interface CheckpointAck {
  readonly stored: boolean
  /** Why it was not stored; null when it was. */
  readonly message: string | null
}

export interface CallEvents {
  /** Author's code of this step begins; comes at most once, and never after the call settled. */
  started(step: StepId): void
  log(record: LogRecord): void
  /** Never rejects. `data` is an object `{cursor, items_processed, accumulated_results?}`. Source: wire-protocol §6.3. */
  checkpoint(step: StepId, data: JsonText): Promise<CheckpointAck>
}

/** What became of changed handler files. */
export interface ReloadOutcome {
  /** False: the version from before serves, because of `problem`. */
  readonly live: boolean
  /** One sentence; null when the new version serves. */
  readonly problem: string | null
}

export interface AdapterHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy'
  /** Why it is not healthy, as one sentence with the cure; null when it is. */
  readonly message: string | null
}

export interface RuntimeAdapter extends Lifecycle {
  readonly name: RuntimeName
  /** Its handlers run in other processes: what ends those does not end the host. */
  readonly isOutside?: true
  /** Calls the runtime can hold at once; the flow never sends more. */
  readonly inFlightMax: number
  /** The same array until another table is announced, as of all tables here: the flow compares them by identity. */
  handlers(): readonly HandlerDescriptor[]
  publishers(): readonly PublisherDescriptor[]
  subscribers(): readonly SubscriberDescriptor[]
  resolvers(): readonly ResolverDescriptor[]
  loadFailures(): readonly LoadFailure[]
  /**
   * One result per request, in the same order. Resolves for every outcome of a handler: a raise, a panic, a timeout inside it.
   * Rejects only with a HostError; when the runtime dies every pending call settles exactly once.
   */
  execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]>
  /** Asks the handler to stop; the call then settles within the grace. Unknown ids are ignored. */
  cancel(callId: CallId, reason: CancelReason): void
  health(): AdapterHealth
  /** Loads the handler files anew. New calls go to the new version, calls that run end in the old one. Never rejects. */
  reload(): Promise<ReloadOutcome>
}
