// The worker's own row: registration, heartbeat, the steps under its name, and leaving.

import type { ClaimId, ClaimToken, StepId, WorkerId } from '../../model/ids.ts'
import type { OwnedStep } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'

export async function registerWorker(
  database: Queryable,
  worker: { workerId: WorkerId; host: string; namespaces: readonly string[] },
): Promise<void> {
  await database.query({
    name: 'register-worker',
    text: 'INSERT INTO stephost.workers (worker_uuid, host, namespaces) VALUES ($1::uuid, $2::text, $3::text[])',
    values: [worker.workerId, worker.host, worker.namespaces],
  })
}

/** False: declared dead. Death is declared by others and never taken back. */
export async function heartbeatWorker(database: Queryable, workerId: WorkerId): Promise<boolean> {
  const rows = await database.query({
    name: 'heartbeat-worker',
    text: `UPDATE stephost.workers SET heartbeat_at = clock_timestamp()
            WHERE worker_uuid = $1::uuid AND declared_dead_at IS NULL RETURNING worker_uuid`,
    values: [workerId],
  })
  return rows.length === 1
}

export async function ownSteps(database: Queryable, workerId: WorkerId): Promise<readonly OwnedStep[]> {
  const rows = await database.query<{ step_uuid: StepId; token: ClaimToken; claim_id: ClaimId | null }>({
    name: 'own-steps',
    text: `
SELECT t.workflow_step_uuid AS step_uuid, t.workflow_step_transition_uuid AS token, t.metadata ->> 'claim_id' AS claim_id
  FROM tasker.workflow_step_transitions t
 WHERE t.most_recent AND t.to_state = 'in_progress' AND t.metadata ->> 'worker_uuid' = $1::text`,
    values: [workerId],
  })
  return rows.map((row) => ({ stepId: row.step_uuid, token: row.token, claimId: row.claim_id }))
}

/** The row goes when no step names it; else the worker declares its own death, so that others need not wait for the lease. */
export async function leaveWorker(database: Queryable, workerId: WorkerId): Promise<void> {
  const left = await ownSteps(database, workerId)
  await database.query({
    name: left.length === 0 ? 'leave-worker' : 'declare-own-death',
    text:
      left.length === 0
        ? 'DELETE FROM stephost.workers WHERE worker_uuid = $1::uuid'
        : 'UPDATE stephost.workers SET declared_dead_at = clock_timestamp() WHERE worker_uuid = $1::uuid AND declared_dead_at IS NULL',
    values: [workerId],
  })
}
