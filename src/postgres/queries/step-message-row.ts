// A step message as a row of a statement that names what has to be sent.

import type { CorrelationId, StepId, TaskId } from '../../model/ids.ts'
import type { StepMessage } from '../../model/step-message.ts'

export interface StepMessageRow {
  readonly queue: string
  readonly task_uuid: TaskId
  readonly step_uuid: StepId
  readonly correlation_id: CorrelationId
}

export function stepMessageOf(row: StepMessageRow): StepMessage {
  return { queue: row.queue, taskId: row.task_uuid, stepId: row.step_uuid, correlationId: row.correlation_id }
}
