// What a claim answers of each step that it claimed, with what the documents are made of that handlers get of it.

import type { ClaimToken } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import { deathsUntilAlone } from '../../model/step-request.ts'
import { hasParents, smallAncestorResults } from './ancestor-results.ts'
import { type StepColumns, selected, stepColumns, type TaskColumns, taskColumns } from './step-documents.ts'
import { recoveriesOf } from './step-event.ts'

/** A step that can run here. Where no step was claimed in the row, `step_uuid` is null, and nothing else counts. */
export interface RunnableRow extends TaskColumns, Omit<StepColumns, 'step_uuid'> {
  readonly step_uuid: StepColumns['step_uuid'] | null
  readonly token: ClaimToken
  readonly template_version: string
  /** False: the documents are large, and null here. */
  readonly small: boolean
  /** null: they are large. */
  readonly dependency_results: JsonText | null
}

/** Of one step, its task and its ancestors' results, as they are stored. */
const documentBytesMax = 65_536
const ancestorsMax = 250

const documents = ['k.context', 'k.tags', 's.inputs', 's.results', 's.checkpoint']
const ownBytes = documents.map((document) => `coalesce(pg_column_size(${document}), 0)`).join(' + ')

/** Each of them has spent an attempt, so few steps are asked. */
const recoveries = `
       CASE WHEN s.attempts >= ${deathsUntilAlone} THEN (SELECT count(*)::int FROM (${recoveriesOf('c.step_uuid')}) AS p) ELSE 0 END AS recoveries`

/**
 * Of a row `c` of `chosen` with the rows `s`, `k` and `nt` of its step, task and template. They are read again from their places, as the
 * statement's snapshot has them, so they show the values from before the claim. The documents come with the claim, unless they are large: a
 * round trip less for most, and the answer of a claim stays small.
 *
 * The ancestors' results come too, where the statement has that part. The snapshot has them, old as it is: a step is enqueued once its ancestors
 * are done, and the snapshot has the step enqueued, or the last of them completed in the same transaction.
 */
export function claimedColumns(parts: { readonly ancestors: boolean }): string {
  return selected(columns(parts))
}

const given = {
  attempts: 'coalesce(s.attempts, 0)',
  last_attempted_at: 's.last_attempted_at',
  step_name: 'c.step_name',
  template_step: 'c.template_step',
}

function columns({ ancestors }: { readonly ancestors: boolean }): Readonly<Record<keyof RunnableRow, string>> {
  const limits = { ancestorsMax, bytesMax: `${documentBytesMax} - (${ownBytes})` }
  return {
    ...taskColumns('d'),
    ...stepColumns(given, 'd'),
    token: 'c.token',
    template_version: 'nt.xmin::text',
    small: 'd.small IS NOT NULL',
    dependency_results: `CASE WHEN NOT ${hasParents('c.step_uuid')} THEN '{}'${ancestors ? ` ELSE ${smallAncestorResults('c.step_uuid', limits)}` : ''} END`,
  }
}

/** The same of steps of which nothing is known in advance. */
export const allClaimedColumns = `${claimedColumns({ ancestors: true })}, c.runnable,${recoveries}`

/** The rows beside `chosen c` that the columns are read from. `d` has the documents and is missing where they are large: so their size is asked for once. */
export const claimedRows = `
  LEFT JOIN tasker.workflow_steps s ON s.ctid = c.step_row
  LEFT JOIN tasker.tasks k ON k.ctid = c.task_row
  LEFT JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  LEFT JOIN LATERAL (SELECT true AS small, ${documents.join(', ')}) AS d ON ${ownBytes} <= ${documentBytesMax}`

const indexOf = Object.fromEntries(
  Object.keys(columns({ ancestors: true })).map((name, index) => [name, index]),
) as Readonly<Record<keyof RunnableRow, number>>

/** How many cells of an answer are `claimedColumns`. */
export const claimedColumnCount = Object.keys(indexOf).length

/**
 * A row of `claimedColumns` that came as an array. pg's own rows of so many columns are hash tables: V8 gives a shape only to objects that are
 * written out.
 */
export function claimedRow(cells: readonly unknown[]): RunnableRow {
  const cell = <Name extends keyof RunnableRow>(name: Name): RunnableRow[Name] =>
    cells[indexOf[name]] as RunnableRow[Name]
  return {
    task_uuid: cell('task_uuid'),
    named_task_uuid: cell('named_task_uuid'),
    complete: cell('complete'),
    requested_at: cell('requested_at'),
    initiator: cell('initiator'),
    source_system: cell('source_system'),
    reason: cell('reason'),
    tags: cell('tags'),
    context: cell('context'),
    identity_hash: cell('identity_hash'),
    task_created_at: cell('task_created_at'),
    task_updated_at: cell('task_updated_at'),
    priority: cell('priority'),
    correlation_id: cell('correlation_id'),
    parent_correlation_id: cell('parent_correlation_id'),
    step_uuid: cell('step_uuid'),
    named_step_uuid: cell('named_step_uuid'),
    retryable: cell('retryable'),
    max_attempts: cell('max_attempts'),
    processed: cell('processed'),
    processed_at: cell('processed_at'),
    backoff_request_seconds: cell('backoff_request_seconds'),
    inputs: cell('inputs'),
    results: cell('results'),
    step_created_at: cell('step_created_at'),
    step_updated_at: cell('step_updated_at'),
    checkpoint: cell('checkpoint'),
    attempts: cell('attempts'),
    last_attempted_at: cell('last_attempted_at'),
    step_name: cell('step_name'),
    template_step: cell('template_step'),
    token: cell('token'),
    template_version: cell('template_version'),
    small: cell('small'),
    dependency_results: cell('dependency_results'),
  }
}
