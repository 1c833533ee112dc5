// The dead workers that a step was taken back from, as far as they are still known.

import type { StepId } from '../../model/ids.ts'
import type { LostWorker } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'
import { recoveriesOf } from './step-event.ts'

/** SQL for one row: how often a step was taken back from a dead worker, and from which (`text[]`). `step` is an SQL expression. */
export function recoveredFrom(step: string): string {
  return `
  SELECT count(*)::int AS recoveries, coalesce(array_agg(p.metadata ->> 'recovered_from' ORDER BY p.sort_key), '{}') AS workers
    FROM (${recoveriesOf(step)}) AS p`
}

/** SQL: a JSON array of `LostWorker`, in the order of `ids`, which is an SQL expression of type `text[]`. */
export function lostWorkers(ids: string): string {
  return `(SELECT coalesce(jsonb_agg(jsonb_build_object('worker_uuid', died.id, 'host', o.host, 'started_at', o.started_at,
                                                       'heartbeat_at', o.heartbeat_at, 'declared_dead_at', o.declared_dead_at) ORDER BY died.place), '[]')
             FROM unnest(${ids}) WITH ORDINALITY AS died(id, place)
             LEFT JOIN stephost.workers o ON o.worker_uuid::text = died.id)`
}

export async function workersLostWith(database: Queryable, step: StepId): Promise<readonly LostWorker[]> {
  const rows = await database.query<{ workers: string }>({
    name: 'workers-lost-with',
    text: `SELECT ${lostWorkers('e.workers')}::text AS workers FROM (${recoveredFrom('$1::uuid')}) AS e`,
    values: [step],
  })
  return JSON.parse(rows[0]?.workers ?? '[]') as readonly LostWorker[]
}
