// A call that a runtime has, from the hand-over of its steps to their results.

import type { JsonText } from '../model/json-text.ts'
import type { CancelReason, HandlerCall, MonotonicMs } from '../model/runtime-adapter.ts'
import type { ClaimedStep, StepRequest } from '../model/step-request.ts'
import type { Deadline } from './deadline.ts'
import type { ResolvedHandler } from './handler-directory.ts'

/** A step that its template still has. */
export interface Member {
  readonly step: ClaimedStep
  readonly request: StepRequest
}

export interface RunningCall {
  readonly members: readonly Member[]
  readonly handler: ResolvedHandler
  readonly handed: HandlerCall
  readonly deadline: Deadline
  readonly timeoutMs: number
  readonly sentAt: MonotonicMs
  /** When its author's code began; null: it still waits inside the runtime. */
  startedAt: MonotonicMs | null
  /** null: nobody told it to stop. */
  cancelled: CancelReason | null
  /** 0 until it is over. */
  ranMs: number
}

/** A step whose handler gave a checkpoint instead of a result. */
export interface YieldedStep extends Member {
  readonly checkpoint: JsonText
}
