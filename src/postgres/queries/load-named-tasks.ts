// The registered templates of some namespaces, reduced to their steps and callables.

import type { NamedTaskId } from '../../model/ids.ts'
import type { NamedTaskSteps } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'

interface NamedTaskRow {
  named_task_uuid: NamedTaskId
  namespace: string
  name: string
  version: string
  step_names: string[]
  callables: string[]
  resolvers: (string | null)[]
}

export async function loadNamedTasks(
  database: Queryable,
  namespaces: readonly string[],
): Promise<readonly NamedTaskSteps[]> {
  const rows = await database.query<NamedTaskRow>({
    name: 'load-named-tasks',
    text: `
SELECT nt.named_task_uuid, ns.name AS namespace, nt.name, nt.version,
       array_agg(step ->> 'name') AS step_names, array_agg(step #>> '{handler,callable}') AS callables,
       array_agg(step #>> '{handler,resolver}') AS resolvers
  FROM tasker.named_tasks nt
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
 CROSS JOIN LATERAL jsonb_array_elements(
         CASE WHEN jsonb_typeof(nt.configuration -> 'steps') = 'array' THEN nt.configuration -> 'steps' ELSE '[]' END) AS step
 WHERE ns.name = ANY ($1::text[]) AND step ->> 'name' IS NOT NULL AND step #>> '{handler,callable}' IS NOT NULL
 GROUP BY nt.named_task_uuid, ns.name, nt.name, nt.version`,
    values: [namespaces],
  })
  return rows.map((row) => ({
    namedTaskId: row.named_task_uuid,
    namespace: row.namespace,
    name: row.name,
    version: row.version,
    steps: row.step_names.map((name, index) => ({
      name,
      callable: row.callables[index] ?? '',
      resolver: row.resolvers[index] ?? null,
    })),
  }))
}
