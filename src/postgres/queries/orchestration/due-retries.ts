// Finds steps whose wait for a retry is over, and how long until the next one.

import type { StepId, TaskId } from '../../../model/ids.ts'
import type { DueRetries } from '../../../model/orchestration-store.ts'
import type { Queryable } from '../../statement.ts'
import { isWaiting } from '../step-event.ts'
import { stepReadiness } from './step-readiness.ts'

interface WaitingRow {
  readonly step_uuid: StepId
  readonly task_uuid: TaskId
  readonly wait_ms: number
}

/** Steps of settled tasks stay where they are, and so does one that has no attempt left. */
export async function dueRetries(database: Queryable, options: { max: number }): Promise<DueRetries> {
  const rows = await database.query<WaitingRow>({ name: 'due-retries', text: waitingText, values: [options.max + 1] })
  const due = rows.filter((row) => row.wait_ms <= 0).slice(0, options.max)
  const next = rows.find((row) => row.wait_ms > 0)
  return {
    steps: due.map((row) => ({ stepId: row.step_uuid, taskId: row.task_uuid })),
    nextMs: rows.length > due.length ? Math.max(Math.ceil(next?.wait_ms ?? 0), 0) : null,
  }
}

/** The tasks must be locked in this transaction. Those among the steps that are due all the same. */
export async function stillDue(transaction: Queryable, stepIds: readonly StepId[]): Promise<readonly StepId[]> {
  const rows = await transaction.query<{ step_uuid: StepId }>({
    name: 'still-due-retries',
    text: `SELECT step_uuid FROM (${waiting('AND waiting.workflow_step_uuid = ANY ($1::uuid[])')}) w WHERE wait_ms <= 0`,
    values: [stepIds],
  })
  return rows.map((row) => row.step_uuid)
}

const waiting = (narrower: string) => `
SELECT s.workflow_step_uuid AS step_uuid, s.task_uuid,
       coalesce(extract(epoch FROM r.next_retry_at - now()) * 1000, 0)::float8 AS wait_ms
  FROM tasker.workflow_step_transitions waiting
  JOIN tasker.workflow_steps s ON s.workflow_step_uuid = waiting.workflow_step_uuid
  JOIN tasker.task_transitions tt ON tt.task_uuid = s.task_uuid AND tt.most_recent
  ${stepReadiness}
 WHERE ${isWaiting('waiting')} AND r.retry_eligible
   AND tt.to_state NOT IN ('complete', 'error', 'cancelled', 'resolved_manually', 'blocked_by_failures') ${narrower}`

const waitingText = `${waiting('')}
 ORDER BY wait_ms, step_uuid
 LIMIT $1::int`
