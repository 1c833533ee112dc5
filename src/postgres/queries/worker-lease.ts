// The worker's own row: registration, heartbeat, the steps under its name, and leaving.

import type { RunnableStep } from '../../model/claim-source.ts'
import type { WorkerId } from '../../model/ids.ts'
import type { Heartbeat, WorkerRegistration } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'
import { ownSteps } from './noted-claims.ts'
import { sweepIsDue } from './recover-steps.ts'

export interface HeartbeatOptions {
  readonly leaseMs: number
  /** What this worker can run; null: the same as before. */
  readonly runnable: readonly RunnableStep[] | null
}

/** The longest gap that is told apart; PostgreSQL's int4 holds no more. */
const gapMaxMs = 2_000_000_000

export async function registerWorker(
  database: Queryable,
  { workerId, host, namespaces, runnable }: WorkerRegistration,
): Promise<void> {
  await database.query({
    name: 'register-worker',
    text: 'INSERT INTO stephost.workers (worker_uuid, host, namespaces, runnable, notes_claims) VALUES ($1::uuid, $2::text, $3::text[], $4::text[], true)',
    values: [workerId, host, namespaces, runnable.map(runnableKey)],
  })
}

export async function updateWorkerNamespaces(
  database: Queryable,
  workerId: WorkerId,
  namespaces: readonly string[],
): Promise<void> {
  await database.query({
    name: 'update-worker-namespaces',
    text: 'UPDATE stephost.workers SET namespaces = $2::text[] WHERE worker_uuid = $1::uuid',
    values: [workerId, namespaces],
  })
}

/** null: declared dead. Death is declared by others and never taken back. */
export async function heartbeatWorker(
  database: Queryable,
  workerId: WorkerId,
  { leaseMs, runnable }: HeartbeatOptions,
): Promise<Heartbeat | null> {
  const [row] = await database.query<{ gap_ms: number; recovery_due: boolean }>({
    name: 'heartbeat-worker',
    text: heartbeatText,
    values: [workerId, runnable?.map(runnableKey) ?? null, leaseMs],
  })
  return row === undefined ? null : { gapMs: row.gap_ms, recoveryDue: row.recovery_due }
}

/** The gap is PostgreSQL's: the clocks of a machine that was paused may not know of the pause. */
const heartbeatText = `
WITH before AS MATERIALIZED (
  SELECT heartbeat_at FROM stephost.workers WHERE worker_uuid = $1::uuid AND declared_dead_at IS NULL FOR NO KEY UPDATE
)
UPDATE stephost.workers w SET heartbeat_at = clock_timestamp(), runnable = coalesce($2::text[], w.runnable)
  FROM before
 WHERE w.worker_uuid = $1::uuid AND w.declared_dead_at IS NULL
RETURNING least(extract(epoch FROM w.heartbeat_at - before.heartbeat_at) * 1000, ${gapMaxMs})::int AS gap_ms,
          EXISTS (SELECT FROM stephost.workers o
                   WHERE o.worker_uuid <> $1::uuid
                     AND CASE WHEN o.declared_dead_at IS NULL THEN o.heartbeat_at < clock_timestamp() - $3::int * interval '1 ms'
                              ELSE ${sweepIsDue('o')} END) AS recovery_due`

/** As the claim's statement spells it. */
function runnableKey({ namedTaskId, templateStep }: RunnableStep): string {
  return `${namedTaskId}:${templateStep}`
}

/** The row goes when no step names it and none will; else the worker declares its own death, so that others need not wait for the lease. */
export async function leaveWorker(
  database: Queryable,
  workerId: WorkerId,
  { unknownClaims }: { unknownClaims: boolean },
): Promise<void> {
  const isClean = !unknownClaims && (await ownSteps(database, workerId)).length === 0
  await database.query({
    name: isClean ? 'leave-worker' : 'declare-own-death',
    text: isClean
      ? 'DELETE FROM stephost.workers WHERE worker_uuid = $1::uuid'
      : 'UPDATE stephost.workers SET declared_dead_at = clock_timestamp() WHERE worker_uuid = $1::uuid AND declared_dead_at IS NULL',
    values: [workerId],
  })
}
