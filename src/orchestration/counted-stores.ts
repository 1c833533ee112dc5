// Stores that count what goes through them, so that no part of orchestration has to.

import type { BackgroundStore } from '../model/background-store.ts'
import {
  type OrchestrationCount,
  type OrchestrationCountSource,
  orchestrationCounts,
} from '../model/orchestration-counts.ts'
import type {
  NewTask,
  OrchestrationStore,
  OrchestrationTransaction,
  StepMove,
  TaskMove,
} from '../model/orchestration-store.ts'

export class Counts implements OrchestrationCountSource {
  readonly #counts = new Map<OrchestrationCount, number>()

  add(name: OrchestrationCount, number = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + number)
  }

  addAll(others: Counts): void {
    for (const [name, number] of others.#counts) this.add(name, number)
  }

  counts(): Readonly<Record<OrchestrationCount, number>> {
    const pairs = orchestrationCounts.map((name) => [name, this.#counts.get(name) ?? 0] as const)
    return Object.fromEntries(pairs) as Record<OrchestrationCount, number>
  }
}

export function countedStore(store: OrchestrationStore, counts: Counts): OrchestrationStore {
  return {
    ...store,
    createTasks: async (tasks) => {
      const answers = await store.createTasks(tasks).catch((error: unknown) => {
        counts.add('tasksRequested', tasks.length)
        throw error
      })
      // What is outdated is asked for again.
      counts.add('tasksRequested', answers.filter(({ status }) => status !== 'outdated').length)
      for (const [index, task] of tasks.entries()) {
        if (answers[index]?.status !== 'created') continue
        counts.add('tasksCreated')
        counts.add('stepsEnqueued', firstSteps(task))
      }
      return answers
    },
    transaction: async (work) => {
      // A transaction may run more than once, and count only when it has committed.
      let own = new Counts()
      const result = await store.transaction((transaction) => {
        own = new Counts()
        return work(countedTransaction(transaction, own))
      })
      counts.addAll(own)
      return result
    },
    resendSteps: async (age) => {
      const resent = await store.resendSteps(age)
      counts.add('stepsResent', resent)
      return resent
    },
    rejectResult: async (messageId, reason) => {
      await store.rejectResult(messageId, reason)
      counts.add('resultsRejected')
    },
  }
}

/** A new task enqueues what waits for nothing that was created with it. */
function firstSteps({ steps }: NewTask): number {
  const names = new Set(steps.map(({ name }) => name))
  return steps.filter(({ dependencies }) => !dependencies.some((name) => names.has(name))).length
}

function countedTransaction(transaction: OrchestrationTransaction, counts: Counts): OrchestrationTransaction {
  return {
    ...transaction,
    takeResults: async (options) => {
      const messages = await transaction.takeResults(options)
      counts.add('resultsRejected', messages.rejected)
      return messages
    },
    completeSteps: async (workerId, finished, plainIn) => {
      const answers = await transaction.completeSteps(workerId, finished, plainIn)
      const completed = answers.filter(({ completes }) => completes).length
      counts.add('resultsProcessed', completed)
      counts.add('stepsCompleted', completed)
      return answers
    },
    moveSteps: async (moves) => {
      const moved = await transaction.moveSteps(moves)
      const ids = new Set(moved)
      for (const move of moves) if (ids.has(move.stepId)) countStep(move, counts)
      return moved
    },
    moveTasks: async (moves, options) => {
      const enqueued = await transaction.moveTasks(moves, options)
      counts.add('stepsEnqueued', enqueued)
      for (const move of moves) countTask(move, counts)
      return enqueued
    },
    startTasks: async (moves, request) => {
      const started = await transaction.startTasks(moves, request)
      counts.add('stepsEnqueued', started.enqueued)
      for (const move of moves) countTask(move, counts)
      return started
    },
  }
}

function countStep({ from, to }: StepMove, counts: Counts): void {
  if (from === 'enqueued_for_orchestration' || from === 'enqueued_as_error_for_orchestration')
    counts.add('resultsProcessed')
  if (to === 'complete') counts.add('stepsCompleted')
  else if (to === 'error') counts.add('stepsFailed')
  else if (to === 'waiting_for_retry') counts.add('retriesScheduled')
}

function countTask({ path }: TaskMove, counts: Counts): void {
  const to = path.at(-1)
  if (to === 'complete') counts.add('tasksCompleted')
  else if (to === 'blocked_by_failures' || to === 'error') counts.add('tasksFailed')
  else if (to === 'cancelled') counts.add('tasksCancelled')
}

const sweeps: Readonly<Record<string, OrchestrationCount>> = { retention: 'retentionSweeps', orphans: 'orphanSweeps' }

export function countedBackground(store: BackgroundStore, counts: Counts): BackgroundStore {
  return {
    ...store,
    takeTurn: async (name, everyMs) => {
      const taken = await store.takeTurn(name, everyMs)
      const sweep = sweeps[name]
      if (taken && sweep !== undefined) counts.add(sweep)
      return taken
    },
    staleTasks: async (options) => {
      const found = await store.staleTasks(options)
      if (found === null) return null
      counts.add('stalenessSweeps')
      counts.add('staleTasks', found.length)
      counts.add('tasksFailed', found.filter(({ failed }) => failed).length)
      counts.add('deadLetters', found.filter(({ inDeadLetters }) => inDeadLetters).length)
      return found
    },
    removeFinishedTasks: async (options) => {
      const removed = await store.removeFinishedTasks(options)
      counts.add('tasksRemoved', removed.tasks)
      return removed
    },
    removeArchivedMessages: async (options) => {
      const removed = await store.removeArchivedMessages(options)
      counts.add('archivedMessagesRemoved', removed)
      return removed
    },
    setAsideOrphans: async (options) => {
      const page = await store.setAsideOrphans(options)
      counts.add('orphanedMessages', page.setAside)
      return page
    },
  }
}
