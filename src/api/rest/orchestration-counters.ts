// The orchestrator's counts as Prometheus counters. The first five names are Tasker's (orchestration-semantics §9.3).

import { Counter, type Registry } from 'prom-client'
import type { OrchestrationCount, OrchestrationCountSource } from '../../model/orchestration-counts.ts'

const counters: Readonly<
  Record<Exclude<OrchestrationCount, `${string}Sweeps`>, readonly [name: string, help: string]>
> = {
  tasksRequested: ['tasks_requests_total', 'Requests for a task that were valid'],
  tasksCompleted: ['tasks_completions_total', 'Tasks that completed'],
  tasksFailed: ['tasks_failures_total', 'Tasks that were blocked by failures or moved to error'],
  stepsEnqueued: ['steps_enqueued_total', 'Steps sent to a worker queue'],
  resultsProcessed: ['steps_results_processed_total', 'Results of steps that were judged'],
  tasksCreated: ['tasks_created_total', 'Tasks that were created'],
  tasksCancelled: ['tasks_cancellations_total', 'Tasks that were cancelled'],
  stepsCompleted: ['steps_completions_total', 'Steps that succeeded'],
  stepsFailed: ['steps_failures_total', 'Steps that failed for good'],
  retriesScheduled: ['steps_retries_total', 'Failures that a retry follows'],
  stepsResent: ['steps_resent_total', 'Steps whose message was lost and sent again'],
  resultsRejected: ['steps_results_rejected_total', 'Result messages that were set aside'],
  staleTasks: ['staleness_tasks_total', 'Stuck tasks that were found'],
  deadLetters: ['dlq_entries_total', 'Tasks that became dead letters'],
  redrives: ['dlq_redrives_total', 'Dead letters whose task went on'],
  tasksRemoved: ['retention_tasks_removed_total', 'Finished tasks that left the tables'],
  archivedMessagesRemoved: ['retention_messages_removed_total', 'Messages deleted from archives of queues'],
  orphanedMessages: ['orphaned_messages_total', 'Messages set aside because their step or task is gone'],
}

const sweeps = {
  recoverySweeps: 'recovery',
  stalenessSweeps: 'staleness',
  retentionSweeps: 'retention',
  orphanSweeps: 'orphans',
} as const

/** Read anew for each request of the metrics. */
export function orchestrationCounters(registry: Registry, source: OrchestrationCountSource): void {
  for (const [count, [name, help]] of Object.entries(counters)) {
    const registers = [registry]
    new Counter({
      ...{ name: `tasker_${name}`, help, registers },
      collect() {
        this.reset()
        this.inc(source.counts()[count as OrchestrationCount])
      },
    })
  }
  new Counter({
    name: 'tasker_orchestration_sweeps_total',
    help: 'Searches by this orchestrator for what was lost, is stuck, or is old',
    labelNames: ['sweep'],
    registers: [registry],
    collect() {
      this.reset()
      const counts = source.counts()
      for (const [count, sweep] of Object.entries(sweeps)) this.inc({ sweep }, counts[count as keyof typeof sweeps])
    },
  })
}
