// The namespaces that a worker does not serve and that have templates.

import type { Queryable } from '../statement.ts'

/** Beyond that the oldest are not looked at. */
const namespacesMax = 1_000

/** The newest first; those whose names cannot be those of queues are left out (wire-protocol §1.3). */
export async function unservedNamespaces(database: Queryable, served: readonly string[]): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>({
    name: 'unserved-namespaces',
    text: `
SELECT ns.name
  FROM tasker.task_namespaces ns
 WHERE ns.name <> ALL ($1::text[]) AND ns.name ~ '^[A-Za-z_][A-Za-z0-9_]{0,28}$'
   AND EXISTS (SELECT FROM tasker.named_tasks nt WHERE nt.task_namespace_uuid = ns.task_namespace_uuid)
 ORDER BY ns.created_at DESC
 LIMIT $2::int`,
    values: [served, namespacesMax],
  })
  return rows.map(({ name }) => name)
}
