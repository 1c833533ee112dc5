// Templates, audit and the background of a task, as the documents that clients read.

import type { JsonText } from '../../../model/json-text.ts'
import type { TaskBackground } from '../../../model/orchestration-reads.ts'
import type { Queryable, Statement } from '../../statement.ts'
import { stepDependencies, stepType } from './load-template.ts'

/** The one column of the one row; null: no row. */
export async function readDocument(database: Queryable, statement: Statement): Promise<JsonText | null> {
  const [row] = await database.query<{ document: JsonText | null }>(statement)
  return row?.document ?? null
}

/** For statements that always give a row. */
export async function requiredDocument(database: Queryable, statement: Statement): Promise<JsonText> {
  return (await readDocument(database, statement)) ?? ('null' as JsonText)
}

/** SQL: the rows of a query as one JSON array in their order. */
export function arrayOf(query: string): string {
  return `SELECT coalesce(json_agg(row_to_json(d)), '[]')::text AS document FROM (${query}) d`
}

/** SQL: a database enum in the PascalCase of Tasker's JSON. */
export function pascal(expression: string): string {
  return `replace(initcap(replace(${expression}::text, '_', ' ')), ' ', '')`
}

/** SQL: the steps of a stored template, which anybody may have written. */
const stepsOf = (configuration: string) =>
  `jsonb_array_elements(CASE jsonb_typeof(${configuration} -> 'steps') WHEN 'array' THEN ${configuration} -> 'steps' ELSE '[]' END)`

export async function taskBackground(database: Queryable, taskId: string): Promise<TaskBackground | null> {
  const [row] = await database.query<{ steps: JsonText; dlq: JsonText }>({
    name: 'task-background',
    text: `
SELECT (SELECT coalesce(json_agg(json_build_object(
          'name', d ->> 'name', 'step_type', coalesce(${stepType}, 'standard'), 'handler', coalesce(d #>> '{handler,callable}', ''),
          'dependencies', coalesce(${stepDependencies}, '[]'), 'retryable', coalesce(d #> '{retry,retryable}', 'true'),
          'max_attempts', coalesce(d #> '{retry,max_attempts}', '3'))), '[]')
          FROM ${stepsOf('nt.configuration')} d)::text AS steps,
       json_build_object('in_dlq', q.dlq_entry_uuid IS NOT NULL AND q.resolution_status = 'pending',
         'dlq_reason', q.dlq_reason, 'resolution_status', q.resolution_status)::text AS dlq
  FROM tasker.tasks t
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  LEFT JOIN LATERAL (SELECT * FROM tasker.tasks_dlq e WHERE e.task_uuid = t.task_uuid ORDER BY e.created_at DESC LIMIT 1) q ON true
 WHERE t.task_uuid = $1::uuid`,
    values: [taskId],
  })
  return row === undefined ? null : { templateSteps: row.steps, dlq: row.dlq }
}

/** An event that is no JSON is left out, as every other field that is not there. */
export function stepAudit(database: Queryable, stepId: string): Promise<JsonText> {
  return requiredDocument(database, {
    name: 'step-audit',
    text: `
SELECT coalesce(json_agg(json_strip_nulls(row_to_json(d))), '[]')::text AS document FROM (
SELECT a.workflow_step_result_audit_uuid AS audit_uuid, a.workflow_step_uuid, a.workflow_step_transition_uuid AS transition_uuid,
       a.task_uuid, to_char(a.recorded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at, a.worker_uuid, a.correlation_id,
       a.success, a.execution_time_ms,
       CASE WHEN pg_input_is_valid(w.metadata ->> 'event', 'jsonb') THEN (w.metadata ->> 'event')::jsonb END AS result,
       n.name AS step_name, w.from_state, w.to_state
  FROM tasker.workflow_step_result_audit a
  JOIN tasker.workflow_step_transitions w ON w.workflow_step_transition_uuid = a.workflow_step_transition_uuid
  JOIN tasker.workflow_steps s ON s.workflow_step_uuid = a.workflow_step_uuid
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
 WHERE a.workflow_step_uuid = $1::uuid
 ORDER BY a.recorded_at DESC, w.sort_key DESC) d`,
    values: [stepId],
  })
}

/** `total_count` counts all of them, also with a namespace. */
export function templateList(database: Queryable, namespace: string | null): Promise<JsonText> {
  return requiredDocument(database, {
    name: 'template-list',
    text: `
SELECT json_build_object(
  'namespaces', (SELECT coalesce(json_agg(json_build_object('name', ns.name, 'description', ns.description, 'template_count',
                   (SELECT count(*) FROM tasker.named_tasks nt WHERE nt.task_namespace_uuid = ns.task_namespace_uuid)) ORDER BY ns.name), '[]')
                   FROM tasker.task_namespaces ns),
  'templates', (SELECT coalesce(json_agg(json_build_object('name', nt.name, 'namespace', ns.name, 'version', nt.version,
                  'description', nt.description, 'step_count', (SELECT count(*) FROM ${stepsOf('nt.configuration')}))
                  ORDER BY ns.name, nt.name, nt.version), '[]')
                  FROM tasker.named_tasks nt JOIN tasker.task_namespaces ns USING (task_namespace_uuid)
                 WHERE $1::text IS NULL OR ns.name = $1),
  'total_count', (SELECT count(*) FROM tasker.named_tasks))::text AS document`,
    values: [namespace],
  })
}

export function templateDetail(
  database: Queryable,
  key: { namespace: string; name: string; version: string },
): Promise<JsonText | null> {
  return readDocument(database, {
    name: 'template-detail',
    text: `
SELECT json_build_object('name', nt.name, 'namespace', ns.name, 'version', nt.version, 'description', nt.description,
         'configuration', NULL, 'steps', (
  SELECT coalesce(json_agg(json_build_object('name', d ->> 'name', 'description', d ->> 'description',
           'default_retryable', coalesce(d #> '{retry,retryable}', 'true'), 'default_max_attempts', coalesce(d #> '{retry,max_attempts}', '3'),
           'result_schema', nullif(d -> 'result_schema', 'null'))), '[]')
    FROM ${stepsOf('nt.configuration')} d))::text AS document
  FROM tasker.named_tasks nt JOIN tasker.task_namespaces ns USING (task_namespace_uuid)
 WHERE ns.name = $1 AND nt.name = $2 AND nt.version = $3`,
    values: [key.namespace, key.name, key.version],
  })
}
