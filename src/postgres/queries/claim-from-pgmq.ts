// Claims steps from one pgmq queue: looks at a window of messages and decides each of them, in one statement.

import type { ClaimRequest } from '../../model/claim-source.ts'
import type { ClaimToken, CorrelationId, NamedTaskId, StepId, TaskId } from '../../model/ids.ts'
import type { ClaimedStep } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'
import { claimStatement, type OnClaim } from './claim-statement.ts'

export interface ClaimFromPgmqOptions {
  readonly namespace: string
  readonly foreignRetryMs: number
  readonly foreignGraceMs: number
  readonly onClaim: OnClaim
}

interface ClaimRow {
  looked: number
  foreign_count: number
  malformed: number
  gone: number
  stale: number
  left_behind: number
  step_uuid: StepId | null
  task_uuid: TaskId
  correlation_id: CorrelationId
  named_task_uuid: NamedTaskId
  template_step: string
  token: ClaimToken
  attempts: number
  max_attempts: number
  retryable: boolean
  runnable: boolean
}

export interface ClaimedFromQueue {
  readonly steps: readonly ClaimedStep[]
  readonly windowFull: boolean
  readonly leftBehind: boolean
  readonly foreign: number
  readonly setAside: { readonly malformed: number; readonly gone: number; readonly stale: number }
}

export async function claimFromPgmq(
  database: Queryable,
  request: ClaimRequest,
  options: ClaimFromPgmqOptions,
): Promise<ClaimedFromQueue> {
  const window = Math.max(4 * (request.free + request.prefetch), 200)
  const rows = await database.query<ClaimRow>({
    name: `claim:${options.namespace}:${options.onClaim}`,
    // pgmq folds the names of its tables.
    text: claimStatement(`worker_${options.namespace}_queue`.toLowerCase(), options.onClaim),
    values: [
      request.workerId,
      request.claimId,
      request.free,
      request.prefetch,
      window,
      request.runnable.map((step) => step.namedTaskId),
      request.runnable.map((step) => step.templateStep),
      options.foreignRetryMs,
      options.foreignGraceMs,
    ],
  })
  const counts = rows[0]
  return {
    steps: rows.flatMap((row) => (row.step_uuid === null ? [] : [claimedStep(row, row.step_uuid, request, options)])),
    windowFull: (counts?.looked ?? 0) === window,
    leftBehind: (counts?.left_behind ?? 0) > 0,
    foreign: counts?.foreign_count ?? 0,
    setAside: { malformed: counts?.malformed ?? 0, gone: counts?.gone ?? 0, stale: counts?.stale ?? 0 },
  }
}

function claimedStep(row: ClaimRow, stepId: StepId, request: ClaimRequest, options: ClaimFromPgmqOptions): ClaimedStep {
  return {
    stepId,
    taskId: row.task_uuid,
    correlationId: row.correlation_id,
    namedTaskId: row.named_task_uuid,
    namespace: options.namespace,
    templateStep: row.template_step,
    token: row.token,
    claimId: request.claimId,
    attempts: row.attempts,
    attemptsMax: row.max_attempts,
    retryable: row.retryable,
    runnable: row.runnable,
  }
}
