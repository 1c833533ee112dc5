// Moves tasks and starts what they enqueue, for a worker of the same process: the last statement of a transaction, which commits with it.

import type { Claim, ClaimRequest } from '../../../model/claim-source.ts'
import type { StartedSteps, TaskMove } from '../../../model/orchestration-store.ts'
import type { OpenTransaction, Queryable } from '../../statement.ts'
import { type StartedRow, stepsOf } from '../claim-from-pgmq.ts'
import { enqueuesOf, type MoveOptions, moveTasks, namespacesOf, stepColumns, walkColumns } from './move-tasks.ts'
import { startStatement } from './start-statement.ts'

export type ClaimLast = (transaction: OpenTransaction, namespace: string, request: ClaimRequest) => Promise<Claim>

export interface StartOptions extends MoveOptions {
  /** For what is asked after the commit. */
  readonly database: Queryable
  /** Where the queue is not known to be there, the steps go through it. */
  readonly claimLast: ClaimLast
}

interface Row extends StartedRow {
  readonly left_over: number
}

/** All steps to enqueue must be of one namespace, and there must be some. */
export async function startTasks(
  transaction: OpenTransaction,
  moves: readonly TaskMove[],
  request: ClaimRequest,
  options: StartOptions,
): Promise<StartedSteps> {
  const namespaces = namespacesOf(moves)
  const namespace = enqueuesOf(namespaces, options.queuesSeen)?.namespace ?? null
  if (namespace === null) return moveAndClaim(transaction, moves, request, options)
  const begins = moves.some((move) => move.from === 'pending')
  const completes = moves.some((move) => move.path.at(-1) === 'complete')
  const name = `start-tasks:${begins ? 'b' : ''}${completes ? 'c' : ''}:${namespace}`
  const text = options.texts.get(name) ?? startStatement({ begins, completes, namespace })
  options.texts.set(name, text)
  const { workerId, claimId, runnable, free } = request
  try {
    const rows = await transaction.finish<Row>({
      ...{ name, text },
      values: [
        ...[...walkColumns(moves), options.orchestratorId, options.history === 'end_states', ...stepColumns(moves)],
        ...[
          workerId,
          claimId,
          runnable.map((step) => step.namedTaskId),
          runnable.map((step) => step.templateStep),
          free,
        ],
      ],
    })
    const steps = await stepsOf(options.database, rows, request, { namespace })
    return { enqueued: steps.length + (rows[0]?.left_over ?? 0), claim: claimOf(steps) }
  } catch (error) {
    // The queue may be gone; the next try looks.
    options.queuesSeen.delete(namespace)
    throw error
  }
}

async function moveAndClaim(
  transaction: OpenTransaction,
  moves: readonly TaskMove[],
  request: ClaimRequest,
  options: StartOptions,
): Promise<StartedSteps> {
  const [namespace = ''] = namespacesOf(moves)
  // Sent together, in this order.
  const [enqueued, claim] = await Promise.all([
    moveTasks(transaction, moves, options, request.workerId),
    options.claimLast(transaction, namespace, request),
  ])
  return { enqueued, claim }
}

function claimOf(steps: Claim['steps']): Claim {
  return { steps, more: false, leftBehind: false, foreign: 0, setAside: { malformed: 0, gone: 0, stale: 0 } }
}
