// Which claims are over, although whoever made them has not ended them.

import type { ClaimToken } from '../../model/ids.ts'
import type { Queryable } from '../statement.ts'

/** The step of such a claim has moved on, or is gone. */
export async function endedClaims(database: Queryable, claims: readonly ClaimToken[]): Promise<readonly ClaimToken[]> {
  const rows = await database.query<{ token: ClaimToken }>({
    name: 'ended-claims',
    text: `
SELECT held.token
  FROM unnest($1::uuid[]) AS held(token)
 WHERE NOT EXISTS (SELECT FROM tasker.workflow_step_transitions t
                    WHERE t.workflow_step_transition_uuid = held.token AND t.most_recent)`,
    values: [claims],
  })
  return rows.map((row) => row.token)
}
