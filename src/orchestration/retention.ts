// What leaves the tables by its age: finished tasks, archives of queues, and messages that nobody can use any more.

import type { BackgroundStore } from '../model/background-store.ts'
import type { TaskId } from '../model/ids.ts'

export interface RetentionSettings {
  readonly intervalMs: number
  /** Of one time; what is left is for the next. */
  readonly sweepMaxMs: number
  /** Of one transaction. */
  readonly batchRowsMax: number
  /** null: finished tasks stay. */
  readonly finishedTasksDays: number | null
  /** Keeps the rows of tasks that leave. */
  readonly archive: boolean
  /** null: archives of queues stay. */
  readonly queueArchivesDays: number | null
}

export interface OrphanSettings {
  readonly intervalMs: number
  readonly sweepMaxMs: number
  readonly olderThanMs: number
  readonly batchRowsMax: number
}

/** Timers and clocks differ a little: a loop must not miss its own turn. */
export const dueShare = 0.9

export interface Removal {
  readonly tasks: number
  readonly archivedMessages: number
}

/** One sweep; nothing when it is not this orchestrator's turn. Stops between two transactions when its time is over or `isStopping` says so. */
export async function removeOld(
  store: BackgroundStore,
  settings: RetentionSettings,
  isStopping: () => boolean,
): Promise<Removal> {
  const { finishedTasksDays, queueArchivesDays, batchRowsMax } = settings
  if (!(await store.takeTurn('retention', settings.intervalMs * dueShare))) return { tasks: 0, archivedMessages: 0 }
  const tasks = finishedTasksDays === null ? 0 : await removeTasks(store, settings, finishedTasksDays, isStopping)
  // A time of its own: however many tasks there are, the archives get their turn.
  const isOver = limitOf(settings.sweepMaxMs, isStopping)
  let archivedMessages = 0
  if (queueArchivesDays !== null) {
    for (const queue of await store.queues()) {
      const batch = { queue, olderThanDays: queueArchivesDays, max: batchRowsMax }
      let removed = batchRowsMax
      while (removed === batchRowsMax && !isOver()) {
        removed = await store.removeArchivedMessages(batch)
        archivedMessages += removed
      }
    }
  }
  return { tasks, archivedMessages }
}

async function removeTasks(
  store: BackgroundStore,
  { batchRowsMax: rowsMax, archive, sweepMaxMs }: RetentionSettings,
  olderThanDays: number,
  isStopping: () => boolean,
): Promise<number> {
  await store.prepareRemoval()
  const isOver = limitOf(sweepMaxMs, isStopping)
  let tasks = 0
  let after: TaskId | null = null
  do {
    const page = await store.removeFinishedTasks({ olderThanDays, rowsMax, after, archive })
    tasks += page.tasks
    after = page.after
  } while (after !== null && !isOver())
  return tasks
}

/** Resolves with the number that was set aside. */
export async function setAsideOrphans(
  store: BackgroundStore,
  settings: OrphanSettings,
  isStopping: () => boolean,
): Promise<number> {
  if (!(await store.takeTurn('orphans', settings.intervalMs * dueShare))) return 0
  const isOver = limitOf(settings.sweepMaxMs, isStopping)
  let setAside = 0
  for (const queue of await store.queues()) {
    let after: string | null = '0'
    while (after !== null && !isOver()) {
      const { olderThanMs, batchRowsMax: max } = settings
      const page = await store.setAsideOrphans({ queue, olderThanMs, after, max })
      setAside += page.setAside
      after = page.after
    }
  }
  return setAside
}

function limitOf(sweepMaxMs: number, isStopping: () => boolean): () => boolean {
  const endAt = performance.now() + sweepMaxMs
  return () => isStopping() || performance.now() >= endAt
}
