// Wakes steps whose wait is over, whatever their siblings are doing.

import type { OrchestrationStore } from '../model/orchestration-store.ts'
import { stepEvent } from './judgement.ts'
import { settleTasks } from './settlement.ts'

const retriesMax = 200

/** Resolves with the milliseconds until the next retry is due; 0: more are due now; null: none waits. */
export async function wakeRetries(store: OrchestrationStore): Promise<number | null> {
  const due = await store.dueRetries({ max: retriesMax })
  if (due.steps.length === 0) return due.nextMs
  const taskIds = [...new Set(due.steps.map((step) => step.taskId))]
  const woken = await store.transaction(async (transaction) => {
    await transaction.lockTasks(taskIds)
    // Another orchestrator may have woken a step meanwhile, and it may have failed and wait anew: its state alone does not tell.
    const stepIds = await transaction.stillDue(due.steps.map((step) => step.stepId))
    await transaction.moveSteps(
      stepIds.map((stepId) => ({
        stepId,
        from: 'waiting_for_retry',
        to: 'pending',
        event: stepEvent('Retry'),
        backoffMs: null,
        failure: null,
      })),
    )
    await settleTasks(transaction, taskIds)
    return stepIds.length
  })
  // What waits anew is not in the time that was read.
  return due.steps.length === retriesMax || woken < due.steps.length ? 0 : due.nextMs
}
