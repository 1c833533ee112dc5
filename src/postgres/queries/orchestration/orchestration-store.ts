// Orchestration's store on PostgreSQL: every operation of the interface as the statement that does it.

import { randomUUID } from 'node:crypto'
import type {
  OrchestrationStore,
  OrchestrationTransaction,
  TransitionHistory,
} from '../../../model/orchestration-store.ts'
import type { Database } from '../../database.ts'
import { sqlStateOf } from '../../database-fault.ts'
import { lastOf, type OpenTransaction, type Queryable } from '../../statement.ts'
import { completeSteps } from '../complete-steps.ts'
import { batchSiblings, cancelSteps } from './cancel-steps.ts'
import { createSteps } from './create-steps.ts'
import { TaskWriter } from './create-task.ts'
import { changeDlqEntry } from './dead-letters.ts'
import { dueRetries, stillDue } from './due-retries.ts'
import { outcomeDocuments, stepPlace, taskSteps } from './expansion-reads.ts'
import { loadTemplate, loadTemplates, templateKeys } from './load-template.ts'
import { moveSteps } from './move-steps.ts'
import { type MoveOptions, moveTasks } from './move-tasks.ts'
import { operateStep, stepState } from './operate-step.ts'
import { heartbeatOrchestrator, leaveOrchestrator } from './orchestrator-heartbeat.ts'
import { overdueResults, resendSteps, stalledTasks } from './recovery.ts'
import { deadLetter, redriveSteps } from './redrive-steps.ts'
import { createQueues, registerTemplates } from './register-templates.ts'
import { startTasks } from './start-tasks.ts'
import { stepOutcomes } from './step-outcomes.ts'
import { rejectResult, takeResults } from './take-results.ts'
import { lockTasks, taskCounts } from './task-counts.ts'
import { taskPulses } from './task-pulses.ts'
import { stepViews, taskProgress, taskView } from './task-views.ts'

/** SQLSTATEs that lie in the data of a statement: class 22, too deep a document, a value that exists twice (design D2). */
const dataStates = /^(22|54001|23505)/

export interface StoreOptions {
  /** The database that holds them, where a worker registers its templates in split mode. */
  readonly queues?: Queryable
  readonly history?: TransitionHistory
}

/** One store per orchestrator: its id stands in the transitions of tasks as `processor_uuid` and in the row of its heartbeat. */
export function orchestrationStore(
  database: Database,
  { queues = database, history = 'full' }: StoreOptions = {},
): OrchestrationStore {
  const orchestratorId = randomUUID()
  const options = { orchestratorId, history, queuesSeen: new Set<string>(), texts: new Map<string, string>() }
  const writer = new TaskWriter(database, options)
  return {
    registerTemplates: (templates) => registerTemplates(database, templates, queues),
    createQueues: (namespaces) => createQueues(queues, namespaces),
    template: async (key) => {
      const loaded = await loadTemplate(database, key)
      // A template registered by a worker that made no queue; sending to a missing queue is an error.
      if (loaded !== null && !loaded.queueExists) await createQueues(database, [loaded.template.namespace])
      return loaded?.template ?? null
    },
    templateKeys: (namespace) => templateKeys(database, namespace),
    createTasks: (tasks) => writer.create(tasks),
    transaction: (work) => database.transaction((q) => work(orchestrationTransaction(q, options))),
    rejectResult: (messageId, reason) => rejectResult(database, messageId, reason),
    isDataFault: (error) => dataStates.test(sqlStateOf(error) ?? ''),
    dueRetries: (options) => dueRetries(database, options),
    resendSteps: (age) => database.transaction((q) => resendSteps(q, age)),
    overdueResults: (age) => overdueResults(database, age),
    stalledTasks: (age) => stalledTasks(database, age),
    taskView: (taskId) => taskView(database, taskId),
    stepViews: (taskId) => stepViews(database, taskId),
    taskProgress: (taskId) => taskProgress(database, taskId),
    heartbeat: ({ host }) => heartbeatOrchestrator(database, { orchestratorId, host }),
    leave: () => leaveOrchestrator(database, orchestratorId),
    ping: async () => {
      await database.query({ text: 'SELECT 1' })
    },
  }
}

function orchestrationTransaction(q: OpenTransaction, options: MoveOptions): OrchestrationTransaction {
  return {
    takeResults: (options) => takeResults(q, options),
    completeSteps: (workerId, finished, plainIn) => completeSteps(q, finished, { workerId, how: 'judged', plainIn }),
    lockTasks: (taskIds) => lockTasks(q, taskIds),
    outcomes: (stepIds) => stepOutcomes(q, stepIds),
    moveSteps: (moves) => moveSteps(q, moves),
    stillDue: (stepIds) => stillDue(q, stepIds),
    taskCounts: (taskIds) => taskCounts(q, taskIds),
    taskPulses: (taskIds, finished) => taskPulses(q, taskIds, finished),
    batchSiblings: (stepIds) => batchSiblings(q, stepIds),
    templates: (ids) => loadTemplates(q, ids),
    outcomeDocuments: (stepIds) => outcomeDocuments(q, stepIds),
    taskSteps: (taskIds) => taskSteps(q, taskIds),
    stepPlace: (stepId) => stepPlace(q, stepId),
    createSteps: (steps, edges) => createSteps(q, steps, edges, options.history),
    cancelSteps: (options) => cancelSteps(q, options),
    stepState: (step) => stepState(q, step),
    deadLetter: (entryId) => deadLetter(q, entryId),
    changeDlqEntry: (entryId, change) => changeDlqEntry(q, entryId, change),
    redriveSteps: (options) => redriveSteps(q, options),
    operateStep: (operation) => operateStep(q, operation),
    moveTasks: (moves, { last, woken = null } = { last: false }) =>
      moveTasks(last ? lastOf(q) : q, moves, options, woken),
    startTasks: (moves, request) => startTasks(q, moves, request, options),
  }
}
