// One call on its way through a library: what it answers, what the library says meanwhile, and the timers of its end.

import type { StepId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { CallEvents, CancelReason, CheckpointAck, HandlerCall, LogRecord } from '../../model/runtime-adapter.ts'
import type { StepRequest } from '../../model/step-request.ts'
import type { StepResult } from '../../model/step-result.ts'
import type { CheckpointMessage, LogMessage } from '../../protocol/messages.ts'

export interface NativeCallParts {
  readonly ticket: number
  /** The library's number in the addon. */
  readonly library: number
  readonly call: HandlerCall
  readonly events: CallEvents
  resolve(results: readonly StepResult[]): void
  reject(error: Error): void
}

export class NativeCall {
  readonly ticket: number
  readonly library: number
  readonly call: HandlerCall
  readonly startedAt = performance.now()
  readonly resolve: NativeCallParts['resolve']
  readonly reject: NativeCallParts['reject']
  cancelled: CancelReason | null = null
  #hasStarted = false
  readonly #events: CallEvents
  #graceTimer: NodeJS.Timeout | null = null
  #repeatTimer: NodeJS.Timeout | null = null

  constructor(parts: NativeCallParts) {
    this.ticket = parts.ticket
    this.library = parts.library
    this.call = parts.call
    this.resolve = parts.resolve
    this.reject = parts.reject
    this.#events = parts.events
  }

  get ranMs(): number {
    return Math.round(performance.now() - this.startedAt)
  }

  get callable(): string {
    return this.call.requests[0]?.handler.callable ?? ''
  }

  /** Said once, however often it shows. */
  started(): void {
    if (this.#hasStarted) return
    this.#hasStarted = true
    for (const { stepId } of this.call.requests) this.#events.started(stepId)
  }

  request(step: string | null): StepRequest | null {
    return this.call.requests.find(({ stepId }) => stepId === step) ?? null
  }

  log(record: LogRecord): void {
    this.started()
    this.#events.log(record)
  }

  checkpoint(message: CheckpointMessage): Promise<CheckpointAck> {
    this.started()
    if (this.request(message.step_uuid) === null) {
      return Promise.resolve({ stored: false, message: 'The checkpoint names a step of another call.' })
    }
    return this.#events.checkpoint(message.step_uuid as StepId, message.data as JsonText)
  }

  expectEnd(graceMs: number, overdue: () => void): void {
    this.#graceTimer = setTimeout(overdue, graceMs)
  }

  repeatAfter(waitMs: number, repeat: () => void): void {
    this.#repeatTimer = setTimeout(repeat, waitMs)
  }

  /** Nothing of it is left that could wake. */
  settle(): void {
    if (this.#graceTimer !== null) clearTimeout(this.#graceTimer)
    if (this.#repeatTimer !== null) clearTimeout(this.#repeatTimer)
  }
}

/** A line of a library; `request` is the step that wrote it, null where nobody knows. */
export function nativeLine(message: LogMessage, request: StepRequest | null): LogRecord {
  return {
    ...{ runtime: 'rust', stream: message.stream, level: message.level, line: message.message, pid: process.pid },
    fields: message.fields as JsonText | null,
    step: request?.stepId ?? (message.step_uuid as StepId | null),
    task: request?.taskId ?? null,
    correlationId: request?.correlationId ?? null,
    handler: request?.handler.callable ?? null,
  }
}

/** A sentence of the host itself. */
export function nativeWarning(line: string, request: StepRequest | null): LogRecord {
  const message = {
    type: 'log',
    step_uuid: null,
    stream: 'stderr',
    level: 'warn',
    message: line,
    fields: null,
  } as const
  return nativeLine(message, request)
}
