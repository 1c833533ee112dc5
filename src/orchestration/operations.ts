// What people do to running tasks: cancel one, or help a step that failed. Each is one transaction under the lock of the task.

import { HostError } from '../model/host-error.ts'
import type { TaskId } from '../model/ids.ts'
import type { OrchestrationStore, OrchestrationTransaction, StepOperation } from '../model/orchestration-store.ts'
import type { StepAction } from '../model/task.ts'
import {
  eventOf,
  finishedTaskStates,
  type StepState,
  stepMoves,
  type TaskState,
  taskMoves,
} from '../model/task-state.ts'
import type { Expander } from './expansion.ts'
import { settleTasks } from './settlement.ts'

const textCharsMax = 4_000
const unstorable = /\p{Surrogate}|\0/u
/** A worker may move the step between the look and the move. */
const triesMax = 20

const verbs = {
  reset_for_retry: 'reset step for retry',
  resolve_manually: 'manually resolve step',
  complete_manually: 'manually complete step',
} as const

/** Rejects with TASK_NOT_FOUND or TASK_FINISHED. */
export async function cancelTask(store: OrchestrationStore, taskId: string): Promise<void> {
  await store.transaction(async (transaction) => {
    const task = await lockedTask(transaction, taskId)
    if (eventOf(taskMoves, task.state, 'cancelled') === null) {
      throw new HostError('TASK_FINISHED', `Cannot cancel a completed task: it is ${task.state}`)
    }
    await transaction.cancelSteps({ taskIds: [task.taskId], stepIds: null, states: null })
    await transaction.moveTasks([{ taskId: task.taskId, from: task.state, path: ['cancelled'], enqueue: null }])
  })
}

/** Rejects with TASK_NOT_FOUND, STEP_NOT_FOUND, TASK_FINISHED, STEP_TRANSITION_INVALID or STEP_ACTION_INVALID. */
export async function actOnStep(
  store: OrchestrationStore,
  place: { readonly taskId: string; readonly stepId: string },
  action: StepAction,
  expander: Expander,
): Promise<void> {
  checkAction(action)
  await store.transaction(async (transaction) => {
    const { taskId, state } = await lockedTask(transaction, place.taskId)
    const step = { taskId, stepId: place.stepId }
    const before = await existing(transaction, step)
    if (finishedTaskStates.has(state) && state !== 'error') {
      throw new HostError('TASK_FINISHED', `Cannot ${verbs[action.actionType]}: the task is ${state}`)
    }
    await operate(transaction, { ...step, before }, action)
    if (action.actionType === 'complete_manually') await expand(transaction, expander, step.stepId)
    await settleTasks(transaction, [taskId], { reopen: true })
  })
}

/** A decision or an analyzer that is completed by hand may say what its handler would have said; without it nothing is made. */
async function expand(transaction: OrchestrationTransaction, expander: Expander, stepId: string): Promise<void> {
  const place = await transaction.stepPlace(stepId)
  const [document] = place === null ? [] : await transaction.outcomeDocuments([place.stepId])
  if (place === null || document === undefined || (document.decision === null && document.batch === null)) return
  const { problems, steps, edges } = await expander.plan(transaction, [place])
  const problem = problems.get(place.stepId)
  if (problem !== undefined) throw new HostError('STEP_ACTION_INVALID', `completion_data: ${problem}`)
  await transaction.createSteps(steps, edges)
}

async function lockedTask(
  transaction: OrchestrationTransaction,
  id: string,
): Promise<{ readonly taskId: TaskId; readonly state: TaskState }> {
  // What is no UUID is no task; the statements would raise.
  const taskId = id as TaskId
  if (isUuid(id)) {
    await transaction.lockTasks([taskId])
    const [task] = await transaction.taskCounts([taskId])
    if (task !== undefined) return task
  }
  throw new HostError('TASK_NOT_FOUND', `There is no task ${id}`)
}

async function existing(
  transaction: OrchestrationTransaction,
  step: { readonly taskId: TaskId; readonly stepId: string },
): Promise<StepState> {
  const state = isUuid(step.stepId) ? await transaction.stepState(step) : null
  if (state !== null) return state
  throw new HostError('STEP_NOT_FOUND', `The task ${step.taskId} has no step ${step.stepId}`)
}

async function operate(
  transaction: OrchestrationTransaction,
  step: { readonly taskId: TaskId; readonly stepId: string; readonly before: StepState },
  action: StepAction,
): Promise<void> {
  let from = step.before
  for (let tries = 0; tries < triesMax; tries += 1) {
    const operation = operationOf(step.stepId, from, action)
    if (!stepMoves.some((move) => move[0] === from && move[1] === operation.event)) {
      const message = `Cannot ${verbs[action.actionType]}: invalid transition from ${from} to ${operation.to}`
      throw new HostError('STEP_TRANSITION_INVALID', message)
    }
    const { moved, problem } = await transaction.operateStep(operation)
    if (problem !== null) throw new HostError('STEP_ACTION_INVALID', `completion_data cannot be stored: ${problem}`)
    if (moved) return
    from = await existing(transaction, step)
  }
  throw new HostError('DATABASE_FAULT', `The step ${step.stepId} moves on all the time; try again`)
}

function operationOf(stepId: string, from: StepState, action: StepAction): StepOperation {
  const { reason } = action
  switch (action.actionType) {
    case 'reset_for_retry': {
      const operator = action.resetBy
      return { stepId, from, to: 'pending', event: 'ResetForRetry', operator, reason, completion: null }
    }
    case 'resolve_manually': {
      const operator = action.resolvedBy
      return { stepId, from, to: 'resolved_manually', event: 'ResolveManually', operator, reason, completion: null }
    }
    case 'complete_manually': {
      const { completedBy: operator, result, metadata } = action
      return {
        ...{ stepId, from, to: 'complete', event: 'CompleteManually', operator, reason },
        completion: { result, metadata },
      }
    }
  }
}

function checkAction(action: StepAction): void {
  const operator = operationOf('', 'error', action).operator
  for (const [field, text] of Object.entries({ reason: action.reason, operator })) {
    if (unstorable.test(text)) {
      throw new HostError('STEP_ACTION_INVALID', `${field} holds characters that PostgreSQL cannot store`)
    }
    if (text.length > textCharsMax) {
      throw new HostError('STEP_ACTION_INVALID', `${field} has more than ${textCharsMax} characters`)
    }
  }
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)
}
