// Gives all that handlers need for a batch of claimed steps, as JSON text made by PostgreSQL: from the claim's answer, else in one round trip.

import type { StepId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { ClaimedStep, StepDocuments, StepRequest } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'
import type { StepDefinitions } from '../step-definitions.ts'
import { stepDocument, taskDocument } from './step-documents.ts'

interface HydratedRow {
  step_uuid: StepId
  template_version: string
  step_name: string
  task: JsonText
  workflow_step: JsonText
  dependency_results: JsonText | null
}

type Hydrated = StepDocuments & { readonly dependencyResults: JsonText }

const noDependencies = '{}' as JsonText

/** Steps whose template lost them, or whose definition names no callable, are missing from the answer. */
export async function hydrateSteps(
  database: Queryable,
  steps: readonly ClaimedStep[],
  definitions: StepDefinitions,
): Promise<ReadonlyMap<StepId, StepRequest>> {
  const loaded = await loadDocuments(
    database,
    steps.filter(({ documents }) => !documents),
  )
  const hydrated = steps.flatMap((step) => {
    const documents =
      loaded.get(step.stepId) ?? (step.documents && { ...step.documents, dependencyResults: noDependencies })
    return documents ? [{ step, documents }] : []
  })
  await definitions.prepare(
    hydrated.map(({ step, documents }) => ({ id: step.namedTaskId, version: documents.templateVersion })),
  )
  const requests = new Map<StepId, StepRequest>()
  for (const { step, documents } of hydrated) {
    const request = requestOf(step, documents, definitions)
    if (request !== null) requests.set(step.stepId, request)
  }
  return requests
}

function requestOf(step: ClaimedStep, documents: Hydrated, definitions: StepDefinitions): StepRequest | null {
  const template = definitions.template(step.namedTaskId)
  const definition = template?.steps.get(step.templateStep)
  if (template === null || definition === undefined) return null
  return {
    stepId: step.stepId,
    taskId: step.taskId,
    correlationId: step.correlationId,
    stepName: documents.stepName,
    handler: definition.handler,
    attempts: step.attempts,
    timeoutMs: definition.timeoutMs,
    // Both parts are whole JSON documents of this host's own making: PostgreSQL wrote the one, JSON.stringify the other.
    task: `{"task":${documents.task},${template.names}` as JsonText,
    workflowStep: documents.workflowStep,
    dependencyResults: documents.dependencyResults,
    stepDefinition: definition.body,
  }
}

async function loadDocuments(
  database: Queryable,
  steps: readonly ClaimedStep[],
): Promise<ReadonlyMap<StepId, Hydrated>> {
  if (steps.length === 0) return new Map()
  const rows = await database.query<HydratedRow>({
    name: 'hydrate-steps',
    text: hydrateText,
    values: [steps.map((step) => step.stepId), steps.map((step) => step.templateStep)],
  })
  return new Map(
    rows.map((row) => {
      const { template_version: templateVersion, step_name: stepName, task, workflow_step: workflowStep } = row
      const dependencyResults = row.dependency_results ?? noDependencies
      return [row.step_uuid, { templateVersion, stepName, task, workflowStep, dependencyResults }]
    }),
  )
}

/**
 * The limit limits nothing. It has the planner expect few parents: it makes room for all ancestors that it expects, for each step anew, and one step
 * with ten thousand parents in the table makes it expect many of every step.
 */
const parentsOf = (step: string) =>
  `(SELECT e.from_step_uuid FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = ${step} LIMIT (SELECT 2147483647))`

/**
 * All ancestors that are done are in `dependency_results`, not only the parents; a step without parents costs one look. Not by
 * `get_step_transitive_dependencies`: for its distances that counts the steps of the task, for each step anew.
 */
const hydrateText = `
SELECT s.workflow_step_uuid AS step_uuid, nt.xmin::text AS template_version, n.name AS step_name,
       ${taskDocument} AS task,
       ${stepDocument({
         ...{ name: 'n.name', templateStep: 'given.template_step', attempts: 'nullif(coalesce(s.attempts, 1) - 1, 0)' },
         lastAttemptedAt: 'CASE WHEN s.attempts > 1 THEN s.last_attempted_at END',
       })} AS workflow_step,
       CASE WHEN EXISTS (SELECT FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = s.workflow_step_uuid) THEN
         (WITH RECURSIVE ancestors (step_uuid) AS (
            SELECT p.from_step_uuid FROM ${parentsOf('s.workflow_step_uuid')} p
             UNION
            SELECT p.from_step_uuid FROM ancestors a CROSS JOIN LATERAL ${parentsOf('a.step_uuid')} p
          )
          SELECT jsonb_object_agg(pn.name, p.results)
            FROM ancestors a
            JOIN tasker.workflow_steps p ON p.workflow_step_uuid = a.step_uuid
            JOIN tasker.named_steps pn ON pn.named_step_uuid = p.named_step_uuid
           WHERE p.processed AND p.results IS NOT NULL AND a.step_uuid <> s.workflow_step_uuid) END AS dependency_results
  FROM unnest($1::uuid[], $2::text[]) AS given(step_uuid, template_step)
  JOIN tasker.workflow_steps s ON s.workflow_step_uuid = given.step_uuid
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid`
