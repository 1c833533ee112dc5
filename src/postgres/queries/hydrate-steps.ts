// Loads all that handlers need for a batch of claimed steps, as JSON text made by PostgreSQL, in one round trip.

import type { CorrelationId, StepId, TaskId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { ClaimedStep, StepRequest } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'

interface HydratedRow {
  step_uuid: StepId
  task_uuid: TaskId
  correlation_id: CorrelationId
  step_name: string
  callable: string | null
  method: string | null
  resolver: string | null
  timeout_seconds: string | null
  task: JsonText
  workflow_step: JsonText
  dependency_results: JsonText
  step_definition: JsonText | null
}

/** Steps whose template lost them, or whose definition names no callable, are missing from the answer. */
export async function hydrateSteps(
  database: Queryable,
  steps: readonly ClaimedStep[],
): Promise<ReadonlyMap<StepId, StepRequest>> {
  const rows = await database.query<HydratedRow>({
    name: 'hydrate-steps',
    text: hydrateText,
    values: [steps.map((step) => step.stepId), steps.map((step) => step.templateStep)],
  })
  const attempts = new Map(steps.map((step) => [step.stepId, step.attempts]))
  const requests = new Map<StepId, StepRequest>()
  for (const row of rows) {
    if (row.callable === null || row.step_definition === null) continue
    requests.set(row.step_uuid, {
      stepId: row.step_uuid,
      taskId: row.task_uuid,
      correlationId: row.correlation_id,
      stepName: row.step_name,
      handler: { callable: row.callable, method: row.method, resolver: row.resolver },
      attempts: attempts.get(row.step_uuid) ?? 0,
      timeoutMs: row.timeout_seconds === null ? null : Number(row.timeout_seconds) * 1000,
      task: row.task,
      workflowStep: row.workflow_step,
      dependencyResults: row.dependency_results,
      stepDefinition: row.step_definition,
    })
  }
  return requests
}

/**
 * Handlers see the values from before the claim (wire-protocol §4.2): attempts without this run, not in process.
 * All ancestors that are done are in `dependency_results`, not only the parents.
 */
const hydrateText = `
SELECT s.workflow_step_uuid AS step_uuid, s.task_uuid, k.correlation_id, n.name AS step_name,
       definition.body #>> '{handler,callable}' AS callable,
       definition.body #>> '{handler,method}' AS method,
       definition.body #>> '{handler,resolver}' AS resolver,
       CASE WHEN pg_input_is_valid(definition.body ->> 'timeout_seconds', 'int4') THEN definition.body ->> 'timeout_seconds' END AS timeout_seconds,
       jsonb_build_object(
         'task', to_jsonb(k) - 'completed_at',
         'task_name', nt.name, 'task_version', nt.version, 'namespace_name', ns.name) AS task,
       (to_jsonb(s) - 'priority') || jsonb_build_object(
         'name', n.name, 'template_step_name', given.template_step,
         'in_process', false,
         'attempts', nullif(coalesce(s.attempts, 1) - 1, 0),
         'last_attempted_at', CASE WHEN s.attempts > 1 THEN s.last_attempted_at END) AS workflow_step,
       coalesce((SELECT jsonb_object_agg(d.step_name, d.results)
                   FROM tasker.get_step_transitive_dependencies(s.workflow_step_uuid) d
                  WHERE d.processed AND d.results IS NOT NULL), '{}'::jsonb) AS dependency_results,
       definition.body AS step_definition
  FROM unnest($1::uuid[], $2::text[]) AS given(step_uuid, template_step)
  JOIN tasker.workflow_steps s ON s.workflow_step_uuid = given.step_uuid
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN LATERAL (
    SELECT step AS body
      FROM jsonb_array_elements(CASE WHEN jsonb_typeof(nt.configuration -> 'steps') = 'array' THEN nt.configuration -> 'steps' ELSE '[]' END) AS step
     WHERE step ->> 'name' = given.template_step
     LIMIT 1) AS definition ON true`
