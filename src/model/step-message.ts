// The message of a step: three ids on their way to a worker's queue, or back to orchestration.

import type { HostError } from './host-error.ts'
import type { CorrelationId, StepId, TaskId } from './ids.ts'

export interface StepMessage {
  readonly queue: string
  readonly taskId: TaskId
  readonly stepId: StepId
  readonly correlationId: CorrelationId
}

/** The queue that workers tell of results. Source: wire-protocol §3.1. */
export const resultQueue = 'orchestration_step_results'

/** Exactly these three texts, on every transport and in both directions. Source: wire-protocol §4.1. */
export function stepMessageBody({ taskId, stepId, correlationId }: StepMessage): string {
  return JSON.stringify({ task_uuid: taskId, step_uuid: stepId, correlation_id: correlationId })
}

/** Its queue does not take it; those of other queues are not concerned. */
export interface RefusedMessage {
  /** One of those that were given. */
  readonly message: StepMessage
  readonly error: HostError
}

export interface MessageSender {
  /**
   * Resolves with those that were refused, when the transport has all others. Rejects with a HostError when the transport itself fails: perhaps
   * some were sent; call again, because claims make duplicates harmless.
   */
  send(messages: readonly StepMessage[]): Promise<readonly RefusedMessage[]>
}

/** Takes messages whose cause is committed, and sends them when it can. */
export interface OutgoingMessages {
  accept(messages: readonly StepMessage[], delayMs: number): void
}
