// Claims steps from one pgmq queue: looks at a window of messages and decides each of them, in one statement or in two.

import type { ClaimRequest } from '../../model/claim-source.ts'
import type { StepId } from '../../model/ids.ts'
import { lightStepWaits, requestAfter } from '../../model/lanes-after.ts'
import { type ClaimedStep, deathsUntilAlone, type StepDocuments } from '../../model/step-request.ts'
import { QueueHabits } from '../queue-habits.ts'
import type { Queryable } from '../statement.ts'
import { laneRows } from './choose-in-lanes.ts'
import { claimInLanesStatement, claimStatement, type OnClaim } from './claim-statement.ts'
import { claimedColumnCount, claimedRow, type RunnableRow } from './claimed-columns.ts'
import { countRecoveries } from './count-recoveries.ts'
import { leanClaimStatement, leanCounts } from './lean-claim-statement.ts'
import { stepDocument, taskDocument } from './step-documents.ts'

export interface ClaimFromPgmqOptions {
  readonly namespace: string
  readonly foreignRetryMs: number
  readonly foreignGraceMs: number
  readonly onClaim: OnClaim
}

const largeClaim = 100

/** Of a step that says nothing of it (wire-protocol §1.3). */
const attemptsMaxDefault = 3

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
  next_weight?: number | null
}

