// What the APIs read, on PostgreSQL: every operation of the interface as the statement that does it.

import type { OrchestrationReads } from '../../../model/orchestration-reads.ts'
import type { Queryable } from '../../statement.ts'
import { changeDlqEntry, dlqEntries, dlqEntryOf, dlqStats, investigationQueue, staleness } from './dead-letters.ts'
import { listTasks } from './list-tasks.ts'
import { bottlenecks, performance } from './read-analytics.ts'
import { stepAudit, taskBackground, templateDetail, templateList } from './read-documents.ts'
import { stepView } from './task-views.ts'

/** `queues`: the database that holds them. */
export function orchestrationReads(database: Queryable, queues: Queryable = database): OrchestrationReads {
  return {
    tasks: (filter, page) => listTasks(database, filter, page),
    step: (stepId) => stepView(database, stepId),
    taskBackground: (taskId) => taskBackground(database, taskId),
    stepAudit: (stepId) => stepAudit(database, stepId),
    templates: (namespace) => templateList(database, namespace),
    template: (key) => templateDetail(database, key),
    performance: (hours) => performance(database, hours),
    bottlenecks: (options) => bottlenecks(database, options),
    dlqEntries: (options) => dlqEntries(database, options),
    dlqEntryOf: (taskId) => dlqEntryOf(database, taskId),
    changeDlqEntry: (entryId, change) => changeDlqEntry(database, entryId, change),
    dlqStats: () => dlqStats(database),
    investigationQueue: (limit) => investigationQueue(database, limit),
    staleness: (options) => staleness(database, options),
    queueDepth: (max) => queueDepth(queues, max),
  }
}

/** Of the queues of orchestration that exist; looks at no more than `max` rows of each. */
async function queueDepth(queues: Queryable, max: number): Promise<number> {
  const existing = await queues.query<{ name: string }>({
    name: 'orchestration-queues',
    text: `SELECT queue_name AS name FROM pgmq.meta WHERE queue_name = ANY ($1::text[])`,
    values: [['orchestration_step_results', 'orchestration_task_requests', 'orchestration_task_finalizations']],
  })
  const depths = await Promise.all(
    existing.map(async ({ name }) => {
      const text = `SELECT count(*)::int AS depth FROM (SELECT FROM pgmq.q_${name} LIMIT $1::int) q`
      const [row] = await queues.query<{ depth: number }>({ text, values: [max] })
      return row?.depth ?? 0
    }),
  )
  return Math.max(0, ...depths)
}
