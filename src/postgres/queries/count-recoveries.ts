// Counts from how many dead workers each step was taken back.

import type { StepId } from '../../model/ids.ts'
import type { Queryable } from '../statement.ts'
import { recoveriesOf } from './step-event.ts'

/** Steps that were never taken back may be missing from the answer. */
export async function countRecoveries(
  database: Queryable,
  steps: readonly StepId[],
): Promise<ReadonlyMap<StepId, number>> {
  if (steps.length === 0) return new Map()
  const rows = await database.query<{ step_uuid: StepId; recoveries: number }>({
    name: 'count-recoveries',
    text: `
SELECT c.step_uuid, (SELECT count(*)::int FROM (${recoveriesOf('c.step_uuid')}) AS p) AS recoveries
  FROM unnest($1::uuid[]) AS c(step_uuid)`,
    values: [steps],
  })
  return new Map(rows.map((row) => [row.step_uuid, row.recoveries]))
}
