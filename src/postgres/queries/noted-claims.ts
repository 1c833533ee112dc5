// The claims that workers noted: which of their steps are still in progress by them, and which rows have become needless.

import type { ClaimId, ClaimToken, StepId, WorkerId } from '../../model/ids.ts'
import type { OwnedStep } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'

/** SQL for behind FROM: of a row of stephost.claims the transitions `t` that nothing has followed yet. */
const openTokens = (row: string) => `unnest(${row}.tokens) AS noted(token)
    JOIN tasker.workflow_step_transitions t ON t.workflow_step_transition_uuid = noted.token AND t.most_recent`

/** SQL for behind FROM: the rows `c` of stephost.claims, and in `t` those transitions of each. */
export const openClaims = `stephost.claims c CROSS JOIN LATERAL ${openTokens('c')}`

/**
 * The steps in progress under the worker's name. What was noted of others goes, for none of it will ever be open again. One snapshot decides: the
 * row of a claim that commits meanwhile is not seen by either part.
 */
export async function ownSteps(database: Queryable, workerId: WorkerId): Promise<readonly OwnedStep[]> {
  const rows = await database.query<{ step_uuid: StepId; token: ClaimToken; claim_id: ClaimId | null }>({
    name: 'own-steps',
    text: `
WITH open AS MATERIALIZED (
  SELECT c.ctid AS claim_row, c.claim_id, t.workflow_step_uuid AS step_uuid, noted.token
    FROM ${openClaims}
   WHERE c.worker_uuid = $1::uuid
), ended AS (
  DELETE FROM stephost.claims WHERE worker_uuid = $1::uuid AND ctid NOT IN (SELECT claim_row FROM open)
)
SELECT step_uuid, token, claim_id FROM open`,
    values: [workerId],
  })
  return rows.map((row) => ({ stepId: row.step_uuid, token: row.token, claimId: row.claim_id }))
}

/** Of dead workers. `due`: SQL, which workers `w`. */
export async function forgetEndedClaims(transaction: Queryable, due: string): Promise<void> {
  await transaction.query({
    name: 'forget-ended-claims',
    text: `
DELETE FROM stephost.claims c USING stephost.workers w
 WHERE w.worker_uuid = c.worker_uuid AND w.declared_dead_at IS NOT NULL AND ${due}
   AND NOT EXISTS (SELECT FROM ${openTokens('c')})`,
  })
}
