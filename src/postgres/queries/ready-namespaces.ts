// Asks all step queues at once which of them has a visible message: what an idle worker costs.

import type { Queryable } from '../statement.ts'

/** Namespaces whose queue `worker_<namespace>_queue` has something to look at. The queues must exist. */
export async function readyNamespaces(database: Queryable, namespaces: readonly string[]): Promise<readonly string[]> {
  const ask = (namespace: string) =>
    `SELECT '${namespace}' AS namespace WHERE EXISTS (SELECT FROM pgmq."q_worker_${namespace.toLowerCase()}_queue" WHERE vt <= clock_timestamp())`
  const rows = await database.query<{ namespace: string }>({ text: namespaces.map(ask).join(' UNION ALL ') })
  return rows.map((row) => row.namespace)
}
