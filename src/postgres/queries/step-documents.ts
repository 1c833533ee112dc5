// The documents that a handler gets of its task and step: what is read for them, and the JSON that is written of it. Source: wire-protocol §4.3.

import type { CorrelationId, NamedTaskId, StepId, TaskId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'

/** Times and JSON documents are PostgreSQL's own text. */
export interface TaskColumns {
  readonly task_uuid: TaskId
  readonly named_task_uuid: NamedTaskId
  readonly complete: boolean
  readonly requested_at: string
  readonly initiator: string | null
  readonly source_system: string | null
  readonly reason: string | null
  readonly tags: JsonText | null
  readonly context: JsonText | null
  readonly identity_hash: string
  readonly task_created_at: string
  readonly task_updated_at: string
  readonly priority: number
  readonly correlation_id: CorrelationId
  readonly parent_correlation_id: CorrelationId | null
}

/** As they were before the claim. */
export interface StepColumns {
  readonly step_uuid: StepId
  readonly task_uuid: TaskId
  readonly named_step_uuid: string
  readonly retryable: boolean
  readonly max_attempts: number | null
  readonly processed: boolean
  readonly processed_at: string | null
  readonly attempts: number
  readonly last_attempted_at: string | null
  readonly backoff_request_seconds: number | null
  readonly inputs: JsonText | null
  readonly results: JsonText | null
  readonly step_created_at: string
  readonly step_updated_at: string
  readonly checkpoint: JsonText | null
  readonly step_name: string
  readonly template_step: string
}

/** SQL for `TaskColumns` of a row `k` of tasks; `documents` is the row that has its JSON documents, which may be large. */
export const taskColumns = (documents = 'k'): Readonly<Record<keyof TaskColumns, string>> => ({
  task_uuid: 'k.task_uuid',
  named_task_uuid: 'k.named_task_uuid',
  complete: 'k.complete',
  requested_at: 'k.requested_at',
  initiator: 'k.initiator',
  source_system: 'k.source_system',
  reason: 'k.reason',
  tags: `${documents}.tags`,
  context: `${documents}.context`,
  identity_hash: 'k.identity_hash',
  task_created_at: 'k.created_at',
  task_updated_at: 'k.updated_at',
  priority: 'k.priority',
  correlation_id: 'k.correlation_id',
  parent_correlation_id: 'k.parent_correlation_id',
})

type Given = 'attempts' | 'last_attempted_at' | 'step_name' | 'template_step'

/** The same for `StepColumns` of a row `s` of workflow_steps; `given`: what does not stand in it as it was before the claim. */
export const stepColumns = (
  given: Readonly<Record<Given, string>>,
  documents = 's',
): Readonly<Record<keyof StepColumns, string>> => ({
  step_uuid: 's.workflow_step_uuid',
  task_uuid: 's.task_uuid',
  named_step_uuid: 's.named_step_uuid',
  retryable: 's.retryable',
  max_attempts: 's.max_attempts',
  processed: 's.processed',
  processed_at: 's.processed_at',
  backoff_request_seconds: 's.backoff_request_seconds',
  inputs: `${documents}.inputs`,
  results: `${documents}.results`,
  step_created_at: 's.created_at',
  step_updated_at: 's.updated_at',
  checkpoint: `${documents}.checkpoint`,
  ...given,
})

/** SQL that selects columns under their names. */
export function selected(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([name, sql]) => `${sql} AS ${name}`)
    .join(', ')
}

/**
 * `task.task`. Written here, because PostgreSQL takes twice as long to put thirty values together as to send them. By `join`: V8 would keep a
 * sum of texts as a tree of its parts, and every collection would walk through the trees of all steps that wait.
 */
export function taskDocument(row: TaskColumns): JsonText {
  const entries = [
    `{"task_uuid":"${row.task_uuid}"`,
    `"named_task_uuid":"${row.named_task_uuid}"`,
    `"complete":${row.complete}`,
    `"requested_at":${time(row.requested_at)}`,
    `"initiator":${quoted(row.initiator)}`,
    `"source_system":${quoted(row.source_system)}`,
    `"reason":${quoted(row.reason)}`,
    `"tags":${row.tags}`,
    `"context":${row.context}`,
    `"identity_hash":${quoted(row.identity_hash)}`,
    `"created_at":${time(row.task_created_at)}`,
    `"updated_at":${time(row.task_updated_at)}`,
    `"priority":${row.priority}`,
    `"correlation_id":"${row.correlation_id}"`,
    `"parent_correlation_id":${quoted(row.parent_correlation_id)}}`,
  ]
  return entries.join(',') as string as JsonText
}

/** `workflow_step`: not in process, and attempts that are none are null. */
export function stepDocument(stepId: StepId, row: Omit<StepColumns, 'step_uuid'>): JsonText {
  const entries = [
    `{"workflow_step_uuid":"${stepId}"`,
    `"task_uuid":"${row.task_uuid}"`,
    `"named_step_uuid":"${row.named_step_uuid}"`,
    `"retryable":${row.retryable}`,
    `"max_attempts":${row.max_attempts}`,
    '"in_process":false',
    `"processed":${row.processed}`,
    `"processed_at":${time(row.processed_at)}`,
    `"attempts":${row.attempts || null}`,
    `"last_attempted_at":${time(row.last_attempted_at)}`,
    `"backoff_request_seconds":${row.backoff_request_seconds}`,
    `"inputs":${row.inputs}`,
    `"results":${row.results}`,
    `"created_at":${time(row.step_created_at)}`,
    `"updated_at":${time(row.step_updated_at)}`,
    `"checkpoint":${row.checkpoint}`,
    `"name":${quoted(row.step_name)}`,
    `"template_step_name":${quoted(row.template_step)}}`,
  ]
  return entries.join(',') as string as JsonText
}

function quoted(text: string | null): string {
  return text === null ? 'null' : JSON.stringify(text)
}

/** As PostgreSQL itself writes a time into JSON: with a T where its text has a space. */
function time(text: string | null): string {
  return text === null ? 'null' : `"${text.replace(' ', 'T')}"`
}
