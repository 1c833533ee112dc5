// What an orchestrator has done since it was made, as numbers that only rise. Each counts what was committed, and only its own work.

export const orchestrationCounts = [
  'tasksRequested',
  'tasksCreated',
  'tasksCompleted',
  'tasksFailed',
  'tasksCancelled',
  'stepsEnqueued',
  'stepsCompleted',
  'stepsFailed',
  'resultsProcessed',
  'resultsRejected',
  'retriesScheduled',
  'stepsResent',
  'staleTasks',
  'deadLetters',
  'redrives',
  'tasksRemoved',
  'archivedMessagesRemoved',
  'orphanedMessages',
  'recoverySweeps',
  'stalenessSweeps',
  'retentionSweeps',
  'orphanSweeps',
] as const
export type OrchestrationCount = (typeof orchestrationCounts)[number]

export interface OrchestrationCountSource {
  counts(): Readonly<Record<OrchestrationCount, number>>
}
