// Brings locked tasks to where their steps say they belong.

import type { TaskId } from '../model/ids.ts'
import type { OrchestrationTransaction } from '../model/orchestration-store.ts'
import { nextMove } from './finalizer.ts'

/** The tasks must be locked in this transaction. Resolves with the number of steps enqueued. */
export async function settleTasks(
  transaction: OrchestrationTransaction,
  taskIds: readonly TaskId[],
  options: { reopen: boolean } = { reopen: false },
): Promise<number> {
  if (taskIds.length === 0) return 0
  const tasks = await transaction.taskCounts(taskIds)
  const moves = tasks.map((task) => nextMove(task, options)).filter((move) => move !== null)
  return moves.length === 0 ? 0 : transaction.moveTasks(moves)
}
