// Takes a task from the dead letters and lets it go on.

import type { DlqChange } from '../model/orchestration-reads.ts'
import type { OrchestrationStore } from '../model/orchestration-store.ts'
import type { RedriveAnswer } from '../model/redrive.ts'
import { finishedTaskStates } from '../model/task-state.ts'
import { settleTasks } from './settlement.ts'

export async function redrive(store: OrchestrationStore, entryId: string, change: DlqChange): Promise<RedriveAnswer> {
  return store.transaction(async (transaction): Promise<RedriveAnswer> => {
    const place = await transaction.deadLetter(entryId)
    if (place === null) return { status: 'missing' }
    const { taskId } = place
    await transaction.lockTasks([taskId])
    // Again under the lock: a request that comes twice must not take a step back that the first one started.
    const entry = await transaction.deadLetter(entryId)
    const [task] = await transaction.taskCounts([taskId])
    if (entry === null || task === undefined) return { status: 'missing' }
    if (entry.resolution !== 'pending') return { status: 'resolved' }
    const { state } = task
    if (finishedTaskStates.has(state) && state !== 'error') return { status: 'finished', state }
    const answer = await transaction.changeDlqEntry(entryId, { ...change, resolutionStatus: 'manually_resolved' })
    if (answer !== 'changed') return { status: answer === 'invalid' ? 'invalid' : 'missing' }
    const steps = await transaction.redriveSteps({ taskId, entryId, operator: change.resolvedBy })
    await settleTasks(transaction, [taskId], { reopen: true })
    return { status: 'redriven', steps }
  })
}
