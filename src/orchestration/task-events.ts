// Follows the transitions of the tasks that somebody watches: one look for all watchers of the process, none when nobody watches.

import type { HostError } from '../model/host-error.ts'
import type { TaskId } from '../model/ids.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type {
  StoredTransition,
  TaskEvent,
  TaskEventSource,
  TaskVersion,
  TaskWatcher,
  TransitionReads,
} from '../model/task-events.ts'
import { settledTaskStates } from '../model/task-state.ts'
import { Loop } from './loop.ts'

export interface TaskEventsOptions {
  readonly reads: TransitionReads
  readonly onFault: (error: HostError) => void
  readonly watchersMax?: number
}

interface Watch {
  readonly taskId: TaskId
  readonly watcher: TaskWatcher
  readonly known: Map<string, number>
  /** Until the first look: where the watcher was before. */
  after: string | null
  version: string | null
}

const watchersMaxDefault = 1_000
/** Many tasks take milliseconds; one that rests is looked at four times a second. */
const pollMinMs = 10
const pollMaxMs = 250
const pollGrowth = 1.2
/** Looks take at most this share of the time: tasks of thousands of steps are looked at less often. */
const busyShareMax = 0.2
const idleMs = 1_000
/** A transition whose transaction took longer than this to commit can be missed by a watcher that comes back. */
const commitMaxMs = 60_000

export class TaskEvents implements TaskEventSource, Lifecycle {
  readonly #reads: TransitionReads
  readonly #watchersMax: number
  readonly #watches = new Set<Watch>()
  readonly #loop: Loop
  #pollMs = pollMinMs

  constructor({ reads, onFault, watchersMax = watchersMaxDefault }: TaskEventsOptions) {
    this.#reads = reads
    this.#watchersMax = watchersMax
    this.#loop = new Loop({ intervalMs: idleMs, tick: () => this.#tick(), onFault })
  }

  start(): Promise<void> {
    return this.#loop.start()
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
    this.#watches.clear()
  }

  watch(taskId: TaskId, after: string | null, watcher: TaskWatcher): { close(): void } | null {
    if (this.#watches.size >= this.#watchersMax) return null
    const watch: Watch = { taskId, watcher, known: new Map(), after, version: null }
    this.#watches.add(watch)
    this.#pollMs = pollMinMs
    this.#loop.wake()
    return { close: () => void this.#watches.delete(watch) }
  }

  async #tick(): Promise<number | null> {
    if (this.#watches.size === 0) return null
    const startedAt = performance.now()
    const taskIds = [...new Set([...this.#watches].map(({ taskId }) => taskId))]
    const versions = new Map((await this.#reads.versions(taskIds)).map((each) => [each.taskId, each]))
    let changed = false
    for (const watch of [...this.#watches]) {
      const version = versions.get(watch.taskId)
      if (version !== undefined && (await this.#tell(watch, version))) changed = true
    }
    const tookMs = performance.now() - startedAt
    this.#pollMs = changed ? pollMinMs : Math.min(this.#pollMs * pollGrowth, pollMaxMs)
    return Math.max(this.#pollMs, tookMs / busyShareMax)
  }

  /** The state was read before the transitions, so all that led to it is among them. */
  async #tell(watch: Watch, { state, version }: TaskVersion): Promise<boolean> {
    if (watch.version === version || !watch.watcher.isReady()) return false
    const transitions = await this.#reads.transitionsBeyond(watch.taskId, watch.known)
    if (!this.#watches.has(watch)) return false
    for (const transition of transitions) {
      const entity = transition.stepId ?? transition.taskId
      watch.known.set(entity, Math.max(watch.known.get(entity) ?? 0, transition.sortKey))
    }
    const events = inOrder(transitions.filter(({ id }) => isNews(id, watch.after)))
    watch.after = null
    watch.version = version
    if (events.length > 0) watch.watcher.events(events)
    if (settledTaskStates.has(state) && this.#watches.delete(watch)) watch.watcher.ended(state)
    return true
  }
}

/** Ids begin with the milliseconds of their making (UUIDv7); transactions commit in another order. An id of another kind: all is news. */
function isNews(id: string, after: string | null): boolean {
  const fromMs = after === null ? Number.NaN : madeAtMs(after) - commitMaxMs
  return Number.isNaN(fromMs) || (id !== after && madeAtMs(id) >= fromMs)
}

function madeAtMs(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
}

/** By time, and each step's in the order in which it moved, whatever the clocks said. */
function inOrder(transitions: readonly StoredTransition[]): readonly TaskEvent[] {
  const latest = new Map<string, string>()
  const placed = transitions
    .toSorted((a, b) => a.sortKey - b.sortKey)
    .map((transition) => {
      const entity = transition.stepId ?? transition.taskId
      const before = latest.get(entity)
      const place = before === undefined || before < transition.id ? transition.id : before
      latest.set(entity, place)
      return { transition, place }
    })
  return placed
    .toSorted((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0))
    .map(({ transition: { sortKey: _sortKey, ...event } }) => event)
}