export interface ClaimedRow extends RunnableRow {
  readonly runnable: boolean
  readonly recoveries: number
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
  /** Tokens that the first step needs which is left only for want of them; null: there is none. */
  readonly nextWeighs: number | null
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

/**
 * The lean statement claims, and where its window held anything else, the full one settles that and claims what is left. Where the last claim
 * found something to settle, the full one does all of it, so that a queue of several workers' steps costs one statement for each claim, too.
 */
export async function claimFromPgmq(
  database: Queryable,
  request: ClaimRequest,
  options: ClaimFromPgmqOptions,
  look: LookedAt = { behind: null, window: windowOf(request) },
  habits: QueueHabits = new QueueHabits(),
): Promise<ClaimedFromQueue> {
  if (isInLanes(request) || look.behind !== null) return fullClaim(database, request, options, look)
  let first: readonly ClaimedStep[] = []
  if (!habits.isMixed(options.namespace)) {
    const { claimed, others } = await leanClaim(database, request, options, look, habits)
    if (others === 0) return claimed
    first = claimed.steps
  }
  const full = await fullClaim(database, requestAfter(request, first), options, look, isLarge(request))
  const { malformed, gone, stale } = full.setAside
  habits.noteMixed(options.namespace, full.foreign + malformed + gone + stale > 0)
  return { ...full, steps: [...first, ...full.steps] }
}

async function leanClaim(
  database: Queryable,
  request: ClaimRequest,
  options: ClaimFromPgmqOptions,
  { window }: LookedAt,
  habits: QueueHabits,
): Promise<{ claimed: ClaimedFromQueue; others: number }> {
  const { namespace, onClaim } = options
  const parts = { locksMessages: isLarge(request), ancestors: habits.hasParents(namespace) }
  const name = `claim:${namespace}:${onClaim}:lean${parts.locksMessages ? ':large' : ''}${parts.ancestors ? ':anc' : ''}`
  const text = habits.text(name, () => leanClaimStatement(queueOf(namespace), onClaim, parts))
  const answer = await database.query<readonly unknown[]>({
    ...{ name, text, values: claimValues(request, window) },
    rows: 'arrays',
  })
  const counts = answer[0]?.slice(claimedColumnCount) as readonly number[] | undefined
  const count = (name: (typeof leanCounts)[number]) => counts?.[leanCounts.indexOf(name)] ?? 0
  const [looked, claimable] = [count('looked'), count('claimable')]
  const rows = answer.map(claimedRow)
  // Each of them has spent an attempt, so few steps are asked, and the statement of all others need not be ready to.
  const tried = rows.filter(({ attempts }) => attempts >= deathsUntilAlone)
  const recoveries = await countRecoveries(
    database,
    tried.flatMap(({ step_uuid }) => step_uuid ?? []),
  )
  const steps = claimedSteps(rows, request, ({ step_uuid }) => {
    return { namespace, runnable: true, recoveries: recoveries.get(step_uuid as StepId) ?? 0 }
  })
  if (steps.length > 0) {
    const noParents = rows.every(({ dependency_results }) => dependency_results === '{}')
    habits.noteParents(namespace, !noParents)
  }
  const leftBehind = claimable > steps.length
  const claimed = {
    ...{ steps, windowFull: looked === window, leftBehind, last: null },
    nextWeighs: lightStepWaits(request, steps, leftBehind),
    ...{ foreign: 0, setAside: { malformed: 0, gone: 0, stale: 0 } },
  }
  return { claimed, others: looked - claimable }
}

async function fullClaim(
  database: Queryable,
  request: ClaimRequest,
  options: ClaimFromPgmqOptions,
  { window, behind }: LookedAt,
  large = false,
): Promise<ClaimedFromQueue> {
  const rows = await database.query<ClaimRow>({
    ...statementOf(request, options, behind, large),
    values: [
      ...claimValues(request, window),
      options.foreignRetryMs,
      options.foreignGraceMs,
      ...(isInLanes(request) ? [laneRows(request, options.namespace)] : []),
      ...(behind === null ? [] : [behind.vt, behind.messageId]),
    ],
  })
  const counts = rows[0]
  const { namespace } = options
  const steps = claimedSteps(rows, request, ({ runnable, recoveries }) => ({ namespace, runnable, recoveries }))
  const leftBehind = (counts?.left_behind ?? 0) > 0
  return {
    steps,
    windowFull: (counts?.looked ?? 0) === window,
    leftBehind,
    nextWeighs: isInLanes(request) ? (counts?.next_weight ?? null) : lightStepWaits(request, steps, leftBehind),
    last: counts?.last_vt && counts.last_msg_id ? { vt: counts.last_vt, messageId: counts.last_msg_id } : null,
    foreign: counts?.foreign_count ?? 0,
    setAside: { malformed: counts?.malformed ?? 0, gone: counts?.gone ?? 0, stale: counts?.stale ?? 0 },
  }
}

function claimValues({ workerId, claimId, free, prefetch, runnable }: ClaimRequest, window: number): unknown[] {
  const tasks = runnable.map((step) => step.namedTaskId)
  const templateSteps = runnable.map((step) => step.templateStep)
  return [workerId, claimId, free, prefetch, window, tasks, templateSteps]
}

/** What a row does not say by itself. */
type BesideRow = Pick<ClaimedStep, 'namespace' | 'runnable' | 'recoveries'>

export function claimedSteps<Row extends RunnableRow>(
  rows: readonly Row[],
  request: ClaimRequest,
  beside: (row: Row) => BesideRow,
): ClaimedStep[] {
  return rows.flatMap((row) => (row.step_uuid === null ? [] : [claimedStep(row, row.step_uuid, request, beside(row))]))
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

/** pgmq folds the names of its tables. */
function queueOf(namespace: string): string {
  return `worker_${namespace}_queue`.toLowerCase()
}

function statementOf(
  request: ClaimRequest,
  { namespace, onClaim }: ClaimFromPgmqOptions,
  behind: QueuePosition | null,
  large: boolean,
) {
  const queue = queueOf(namespace)
  if (!isInLanes(request)) {
    const name = `claim:${namespace}:${onClaim}${large ? ':large' : ''}`
    return { name, text: claimStatement(queue, onClaim, large) }
  }
  const name = `claim:${namespace}:${onClaim}:lanes${behind === null ? '' : ':behind'}`
  return { name, text: claimInLanesStatement(queue, onClaim, behind !== null) }
}

function claimedStep(
  row: RunnableRow,
  stepId: StepId,
  request: ClaimRequest,
  { namespace, runnable, recoveries }: BesideRow,
): ClaimedStep {
  return {
    stepId,
    taskId: row.task_uuid,
    correlationId: row.correlation_id,
    namedTaskId: row.named_task_uuid,
    namespace,
    templateStep: row.template_step,
    priority: row.priority,
    token: row.token,
    claimId: request.claimId,
    attempts: row.attempts,
    attemptsMax: row.max_attempts ?? attemptsMaxDefault,
    retryable: row.retryable,
    runnable,
    recoveries,
    documents: documentsOf(row, stepId),
  }
}

function documentsOf(row: RunnableRow, stepId: StepId): StepDocuments | null {
  const { template_version: templateVersion, step_name: stepName, dependency_results: dependencyResults } = row
  if (!row.small || dependencyResults === null) return null
  const workflowStep = stepDocument(stepId, row)
  return { templateVersion, stepName, task: taskDocument(row), workflowStep, dependencyResults }
}
