// Claims steps from one pgmq queue: looks at a window of messages and decides each of them, in one statement.

import type { ClaimRequest } from '../../model/claim-source.ts'
import type { ClaimToken, CorrelationId, NamedTaskId, StepId, TaskId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { ClaimedStep } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'
import { laneRows } from './choose-in-lanes.ts'
import { claimInLanesStatement, claimStatement, type OnClaim } from './claim-statement.ts'

export interface ClaimFromPgmqOptions {
  readonly namespace: string
  readonly foreignRetryMs: number
  readonly foreignGraceMs: number
  readonly onClaim: OnClaim
}

const largeClaim = 100

interface ClaimRow extends ClaimedRow {
  looked: number
  foreign_count: number
  malformed: number
  gone: number
  stale: number
  left_behind: number
  /** Only where there are limits. */
  last_vt?: string | null
  last_msg_id?: string | null
}

export interface ClaimedRow {
  /** null: no step was claimed in this row. */
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
  recoveries: number
  template_version: string
  step_name: string
  /** null: the step depends on others, or is large. */
  task: JsonText | null
  workflow_step: JsonText | null
}

/** Of a message, in the order in which windows go through a queue. */
export interface QueuePosition {
  readonly vt: string
  readonly messageId: string
}

/** Where to look, and at how many messages. */
export interface LookedAt {
  /** null: from the first message on. */
  readonly behind: QueuePosition | null
  readonly window: number
}

export interface ClaimedFromQueue {
  readonly steps: readonly ClaimedStep[]
  readonly windowFull: boolean
  readonly leftBehind: boolean
  /** The last message of the window; null: nobody asked, or there is none. */
  readonly last: QueuePosition | null
  readonly foreign: number
  readonly setAside: { readonly malformed: number; readonly gone: number; readonly stale: number }
}

/** One look at one queue, and the claims in it. */
export type ClaimWindow = (
  request: ClaimRequest,
  options: ClaimFromPgmqOptions,
  look?: LookedAt,
) => Promise<ClaimedFromQueue>

export async function claimFromPgmq(
  database: Queryable,
  request: ClaimRequest,
  options: ClaimFromPgmqOptions,
  look: LookedAt = { behind: null, window: windowOf(request) },
): Promise<ClaimedFromQueue> {
  const { window, behind } = look
  const rows = await database.query<ClaimRow>({
    ...statementOf(request, options, behind),
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
      ...(isInLanes(request) ? [laneRows(request, options.namespace)] : []),
      ...(behind === null ? [] : [behind.vt, behind.messageId]),
    ],
  })
  const counts = rows[0]
  return {
    steps: rows.flatMap((row) => (row.step_uuid === null ? [] : [claimedStep(row, row.step_uuid, request, options)])),
    windowFull: (counts?.looked ?? 0) === window,
    leftBehind: (counts?.left_behind ?? 0) > 0,
    last: counts?.last_vt && counts.last_msg_id ? { vt: counts.last_vt, messageId: counts.last_msg_id } : null,
    foreign: counts?.foreign_count ?? 0,
    setAside: { malformed: counts?.malformed ?? 0, gone: counts?.gone ?? 0, stale: counts?.stale ?? 0 },
  }
}

/** Messages that one claim looks at: those that it may want to put in order, and enough beyond its own for other claimers to take some of them. */
export function windowOf(request: Pick<ClaimRequest, 'free' | 'prefetch' | 'lanes'>): number {
  const steps = request.free + request.prefetch
  return Math.max(isLarge(request) ? steps : 4 * steps, 200)
}

/**
 * Such a claim wants nearly all of its window. So it locks the messages while it looks, and claimers beside it look at others, instead of
 * each deciding on four times what it gets.
 */
function isLarge({ free, prefetch, lanes }: Pick<ClaimRequest, 'free' | 'prefetch' | 'lanes'>): boolean {
  return free + prefetch >= largeClaim && (lanes === null || lanes === undefined)
}

export function isInLanes({ lanes }: ClaimRequest): boolean {
  return lanes !== null && lanes !== undefined
}

function statementOf(request: ClaimRequest, options: ClaimFromPgmqOptions, behind: QueuePosition | null) {
  const { namespace, onClaim } = options
  // pgmq folds the names of its tables.
  const queue = `worker_${namespace}_queue`.toLowerCase()
  if (!isInLanes(request)) {
    const large = isLarge(request)
    const name = `claim:${namespace}:${onClaim}${large ? ':large' : ''}`
    return { name, text: claimStatement(queue, onClaim, large) }
  }
  const name = `claim:${namespace}:${onClaim}:lanes${behind === null ? '' : ':behind'}`
  return { name, text: claimInLanesStatement(queue, onClaim, behind !== null) }
}

export function claimedStep(
  row: ClaimedRow,
  stepId: StepId,
  request: ClaimRequest,
  options: { readonly namespace: string },
): ClaimedStep {
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
    recoveries: row.recoveries,
    documents: documentsOf(row),
  }
}

function documentsOf({ template_version: templateVersion, step_name: stepName, task, workflow_step }: ClaimedRow) {
  if (task === null || workflow_step === null) return null
  return { templateVersion, stepName, task, workflowStep: workflow_step }
}
