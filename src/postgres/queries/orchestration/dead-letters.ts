// The dead letter table: reads for people who investigate, and what they note down. Source: orchestration-semantics §6.9.

import type { JsonText } from '../../../model/json-text.ts'
import type { DlqChange, DlqChangeAnswer, DlqResolution, StalenessLimits } from '../../../model/orchestration-reads.ts'
import { sqlStateOf } from '../../database-fault.ts'
import type { Queryable } from '../../statement.ts'
import { arrayOf, pascal, readDocument, requiredDocument } from './read-documents.ts'

const entryColumns = `
  e.dlq_entry_uuid, e.task_uuid, e.original_state, ${pascal('e.dlq_reason')} AS dlq_reason, e.dlq_timestamp,
  ${pascal('e.resolution_status')} AS resolution_status, e.resolution_timestamp, e.resolution_notes, e.resolved_by,
  e.task_snapshot, e.metadata, e.created_at, e.updated_at`

export function dlqEntries(
  database: Queryable,
  { status, limit, offset }: { status: DlqResolution | null; limit: number; offset: number },
): Promise<JsonText> {
  return requiredDocument(database, {
    name: 'dlq-entries',
    text: arrayOf(`
SELECT ${entryColumns} FROM tasker.tasks_dlq e
 WHERE $1::text IS NULL OR e.resolution_status::text = $1
 ORDER BY e.dlq_timestamp DESC, e.dlq_entry_uuid DESC LIMIT $2::int OFFSET $3::int`),
    values: [status, limit, offset],
  })
}

export function dlqEntryOf(database: Queryable, taskId: string): Promise<JsonText | null> {
  return readDocument(database, {
    name: 'dlq-entry-of-task',
    text: `
SELECT row_to_json(d)::text AS document FROM (
  SELECT ${entryColumns} FROM tasker.tasks_dlq e WHERE e.task_uuid = $1::uuid ORDER BY e.created_at DESC, e.dlq_entry_uuid DESC LIMIT 1) d`,
    values: [taskId],
  })
}

/** The time of the resolution is that of the first change away from `pending`. */
export async function changeDlqEntry(
  database: Queryable,
  entryId: string,
  { resolutionStatus, resolutionNotes, resolvedBy, metadata }: DlqChange,
): Promise<DlqChangeAnswer> {
  try {
    const [row] = await database.query<{ valid: boolean; changed: number }>({
      name: 'change-dlq-entry',
      text: changeText,
      values: [entryId, resolutionStatus, resolutionNotes, resolvedBy, metadata],
    })
    if (row?.valid === false) return 'invalid'
    return (row?.changed ?? 0) > 0 ? 'changed' : 'missing'
  } catch (error) {
    if (sqlStateOf(error) === uniqueViolation) return 'pending'
    throw error
  }
}

const uniqueViolation = '23505'

const changeText = `
WITH wanted AS MATERIALIZED (
  SELECT $5::text IS NULL OR pg_input_is_valid($5::text, 'jsonb') AS valid
), changed AS (
  UPDATE tasker.tasks_dlq e
     SET resolution_status = coalesce($2::text::tasker.dlq_resolution_status, e.resolution_status),
         resolution_timestamp = CASE
           WHEN $2::text = 'pending' THEN NULL
           WHEN $2::text IS NOT NULL AND e.resolution_status = 'pending' THEN now() ELSE e.resolution_timestamp END,
         resolution_notes = coalesce($3::text, e.resolution_notes), resolved_by = coalesce($4::text, e.resolved_by),
         metadata = CASE WHEN $5::text IS NULL THEN e.metadata ELSE coalesce(e.metadata, '{}') || $5::text::jsonb END, updated_at = now()
    FROM wanted w WHERE w.valid AND e.dlq_entry_uuid = $1::uuid
  RETURNING 1
)
SELECT w.valid, (SELECT count(*) FROM changed)::int AS changed FROM wanted w`

