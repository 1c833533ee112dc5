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
  await store.transaction(async (transaction) => {
    await transaction.lockTasks(taskIds)
    // Compare-and-set: what another orchestrator woke meanwhile does not move again.
    await transaction.moveSteps(
      due.steps.map((step) => ({
        stepId: step.stepId,
        from: 'waiting_for_retry',
        to: 'pending',
        event: stepEvent('Retry'),
        backoffMs: null,
        failure: null,
      })),
    )
    await settleTasks(transaction, taskIds)
  })
  return due.steps.length === retriesMax ? 0 : due.nextMs
}
