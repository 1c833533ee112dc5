// How a host finds namespaces that others registered, where `dispatch.find_namespaces` asks for it.

import type { Config } from './config/config.ts'
import { FoundNamespaces } from './dispatch/found-namespaces.ts'
import type { Worker } from './dispatch/worker.ts'
import type { HostLog } from './host-health.ts'
import type { WakeUps } from './model/wake-ups.ts'
import type { Database } from './postgres/database.ts'
import { loadNamedTasks } from './postgres/queries/load-named-tasks.ts'
import { unservedNamespaces } from './postgres/queries/unserved-namespaces.ts'

export interface NamespaceSurroundings {
  readonly config: Config
  readonly worker: Worker
  readonly database: Database
  readonly notifications: WakeUps | null
  readonly log: Pick<HostLog, 'info' | 'warn'>
  createQueues(namespaces: readonly string[]): Promise<void>
}

const lookEveryMs = 30_000

/** null: only the namespaces of the own templates and of `dispatch.namespaces` are served. */
export function makeFoundNamespaces(surroundings: NamespaceSurroundings): FoundNamespaces | null {
  const { config, worker, database, notifications, log } = surroundings
  if (!config.dispatch.findNamespaces) return null
  return new FoundNamespaces(
    { soonMs: config.dispatch.foreignRetryMs, lookEveryMs },
    {
      source: {
        load: (namespaces) => loadNamedTasks(database, namespaces),
        unserved: (served) => unservedNamespaces(database, served),
      },
      directory: worker.directory,
      served: () => worker.namespaces,
      serve: async (names) => {
        await surroundings.createQueues(names)
        await worker.serveNamespaces(names)
      },
      wakeUps: notifications,
      events: {
        info: (message, details) => log.info(details, message),
        warning: (message, details) => log.warn(details, message),
      },
    },
  )
}
