// Moves tasks and starts what they enqueue, for a worker of the same process: the last statement of a transaction, which commits with it.

import type { ClaimRequest } from '../../../model/claim-source.ts'
import type { StartedSteps, TaskMove } from '../../../model/orchestration-store.ts'
import type { ClaimedStep } from '../../../model/step-request.ts'
import { lastOf, type OpenTransaction } from '../../statement.ts'
import { claimedSteps } from '../claim-from-pgmq.ts'
import type { RunnableRow } from '../claimed-columns.ts'
import {
  enqueuesOf,
  keptText,
  type MoveOptions,
  moveTasks,
  namespacesOf,
  stepColumns,
  walkParts,
  walkValues,
} from './move-tasks.ts'
import { startStatement } from './start-statement.ts'

interface Row extends RunnableRow {
  readonly queued: number
}

export async function startTasks(
  transaction: OpenTransaction,
  moves: readonly TaskMove[],
  request: ClaimRequest,
  options: MoveOptions,
): Promise<StartedSteps> {
  const namespace = enqueuesOf(namespacesOf(moves), options.queuesSeen)?.namespace ?? null
  if (namespace === null) {
    // Whether there is a queue is for the other statement to find out.
    return { claim: null, enqueued: await moveTasks(lastOf(transaction), moves, options, request.workerId) }
  }
  const parts = walkParts(moves)
  const name = `start-tasks:${parts.begins ? 'b' : ''}${parts.completes ? 'c' : ''}:${namespace}`
  const text = keptText(options.texts, name, () => startStatement({ ...parts, namespace }))
  const { workerId, claimId, runnable } = request
  const [tasks, steps] = [runnable.map((step) => step.namedTaskId), runnable.map((step) => step.templateStep)]
  const moving = [...walkValues(moves, options), ...stepColumns(moves)]
  try {
    const rows = await transaction.finish<Row>({ name, text, values: [...moving, workerId, claimId, tasks, steps] })
    const claimed = claimedSteps(rows, request, () => ({ namespace, runnable: true, recoveries: 0 }))
    return startedSteps(claimed, rows[0]?.queued ?? 0)
  } catch (error) {
    // The queue may be gone; the next try looks.
    options.queuesSeen.delete(namespace)
    throw error
  }
}

function startedSteps(steps: readonly ClaimedStep[], queued: number): StartedSteps {
  const setAside = { malformed: 0, gone: 0, stale: 0 }
  return {
    enqueued: steps.length + queued,
    claim: { steps, more: false, leftBehind: false, foreign: 0, setAside },
  }
}
