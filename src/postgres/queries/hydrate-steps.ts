// Loads all that handlers need for a batch of claimed steps, as JSON text made by PostgreSQL, in one round trip.

import type { CorrelationId, NamedTaskId, StepId, TaskId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { ClaimedStep, StepRequest } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'
import type { StepDefinitions } from '../step-definitions.ts'

interface HydratedRow {
  step_uuid: StepId
  task_uuid: TaskId
  correlation_id: CorrelationId
  named_task_uuid: NamedTaskId
  template_version: string
  step_name: string
  task: JsonText
  workflow_step: JsonText
  dependency_results: JsonText | null
}

const noDependencies = '{}' as JsonText

/** Steps whose template lost them, or whose definition names no callable, are missing from the answer. */
export async function hydrateSteps(
  database: Queryable,
  steps: readonly ClaimedStep[],
  definitions: StepDefinitions,
): Promise<ReadonlyMap<StepId, StepRequest>> {
  const rows = await database.query<HydratedRow>({
    name: 'hydrate-steps',
    text: hydrateText,
    values: [steps.map((step) => step.stepId), steps.map((step) => step.templateStep)],
  })
  await definitions.prepare(rows.map((row) => ({ id: row.named_task_uuid, version: row.template_version })))
  const claimed = new Map(steps.map((step) => [step.stepId, step]))
  const requests = new Map<StepId, StepRequest>()
  for (const row of rows) {
    const step = claimed.get(row.step_uuid)
    const definition = step === undefined ? null : definitions.of(row.named_task_uuid, step.templateStep)
    if (step === undefined || definition === null) continue
    requests.set(row.step_uuid, {
      stepId: row.step_uuid,
      taskId: row.task_uuid,
      correlationId: row.correlation_id,
      stepName: row.step_name,
      handler: definition.handler,
      attempts: step.attempts,
      timeoutMs: definition.timeoutMs,
      task: row.task,
      workflowStep: row.workflow_step,
      dependencyResults: row.dependency_results ?? noDependencies,
      stepDefinition: definition.body,
    })
  }
  return requests
}

/**
 * Handlers see the values from before the claim (wire-protocol §4.2): attempts without this run, not in process.
 * All ancestors that are done are in `dependency_results`, not only the parents; a step without parents costs one look.
 */
const hydrateText = `
SELECT s.workflow_step_uuid AS step_uuid, s.task_uuid, k.correlation_id, k.named_task_uuid, nt.xmin::text AS template_version, n.name AS step_name,
       jsonb_build_object(
         'task', to_jsonb(k) - 'completed_at',
         'task_name', nt.name, 'task_version', nt.version, 'namespace_name', ns.name) AS task,
       (to_jsonb(s) - 'priority') || jsonb_build_object(
         'name', n.name, 'template_step_name', given.template_step,
         'in_process', false,
         'attempts', nullif(coalesce(s.attempts, 1) - 1, 0),
         'last_attempted_at', CASE WHEN s.attempts > 1 THEN s.last_attempted_at END) AS workflow_step,
       CASE WHEN EXISTS (SELECT FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = s.workflow_step_uuid) THEN
         (SELECT jsonb_object_agg(d.step_name, d.results)
            FROM tasker.get_step_transitive_dependencies(s.workflow_step_uuid) d
           WHERE d.processed AND d.results IS NOT NULL) END AS dependency_results
  FROM unnest($1::uuid[], $2::text[]) AS given(step_uuid, template_step)
  JOIN tasker.workflow_steps s ON s.workflow_step_uuid = given.step_uuid
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid`
