// Where tasks go after results; of a task with many steps only what the results can have changed is looked at.

import type { StepId, TaskId } from '../model/ids.ts'
import type { OrchestrationTransaction, TaskMove } from '../model/orchestration-store.ts'
import { countTasks } from './settlement.ts'

const stepsMinDefault = 500
const knownMax = 1_000

export class LargeTasks {
  readonly #stepsMin: number
  /** Forgetting one costs a count of its steps. */
  readonly #known = new Set<TaskId>()

  /** From so many steps on, counting them all after each batch of results costs more than the batch. */
  constructor(stepsMin = stepsMinDefault) {
    this.#stepsMin = stepsMin
  }

  /**
   * The moves that bring tasks to where they belong. The tasks must be locked. `finished`: the steps that were completed in this transaction, of those
   * tasks in which nothing else happened that could move them on.
   */
  async moves(
    transaction: OrchestrationTransaction,
    taskIds: readonly TaskId[],
    finished: ReadonlyMap<TaskId, readonly StepId[]>,
  ): Promise<readonly TaskMove[]> {
    const moves: TaskMove[] = []
    const rest = new Set(taskIds)
    const large = taskIds.filter((taskId) => this.#known.has(taskId) && finished.has(taskId))
    if (large.length > 0) {
      const stepIds = large.flatMap((taskId) => finished.get(taskId) ?? [])
      for (const { taskId, state, ready, working } of await transaction.taskPulses(large, stepIds)) {
        // With nothing under way the task is at an end, or somebody must see why not: that takes all steps.
        if (state !== 'steps_in_process' || (ready.steps.length === 0 && !working)) continue
        rest.delete(taskId)
        if (ready.steps.length === 0) continue
        const path = ['evaluating_results', 'enqueuing_steps', 'steps_in_process'] as const
        moves.push({ taskId, from: state, path, enqueue: ready })
      }
    }
    const counted = await countTasks(transaction, [...rest])
    for (const { taskId, counts } of counted.tasks) this.#remember(taskId, counts.total)
    return [...moves, ...counted.moves]
  }

  #remember(taskId: TaskId, steps: number): void {
    this.#known.delete(taskId)
    if (steps < this.#stepsMin) return
    this.#known.add(taskId)
    const [oldest] = this.#known
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest)
  }
}
