// The work of a run: how many tasks of which workflow, the settings they run under, and their way in through the orchestrator's REST.

import { namespace } from './history.ts'
import type { Accepted } from './history-check.ts'
import type { Schedule } from './schedule.ts'

const stepsOf = { mixed: 6, refused: 1, single: 1 } as const
const workflows = ['mixed', 'refused', 'single'] as const

/** How many tasks of each workflow are handed in. */
export type Work = Readonly<Record<keyof typeof stepsOf, number>>

export function resultsAtLeast(work: Work): number {
  return workflows.reduce((sum, workflow) => sum + work[workflow] * stepsOf[workflow], 0)
}

/** The workflows take turns. Rejects when one is refused. */
export async function handIn(work: Work, address: string, executionLog: string): Promise<readonly Accepted[]> {
  const accepted: Accepted[] = []
  for (let round = 0; round < Math.max(...Object.values(work)); round += 1) {
    for (const workflow of workflows.filter((name) => round < work[name])) {
      const response = await fetch(`${address}/v1/tasks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ name: workflow, namespace, version: '1.0.0', context: { log: executionLog, round } },
          ...{ initiator: 'chaos', source_system: 'chaos', reason: 'chaos' },
        }),
      })
      if (!response.ok) throw new Error(`a task was refused: ${response.status} ${await response.text()}`)
      const { task_uuid: taskId } = (await response.json()) as { task_uuid: string }
      accepted.push({ taskId, steps: stepsOf[workflow] })
    }
  }
  return accepted
}

/** Short leases and few processes: what takes minutes elsewhere takes seconds here, and the order of events is the same. */
export function configText(mode: Schedule['mode'], leaseMs = 2_000): string {
  return `[dispatch]
lease_ms = ${leaseMs}
heartbeat_ms = 200
cancel_grace_ms = 500
drain_grace_ms = 5000
foreign_retry_ms = 200
[worker.event_systems.worker]
deployment_mode = "${mode}"
[worker.mpsc_channels.handler_dispatch]
max_concurrent_handlers = 6
[runtimes.python]
processes = 1
[runtimes.ruby]
processes = 1
[runtimes.typescript]
threads = 1
[common.database.pool]
max_connections = 8
[orchestration.event_systems.orchestration.timing]
fallback_polling_interval_seconds = 1
[orchestration.event_systems.task_readiness.timing]
fallback_polling_interval_seconds = 1
`
}
