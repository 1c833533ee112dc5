// Lets one process at a time search for what crashes left behind, and no more often than agreed.

import type { Queryable } from '../statement.ts'

/** Must run in a transaction, which holds the right until its end. False: another one is at it, or was within the interval. */
export async function tryDueSweep(transaction: Queryable, name: string, everyMs: number): Promise<boolean> {
  const rows = await transaction.query({
    name: 'try-due-sweep',
    text: `
WITH alone AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtextextended('stephost.sweep.' || $1::text, 0)) AS granted)
INSERT INTO stephost.sweeps AS s (name, swept_at)
SELECT $1::text, clock_timestamp() FROM alone WHERE granted
ON CONFLICT (name) DO UPDATE SET swept_at = excluded.swept_at
 WHERE s.swept_at <= clock_timestamp() - $2::float8 * interval '1 ms'
RETURNING s.name`,
    values: [name, everyMs],
  })
  return rows.length > 0
}
