// Loads one registered template in the form that task creation needs.

import type { NamedTaskId } from '../../../model/ids.ts'
import type { JsonText } from '../../../model/json-text.ts'
import type { StoredStep, StoredTemplate, TemplateRevision } from '../../../model/orchestration-store.ts'
import { type InputSchemaCheck, inputSchemaChecks } from '../../../model/task.ts'
import { type IdentityStrategy, type StepType, stepTypes } from '../../../model/template.ts'
import type { Queryable } from '../../statement.ts'

interface TemplateRow {
  readonly named_task_uuid: NamedTaskId
  readonly revision: string
  readonly version: string
  readonly steps: string
  readonly input_schema: string | null
  readonly schema_check: string | null
  readonly identity_strategy: IdentityStrategy
  readonly queue_exists: boolean
}

interface StepRow {
  readonly name: string
  readonly type: string | null
  readonly dependencies: readonly unknown[]
  readonly retryable: boolean
  readonly attempts_max: number
  readonly callable: string | null
  readonly initialization: string | null
  readonly batch: { readonly cursor_field: string | null; readonly failure_strategy: string | null } | null
}

export interface LoadedTemplateRow {
  readonly template: StoredTemplate & TemplateRevision
  readonly queueExists: boolean
}

/** With `version` null the highest one by its numeric parts. null: there is none. */
export async function loadTemplate(
  database: Queryable,
  key: { namespace: string; name: string; version: string | null },
): Promise<LoadedTemplateRow | null> {
  const [row] = await database.query<TemplateRow>({
    name: 'load-template',
    text: templateText,
    values: [key.namespace, key.name, key.version],
  })
  if (row === undefined) return null
  return {
    queueExists: row.queue_exists,
    template: {
      namedTaskId: row.named_task_uuid,
      revision: row.revision,
      namespace: key.namespace,
      name: key.name,
      version: row.version,
      steps: (JSON.parse(row.steps) as StepRow[]).map(storedStep),
      inputSchema: row.input_schema as JsonText | null,
      inputSchemaCheck: schemaCheck(row.schema_check),
      identityStrategy: row.identity_strategy,
    },
  }
}

interface NamedRow extends Omit<TemplateRow, 'queue_exists'> {
  readonly namespace: string
  readonly name: string
}

export async function loadTemplates(
  database: Queryable,
  ids: readonly NamedTaskId[],
): Promise<readonly (StoredTemplate & TemplateRevision)[]> {
  const rows = await database.query<NamedRow>({ name: 'load-templates', text: byIdText, values: [ids] })
  return rows.map(
    ({
      named_task_uuid,
      revision,
      namespace,
      name,
      version,
      steps,
      input_schema,
      schema_check,
      identity_strategy,
    }) => ({
      ...{ namedTaskId: named_task_uuid, revision, namespace, name, version },
      steps: (JSON.parse(steps) as StepRow[]).map(storedStep),
      inputSchema: input_schema as JsonText | null,
      inputSchemaCheck: schemaCheck(schema_check),
      identityStrategy: identity_strategy,
    }),
  )
}

/** At most 20, those of the namespace first. */
export async function templateKeys(database: Queryable, namespace: string): Promise<readonly string[]> {
  const rows = await database.query<{ key: string }>({
    name: 'template-keys',
    text: `
SELECT ns.name || '/' || nt.name || '@' || nt.version AS key
  FROM tasker.named_tasks nt JOIN tasker.task_namespaces ns USING (task_namespace_uuid)
 ORDER BY ns.name <> $1::text, 1 LIMIT 20`,
    values: [namespace],
  })
  return rows.map((row) => row.key)
}

/** Whoever wrote the template, an unknown word says nothing. */
function schemaCheck(word: string | null): InputSchemaCheck | null {
  return inputSchemaChecks.find((known) => known === word) ?? null
}

