// Figures about tasks and steps. Source of the formulas: orchestration-semantics §6.8.

import type { JsonText } from '../../../model/json-text.ts'
import type { Queryable } from '../../statement.ts'
import { requiredDocument } from './read-documents.ts'

/** Times are those of the database, with zone. */
export function performance(database: Queryable, hours: number): Promise<JsonText> {
  return requiredDocument(database, { name: 'performance', text: performanceText, values: [hours] })
}

const seconds = (interval: string) => `coalesce(round(avg(extract(epoch FROM ${interval}))::numeric, 3), 0)`
const share = (count: string, total: string) =>
  `CASE WHEN ${total} = 0 THEN 0 ELSE round(100.0 * ${count} / ${total}, 2) END`
const zoned = (time: string) => `to_char(${time}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

const performanceText = `
WITH period AS (
  SELECT now()::timestamp - make_interval(hours => $1::int) AS started_at
), recent AS MATERIALIZED (
  SELECT t.task_uuid, t.created_at FROM tasker.tasks t, period p WHERE t.created_at >= p.started_at
), steps AS MATERIALIZED (
  SELECT r.task_uuid, r.created_at AS task_created_at, s.created_at, w.to_state AS state, w.created_at AS changed_at
    FROM recent r
    JOIN tasker.workflow_steps s ON s.task_uuid = r.task_uuid
    JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
), counted AS (
  SELECT (SELECT count(*) FROM recent) AS tasks,
         count(DISTINCT task_uuid) FILTER (WHERE state = 'complete') AS completed,
         count(DISTINCT task_uuid) FILTER (WHERE state = 'error') AS failed,
         count(*) FILTER (WHERE state = 'complete') AS steps
    FROM steps
), timed AS (
  SELECT ${seconds('changed_at - task_created_at')} AS task_seconds, ${seconds('changed_at - created_at')} AS step_seconds
    FROM steps WHERE state = 'complete'
), last_hour AS (
  SELECT count(*) FILTER (WHERE state = 'complete') AS completed, count(*) FILTER (WHERE state = 'error') AS failed
    FROM steps WHERE changed_at >= now()::timestamp - interval '1 hour'
)
SELECT json_build_object(
  'total_tasks', (SELECT count(*) FROM tasker.tasks),
  'active_tasks', (SELECT count(DISTINCT s.task_uuid) FROM tasker.workflow_steps s
                     LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
                    WHERE coalesce(w.to_state, 'pending') NOT IN ('complete', 'error', 'resolved_manually')),
  'completed_tasks', c.completed, 'failed_tasks', c.failed,
  'completion_rate', ${share('c.completed', 'c.tasks')}, 'error_rate', ${share('c.failed', 'c.tasks')},
  'average_task_duration_seconds', d.task_seconds, 'average_step_duration_seconds', d.step_seconds,
  'tasks_per_hour', c.tasks, 'steps_per_hour', c.steps,
  'system_health_score', CASE WHEN h.completed + h.failed = 0 THEN 1.0 ELSE round(h.completed::numeric / (h.completed + h.failed), 4) END,
  'analysis_period_start', ${zoned('p.started_at')}, 'calculated_at', ${zoned('now()::timestamp')})::text AS document
  FROM counted c, timed d, last_hour h, period p`

export function bottlenecks(
  database: Queryable,
  { limit, executionsMin }: { limit: number; executionsMin: number },
): Promise<JsonText> {
  return requiredDocument(database, { name: 'bottlenecks', text: bottlenecksText, values: [limit, executionsMin] })
}

/** Durations run from the claim to the end of a step, and from the creation to the end of a task. */
const figures = (of: string) => `
       round(avg(extract(epoch FROM ${of}))::numeric, 3) AS average_duration_seconds,
       round(max(extract(epoch FROM ${of}))::numeric, 3) AS max_duration_seconds,
       count(*) AS execution_count, count(*) FILTER (WHERE failed) AS error_count,
       round(count(*) FILTER (WHERE failed) / count(*)::numeric, 4) AS error_rate`

const taskStateCounts = `
  SELECT json_object_agg(state || '_tasks', number) FROM (
    SELECT to_state AS state, count(*) AS number FROM tasker.task_transitions WHERE most_recent GROUP BY 1 ORDER BY 1) x`

const stepStateCounts = `
  SELECT json_object_agg(state || '_steps', number) FROM (
    SELECT coalesce(w.to_state, 'pending') AS state, count(*) AS number
      FROM tasker.workflow_steps s
      LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent GROUP BY 1 ORDER BY 1) x`

const bottlenecksText = `
WITH executed AS MATERIALIZED (
  SELECT ns.name AS namespace_name, nt.name AS task_name, nt.version, n.name AS step_name, t.task_uuid, t.created_at AS task_created_at,
         w.to_state = 'error' AS failed, w.created_at AS ended_at, coalesce(s.last_attempted_at, s.created_at) AS attempted_at
    FROM tasker.workflow_step_transitions w
    JOIN tasker.workflow_steps s ON s.workflow_step_uuid = w.workflow_step_uuid
    JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
    JOIN tasker.tasks t ON t.task_uuid = s.task_uuid
    JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
    JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
   WHERE w.most_recent AND w.to_state IN ('complete', 'error')
), slow_steps AS (
  SELECT namespace_name, task_name, version, step_name, ${figures('ended_at - attempted_at')},
         ${zoned('max(attempted_at)')} AS last_executed_at
    FROM executed GROUP BY 1, 2, 3, 4 HAVING count(*) >= $2::int ORDER BY 5 DESC, 1, 2, 3, 4 LIMIT $1::int
), ended AS (
  SELECT namespace_name, task_name, version, task_uuid, max(ended_at) - min(task_created_at) AS took, count(*) AS steps,
         bool_or(failed) AS failed, max(attempted_at) AS attempted_at
    FROM executed GROUP BY 1, 2, 3, 4
), slow_tasks AS (
  SELECT namespace_name, task_name, version, ${figures('took')}, round(avg(steps), 2) AS average_step_count,
         ${zoned('max(attempted_at)')} AS last_executed_at
    FROM ended GROUP BY 1, 2, 3 HAVING count(*) >= $2::int ORDER BY 4 DESC, 1, 2, 3 LIMIT $1::int
)
SELECT json_build_object(
  'slow_steps', (SELECT coalesce(json_agg(row_to_json(s)), '[]') FROM slow_steps s),
  'slow_tasks', (SELECT coalesce(json_agg(row_to_json(s)), '[]') FROM slow_tasks s),
  'task_states', (${taskStateCounts}), 'step_states', (${stepStateCounts}),
  'total_tasks', (SELECT count(*) FROM tasker.tasks), 'total_steps', (SELECT count(*) FROM tasker.workflow_steps))::text AS document`
