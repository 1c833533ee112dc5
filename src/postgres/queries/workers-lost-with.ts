// The dead workers that a step was taken back from, as far as they are still known.

import type { StepId } from '../../model/ids.ts'
import type { LostWorker } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'
import { recoveriesOf } from './step-event.ts'

export function workersLostWith(database: Queryable, step: StepId): Promise<readonly LostWorker[]> {
  const time = (column: string) => `to_jsonb(o.${column}) #>> '{}' AS ${column}`
  return database.query<LostWorker>({
    name: 'workers-lost-with',
    text: `
SELECT p.metadata ->> 'recovered_from' AS worker_uuid, o.host,
       ${time('started_at')}, ${time('heartbeat_at')}, ${time('declared_dead_at')}
  FROM (${recoveriesOf('$1::uuid')}) AS p
  LEFT JOIN stephost.workers o ON o.worker_uuid::text = p.metadata ->> 'recovered_from'
 ORDER BY p.sort_key`,
    values: [step],
  })
}
