// What the APIs read, on PostgreSQL: every operation of the interface as the statement that does it.

import type { OrchestrationReads } from '../../../model/orchestration-reads.ts'
import { resultQueue } from '../../../model/step-message.ts'
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

/**
 * Looks at no more than `max` rows. Not of the queues of task requests and finalizations: nobody here reads them, so what lies there is no
 * work that new tasks would add to.
 */
async function queueDepth(queues: Queryable, max: number): Promise<number> {
  const [queue] = await queues.query({
    name: 'result-queue',
    text: 'SELECT FROM pgmq.meta WHERE queue_name = $1::text',
    values: [resultQueue],
  })
  if (queue === undefined) return 0
  const text = `SELECT count(*)::int AS depth FROM (SELECT FROM pgmq.q_${resultQueue} LIMIT $1::int) q`
  const [row] = await queues.query<{ depth: number }>({ text, values: [max] })
  return row?.depth ?? 0
}
