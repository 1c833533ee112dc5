// Brings locked tasks to where their steps say they belong.

import type { TaskId } from '../model/ids.ts'
import type { OrchestrationTransaction, TaskCounts, TaskMove } from '../model/orchestration-store.ts'
import { nextMove } from './finalizer.ts'

/** The last part of a transaction that has locked the tasks. Resolves with the number of steps enqueued. */
export async function settleTasks(
  transaction: OrchestrationTransaction,
  taskIds: readonly TaskId[],
  options: { reopen: boolean } = { reopen: false },
): Promise<number> {
  const { moves } = await countTasks(transaction, taskIds, options)
  return moves.length === 0 ? 0 : transaction.moveTasks(moves, { last: true })
}

/** Looks at all steps of locked tasks: the moves that they ask for. */
export async function countTasks(
  transaction: OrchestrationTransaction,
  taskIds: readonly TaskId[],
  options: { reopen: boolean } = { reopen: false },
): Promise<{ readonly tasks: readonly TaskCounts[]; readonly moves: readonly TaskMove[] }> {
  if (taskIds.length === 0) return { tasks: [], moves: [] }
  const tasks = await transaction.taskCounts(taskIds)
  return { tasks, moves: tasks.map((task) => nextMove(task, options)).filter((move) => move !== null) }
}