function storedStep(row: StepRow): StoredStep {
  return {
    name: row.name,
    type: stepTypes.includes(row.type as StepType) ? (row.type as StepType) : 'standard',
    dependencies: row.dependencies.map(String),
    retryable: row.retryable,
    attemptsMax: row.attempts_max,
    callable: row.callable,
    initialization: row.initialization as JsonText | null,
    batch:
      row.batch === null ? null : { cursorField: row.batch.cursor_field, failureStrategy: row.batch.failure_strategy },
  }
}

/** SQL of two fields of a step `d` in a configuration, each of which has another name as well (wire-protocol §9.2); NULL: it has none. */
export const stepType = `coalesce(d ->> 'type', d ->> 'step_type')`
export const stepDependencies = `coalesce(nullif(d -> 'dependencies', 'null'), d -> 'depends_on')`

// A configuration may have been written by anybody: every field is tested before it is used. #>> keeps documents as their text, so the
// numbers in an initialization stay exact on their way into the step's inputs.
const stepsColumn = `coalesce((
         SELECT jsonb_agg(jsonb_build_object(
                  'name', d ->> 'name', 'type', ${stepType},
                  'dependencies', CASE WHEN jsonb_typeof(${stepDependencies}) = 'array'
                                       THEN ${stepDependencies} ELSE '[]' END,
                  'retryable', coalesce(d #> '{retry,retryable}', 'true') <> 'false',
                  'attempts_max', CASE WHEN d #>> '{retry,max_attempts}' ~ '^[0-9]{1,6}$'
                                       THEN (d #>> '{retry,max_attempts}')::int ELSE 3 END,
                  'callable', d #>> '{handler,callable}',
                  'initialization', CASE WHEN jsonb_typeof(d #> '{handler,initialization}') = 'object'
                                          AND d #> '{handler,initialization}' <> '{}'
                                         THEN d #>> '{handler,initialization}' END,
                  'batch', CASE WHEN jsonb_typeof(d -> 'batch_config') = 'object' THEN jsonb_build_object(
                    'cursor_field', d #>> '{batch_config,cursor_field}',
                    'failure_strategy', d #>> '{batch_config,failure_strategy}') END) ORDER BY given.position)
           FROM jsonb_array_elements(CASE WHEN jsonb_typeof(nt.configuration -> 'steps') = 'array'
                                          THEN nt.configuration -> 'steps' ELSE '[]' END) WITH ORDINALITY AS given(d, position)
          WHERE jsonb_typeof(d -> 'name') = 'string'), '[]') AS steps`

const byIdText = `
SELECT nt.named_task_uuid, nt.xmin::text AS revision, ns.name AS namespace, nt.name, nt.version,
       nt.configuration #>> '{input_schema}' AS input_schema, nt.configuration ->> 'input_schema_check' AS schema_check,
       nt.identity_strategy::text, ${stepsColumn}
  FROM tasker.named_tasks nt
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
 WHERE nt.named_task_uuid = ANY ($1::uuid[])`

/** SQL: the order of the versions of a template `nt`, by their numeric parts. */
export const highestFirst = `
string_to_array(substring(nt.version FROM '^[0-9]{1,9}(?:[.][0-9]{1,9})*'), '.')::int[] DESC NULLS LAST, nt.version DESC`

const templateText = `
SELECT nt.named_task_uuid, nt.xmin::text AS revision, nt.version, nt.configuration #>> '{input_schema}' AS input_schema,
       nt.configuration ->> 'input_schema_check' AS schema_check, nt.identity_strategy::text,
       EXISTS (SELECT FROM pgmq.meta m WHERE lower(m.queue_name) = lower('worker_' || ns.name || '_queue')) AS queue_exists,
       ${stepsColumn}
  FROM tasker.named_tasks nt
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
 WHERE ns.name = $1::text AND nt.name = $2::text AND ($3::text IS NULL OR nt.version = $3::text)
 ORDER BY ${highestFirst}
 LIMIT 1`
