// One call that the thread runs: until when, whether it is cancelled, its checkpoints, and where its log goes.

import { Checkpoints } from './checkpoints.ts'
import type { LogSink } from './log-sink.ts'
import type { CancelWord, ExecuteMessage, GuestMessage } from './messages.ts'

export interface CallPorts {
  readonly sink: LogSink
  post(message: GuestMessage): void
}

export class Call {
  readonly id: string
  /** W3C Trace Context. */
  readonly traceparent: string | null
  readonly checkpoints: Checkpoints
  readonly sink: LogSink
  cancelledBy: CancelWord | null = null
  readonly #deadlineAt: number

  constructor(message: ExecuteMessage, { sink, post }: CallPorts) {
    this.id = message.call_id
    this.traceparent = message.traceparent ?? null
    this.checkpoints = new Checkpoints(message.call_id, post)
    this.sink = sink
    this.#deadlineAt = performance.now() + message.deadline_ms
  }

  /** Seconds until the host cancels; negative when that is over. */
  get deadline(): number {
    return (this.#deadlineAt - performance.now()) / 1000
  }
}
