// The step definitions of templates as their rows hold them, with what the host must know of each.

import type { NamedTaskId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { HandlerReference } from '../../model/step-request.ts'
import type { Queryable } from '../statement.ts'

export interface StepDefinition {
  readonly name: string
  readonly handler: HandlerReference
  /** null: the template says nothing. */
  readonly timeoutMs: number | null
  /** As the template has it (wire-protocol §9.2). */
  readonly body: JsonText
}

export interface TemplateDefinitions {
  readonly id: NamedTaskId
  readonly version: string
  /** As handlers see them beside the task (wire-protocol §4.3). */
  readonly names: { readonly task_name: string; readonly task_version: string; readonly namespace_name: string }
  readonly steps: readonly StepDefinition[]
}

interface DefinitionRow {
  named_task_uuid: NamedTaskId
  template_version: string
  task_name: string
  task_version: string
  namespace_name: string
  name: string | null
  callable: string | null
  method: string | null
  resolver: string | null
  timeout_seconds: string | null
  body: JsonText | null
}

/** A step without a name or a callable is left out; of two with one name the first counts. A template without steps comes with none. */
export async function loadStepDefinitions(
  database: Queryable,
  templates: readonly NamedTaskId[],
): Promise<readonly TemplateDefinitions[]> {
  const rows = await database.query<DefinitionRow>({
    name: 'load-step-definitions',
    text: definitionsText,
    values: [templates],
  })
  const found = new Map<
    NamedTaskId,
    Omit<TemplateDefinitions, 'id' | 'steps'> & { steps: Map<string, StepDefinition> }
  >()
  for (const row of rows) {
    const { task_name, task_version, namespace_name } = row
    const names = { task_name, task_version, namespace_name }
    const template = found.get(row.named_task_uuid) ?? { version: row.template_version, names, steps: new Map() }
    found.set(row.named_task_uuid, template)
    const { name, callable, method, resolver, body } = row
    if (name === null || callable === null || body === null || template.steps.has(name)) continue
    const timeoutMs = row.timeout_seconds === null ? null : Number(row.timeout_seconds) * 1000
    template.steps.set(name, { name, handler: { callable, method, resolver }, timeoutMs, body })
  }
  return [...found].map(([id, { steps, ...template }]) => ({ id, ...template, steps: [...steps.values()] }))
}

const definitionsText = `
SELECT nt.named_task_uuid, nt.xmin::text AS template_version,
       nt.name AS task_name, nt.version AS task_version, ns.name AS namespace_name, step.body ->> 'name' AS name,
       step.body #>> '{handler,callable}' AS callable, step.body #>> '{handler,method}' AS method,
       step.body #>> '{handler,resolver}' AS resolver, step.body,
       CASE WHEN pg_input_is_valid(step.body ->> 'timeout_seconds', 'int4') THEN step.body ->> 'timeout_seconds' END AS timeout_seconds
  FROM tasker.named_tasks nt
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN LATERAL jsonb_array_elements(
         CASE WHEN jsonb_typeof(nt.configuration -> 'steps') = 'array' THEN nt.configuration -> 'steps' ELSE '[]' END)
       WITH ORDINALITY AS step(body, place) ON true
 WHERE nt.named_task_uuid = ANY ($1::uuid[])
 ORDER BY nt.named_task_uuid, step.place`
