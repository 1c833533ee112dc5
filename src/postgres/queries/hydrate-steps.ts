// Gives all that handlers need for a batch of claimed steps, as JSON text made by PostgreSQL: from the claim's answer, else in one round trip.

import type { StepId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { ClaimedStep, StepDocuments, StepRequest } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'
import type { StepDefinitions } from '../step-definitions.ts'
import { ancestorResults, hasParents } from './ancestor-results.ts'
import {
  type StepColumns,
  selected,
  stepColumns,
  stepDocument,
  type TaskColumns,
  taskColumns,
  taskDocument,
} from './step-documents.ts'

interface HydratedRow extends TaskColumns, StepColumns {
  readonly template_version: string
  readonly dependency_results: JsonText | null
}

const noDependencies = '{}' as JsonText

/**
 * Steps whose template lost them, or whose definition names no callable, are missing from the answer. The documents that came with a claim are
 * taken from their steps (`documents` is null afterwards), which are held for longer than those are needed.
 */
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
    const documents = loaded.get(step.stepId) ?? step.documents
    return documents ? [{ step, documents }] : []
  })
  await definitions.prepare(
    hydrated.map(({ step, documents }) => ({ id: step.namedTaskId, version: documents.templateVersion })),
  )
  const requests = new Map<StepId, StepRequest>()
  for (const { step, documents } of hydrated) {
    const request = requestOf(step, documents, definitions)
    if (request !== null) requests.set(step.stepId, request)
    step.documents = null
  }
  return requests
}

function requestOf(step: ClaimedStep, documents: StepDocuments, definitions: StepDefinitions): StepRequest | null {
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
): Promise<ReadonlyMap<StepId, StepDocuments>> {
  if (steps.length === 0) return new Map()
  const rows = await database.query<HydratedRow>({
    name: 'hydrate-steps',
    text: hydrateText,
    values: [steps.map((step) => step.stepId), steps.map((step) => step.templateStep)],
  })
  return new Map(
    rows.map((row) => {
      const { step_uuid: stepId, template_version: templateVersion, step_name: stepName } = row
      const dependencyResults = row.dependency_results ?? noDependencies
      const documents = { task: taskDocument(row), workflowStep: stepDocument(stepId, row), dependencyResults }
      return [stepId, { templateVersion, stepName, ...documents }]
    }),
  )
}

const documentColumns = {
  ...taskColumns(),
  ...stepColumns({
    attempts: 'coalesce(s.attempts, 1) - 1',
    last_attempted_at: 'CASE WHEN s.attempts > 1 THEN s.last_attempted_at END',
    step_name: 'n.name',
    template_step: 'given.template_step',
  }),
}

const hydrateText = `
SELECT nt.xmin::text AS template_version, ${selected(documentColumns)},
       CASE WHEN ${hasParents('s.workflow_step_uuid')} THEN ${ancestorResults('s.workflow_step_uuid')} END AS dependency_results
  FROM unnest($1::uuid[], $2::text[]) AS given(step_uuid, template_step)
  JOIN tasker.workflow_steps s ON s.workflow_step_uuid = given.step_uuid
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  JOIN tasker.tasks k ON k.task_uuid = s.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = k.named_task_uuid`