export function dlqStats(database: Queryable): Promise<JsonText> {
  const resolved = (status: string) => `count(*) FILTER (WHERE e.resolution_status = '${status}')`
  return requiredDocument(database, {
    name: 'dlq-stats',
    text: arrayOf(`
SELECT ${pascal('e.dlq_reason')} AS dlq_reason, count(*) AS total_entries, ${resolved('pending')} AS pending,
       ${resolved('manually_resolved')} AS manually_resolved, ${resolved('permanently_failed')} AS permanent_failures,
       ${resolved('cancelled')} AS cancelled, min(e.dlq_timestamp) AS oldest_entry, max(e.dlq_timestamp) AS newest_entry,
       round(avg(extract(epoch FROM e.resolution_timestamp - e.dlq_timestamp) / 60)::numeric, 2) AS avg_resolution_time_minutes
  FROM tasker.tasks_dlq e GROUP BY e.dlq_reason ORDER BY total_entries DESC, 1`),
  })
}

const minutesSince = (time: string) => `extract(epoch FROM now()::timestamp - ${time}) / 60`

/** The most urgent first; older ones grow more urgent. */
export function investigationQueue(database: Queryable, limit: number): Promise<JsonText> {
  return requiredDocument(database, {
    name: 'investigation-queue',
    text: arrayOf(`
SELECT e.dlq_entry_uuid, e.task_uuid, e.original_state, ${pascal('e.dlq_reason')} AS dlq_reason, e.dlq_timestamp,
       round((${minutesSince('e.dlq_timestamp')})::numeric, 2) AS minutes_in_dlq, ns.name AS namespace_name, nt.name AS task_name,
       coalesce(tt.to_state, 'pending') AS current_state,
       floor(${minutesSince('coalesce(tt.created_at, t.created_at)')})::int AS time_in_state_minutes,
       round((CASE e.dlq_reason WHEN 'dependency_cycle_detected' THEN 1000 WHEN 'max_retries_exceeded' THEN 500 WHEN 'staleness_timeout' THEN 100
               WHEN 'worker_unavailable' THEN 50 ELSE 10 END + ${minutesSince('e.dlq_timestamp')})::numeric, 2) AS priority_score
  FROM tasker.tasks_dlq e
  JOIN tasker.tasks t ON t.task_uuid = e.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN tasker.task_transitions tt ON tt.task_uuid = t.task_uuid AND tt.most_recent
 WHERE e.resolution_status = 'pending'
 ORDER BY priority_score DESC, e.dlq_entry_uuid LIMIT $1::int`),
    values: [limit],
  })
}

/** Unfinished tasks in the states that have a limit, nearest to it first. */
export function staleness(
  database: Queryable,
  { limit, limits }: { limit: number; limits: StalenessLimits },
): Promise<JsonText> {
  return requiredDocument(database, {
    name: 'staleness',
    text: arrayOf(`
SELECT t.task_uuid, ns.name AS namespace_name, nt.name AS task_name, tt.to_state AS current_state, m.in_state AS time_in_state_minutes,
       floor(${minutesSince('t.created_at')})::int AS task_age_minutes, m.threshold AS staleness_threshold_minutes,
       CASE WHEN m.in_state >= m.threshold THEN 'stale' WHEN m.in_state >= 0.8 * m.threshold THEN 'warning' ELSE 'healthy' END AS health_status,
       t.priority
  FROM tasker.task_transitions tt
  JOIN tasker.tasks t ON t.task_uuid = tt.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  CROSS JOIN LATERAL (
    SELECT floor(${minutesSince('tt.created_at')})::int AS in_state,
           tasker.calculate_staleness_threshold(tt.to_state, nt.configuration -> 'lifecycle', $2::int, $3::int, $4::int) AS threshold) m
 WHERE tt.most_recent AND tt.to_state IN ('waiting_for_dependencies', 'waiting_for_retry', 'steps_in_process') AND NOT t.complete
 ORDER BY m.in_state::numeric / greatest(m.threshold, 1) DESC, t.task_uuid LIMIT $1::int`),
    values: [limit, limits.waitingForDependenciesMinutes, limits.waitingForRetryMinutes, limits.stepsInProcessMinutes],
  })
}
