// Background work on PostgreSQL: each operation as the statements that do it, by one orchestrator at a time.

import type { BackgroundStore } from '../../../model/background-store.ts'
import type { Database } from '../../database.ts'
import type { Queryable } from '../../statement.ts'
import { tryDueSweep } from '../due-sweep.ts'
import { removeFinishedTasks } from './finished-tasks.ts'
import { mayHoldOrphans, ownQueues, removeArchivedMessages, setAsideOrphans } from './queue-upkeep.ts'
import { makeRetentionIndexes } from './retention-indexes.ts'
import { staleTasks } from './stale-tasks.ts'

export function backgroundStore(database: Database): BackgroundStore {
  const whenDue = <T>(name: string, everyMs: number, work: (q: Queryable) => Promise<T>) =>
    database.transaction(async (q) => ((await tryDueSweep(q, name, everyMs)) ? work(q) : null))
  return {
    takeTurn: async (name, everyMs) => (await whenDue(name, everyMs, async () => true)) ?? false,
    prepareRemoval: () => database.transaction(makeRetentionIndexes),
    removeFinishedTasks: (options) => database.transaction((q) => removeFinishedTasks(q, options)),
    queues: () => ownQueues(database),
    removeArchivedMessages: (options) => removeArchivedMessages(database, options),
    setAsideOrphans: async (options) =>
      mayHoldOrphans(options.queue) ? setAsideOrphans(database, options) : { after: null, setAside: 0 },
    staleTasks: ({ everyMs, ...options }) => whenDue('stale-tasks', everyMs, (q) => staleTasks(q, options)),
  }
}
