// The filters and pages of GET /v1/tasks. Source: orchestration-semantics §6.3.

import type { OrchestrationReads, TaskFilter } from '../../model/orchestration-reads.ts'
import { type TaskState, taskStates } from '../../model/task-state.ts'
import { integer, optionalText, readQuery } from './query-string.ts'
import { Refusal } from './refusal.ts'

const pageMax = 1_000_000

/** Our own beyond `completed` and `pending`: every state, and what a task is doing. */
const computedStatuses = ['has_ready_steps', 'processing'] as const
const knownStatuses = ['completed', 'all_complete', ...taskStates, ...computedStatuses]

type StatusFilter = Pick<TaskFilter, 'complete' | 'state' | 'executionStatus'>
const anyStatus: StatusFilter = { complete: null, state: null, executionStatus: null }

export function readTaskListQuery(query: unknown) {
  const read = readQuery(query, {
    page: integer(1, pageMax, 1),
    per_page: integer(1, 100, 25),
    namespace: optionalText,
    status: optionalText,
    initiator: optionalText,
    source_system: optionalText,
  })
  const { page, per_page: perPage, namespace, initiator, source_system: sourceSystem } = read
  return { page, perPage, filter: { namespace, initiator, sourceSystem, ...statusFilter(read.status) } }
}

export function pagination(page: number, perPage: number, totalCount: number): Readonly<Record<string, unknown>> {
  const totalPages = Math.ceil(totalCount / perPage)
  return {
    page,
    per_page: perPage,
    total_count: totalCount,
    total_pages: totalPages,
    has_next: page < totalPages,
    has_previous: page > 1,
  }
}

export type TaskLister = Pick<OrchestrationReads, 'tasks'>

/** `pending` is Tasker's word for all that is not complete, not the state of that name. */
function statusFilter(status: string | null): StatusFilter {
  if (status === null) return anyStatus
  if (status === 'completed') return { ...anyStatus, complete: true }
  if (status === 'pending') return { ...anyStatus, complete: false }
  if (status === 'all_complete') return { ...anyStatus, state: 'complete' }
  const computed = computedStatuses.find((known) => known === status)
  if (computed !== undefined) return { ...anyStatus, executionStatus: computed }
  const state = taskStates.find((known): known is TaskState => known === status)
  if (state !== undefined) return { ...anyStatus, state }
  throw new Refusal(400, 'BAD_REQUEST', `status must be one of ${knownStatuses.join(', ')}`)
}
