// The row that says that an orchestrator of this project is alive: whoever notifies asks for it (design D2).

import type { Queryable } from '../../statement.ts'

export async function heartbeatOrchestrator(
  database: Queryable,
  orchestrator: { orchestratorId: string; host: string },
): Promise<void> {
  await database.query({
    name: 'heartbeat-orchestrator',
    text: `INSERT INTO stephost.orchestrators (orchestrator_uuid, host, started_at, heartbeat_at)
           VALUES ($1::uuid, $2::text, now(), clock_timestamp())
           ON CONFLICT (orchestrator_uuid) DO UPDATE SET heartbeat_at = excluded.heartbeat_at`,
    values: [orchestrator.orchestratorId, orchestrator.host],
  })
}

export async function leaveOrchestrator(database: Queryable, orchestratorId: string): Promise<void> {
  await database.query({
    name: 'leave-orchestrator',
    text: 'DELETE FROM stephost.orchestrators WHERE orchestrator_uuid = $1::uuid',
    values: [orchestratorId],
  })
}
