// Moves tasks along their states and enqueues the steps that are ready, with messages and wake-ups, in one statement.

import { HostError } from '../../../model/host-error.ts'
import type { WorkerId } from '../../../model/ids.ts'
import type { TaskMove, TransitionHistory } from '../../../model/orchestration-store.ts'
import { eventOf, taskMoves } from '../../../model/task-state.ts'
import type { Queryable } from '../../statement.ts'
import { type MoveParts, moveStatement } from './move-statement.ts'

/** Each has plans of its own, which every connection keeps. */
const queuesSeenMax = 32
/** Others might be no namespaces, and their names stand in the text of a statement. */
const plainNamespace = /^[a-z][a-z0-9_]{0,28}$/

export interface MoveOptions {
  readonly orchestratorId: string
  readonly history: TransitionHistory
  /** Namespaces whose queue was there when this store looked; it adds what it sees. */
  readonly queuesSeen: Set<string>
  /** Statements by their names, put together once: a few for each of those namespaces. */
  readonly texts: Map<string, string>
}

/** The tasks must be locked in this transaction. `woken` needs no notification. Resolves with the number of steps enqueued. */
export async function moveTasks(
  transaction: Queryable,
  moves: readonly TaskMove[],
  options: MoveOptions,
  woken: WorkerId | null = null,
): Promise<number> {
  const { queuesSeen, texts } = options
  const namespaces = namespacesOf(moves)
  const parts: MoveParts = { ...walkParts(moves), enqueues: enqueuesOf(namespaces, queuesSeen) }
  const name = nameOf(parts)
  const text = keptText(texts, name, () => moveStatement(parts))
  const statement = {
    ...{ name, text },
    values: [
      ...walkValues(moves, options),
      ...(parts.enqueues === null ? [] : stepColumns(moves)),
      ...(parts.enqueues === null || parts.enqueues.namespace === null ? [] : [woken]),
    ],
  }
  try {
    const [row] = await transaction.query<{ enqueued: number }>(statement)
    const enqueued = row?.enqueued ?? 0
    if (enqueued > 0 && namespaces.length === 1 && queuesSeen.size < queuesSeenMax) {
      for (const namespace of namespaces) queuesSeen.add(namespace)
    }
    return enqueued
  } catch (error) {
    // One of the queues may be gone; the next try looks.
    for (const namespace of namespaces) queuesSeen.delete(namespace)
    throw error
  }
}

export function walkParts(moves: readonly TaskMove[]): Omit<MoveParts, 'enqueues'> {
  return {
    begins: moves.some((move) => move.from === 'pending'),
    completes: moves.some((move) => move.path.at(-1) === 'complete'),
  }
}

export function keptText(texts: Map<string, string>, name: string, make: () => string): string {
  const text = texts.get(name) ?? make()
  texts.set(name, text)
  return text
}

/** What the parts that move tasks ask for: one array per column, who moves them, and how much is written. */
export function walkValues(moves: readonly TaskMove[], { orchestratorId, history }: MoveOptions): readonly unknown[] {
  return [
    moves.map((move) => move.taskId),
    moves.map((move) => move.from),
    moves.map((move) => move.path.join(',')),
    moves.map((move) => eventsOf(move).join(',')),
    orchestratorId,
    history === 'end_states',
  ]
}

export function namespacesOf(moves: readonly TaskMove[]): readonly string[] {
  return [...new Set(moves.flatMap(({ enqueue }) => (enqueue === null ? [] : [enqueue.namespace])))]
}

export function enqueuesOf(namespaces: readonly string[], queuesSeen: ReadonlySet<string>): MoveParts['enqueues'] {
  const [first] = namespaces
  if (first === undefined) return null
  return { namespace: namespaces.length === 1 && queuesSeen.has(first) && plainNamespace.test(first) ? first : null }
}

/** At most 63 characters, as PostgreSQL takes them. */
function nameOf({ begins, completes, enqueues }: MoveParts): string {
  const letters = `${begins ? 'b' : ''}${completes ? 'c' : ''}${enqueues === null ? '' : 'e'}`
  return `move-tasks:${letters}${enqueues?.namespace ? `:${enqueues.namespace}` : ''}`
}

/** One array per column, in the order of the steps, in which everybody locks them. */
export function stepColumns(moves: readonly TaskMove[]): readonly unknown[] {
  const steps = moves.flatMap(({ taskId, enqueue }) =>
    enqueue === null ? [] : enqueue.steps.map((stepId) => ({ stepId, taskId, enqueue })),
  )
  steps.sort((one, other) => (one.stepId < other.stepId ? -1 : 1))
  return [
    steps.map(({ stepId }) => stepId),
    steps.map(({ taskId }) => taskId),
    steps.map(({ enqueue }) => enqueue.correlationId),
    steps.map(({ enqueue }) => enqueue.namespace),
  ]
}

/** One event per move of the walk. Rejects what the table of moves does not have. */
function eventsOf({ taskId, from, path }: TaskMove): readonly string[] {
  return path.map((to, index) => {
    const before = path[index - 1] ?? from
    const event = eventOf(taskMoves, before, to)
    if (event === null)
      throw new HostError('TASK_TRANSITION_INVALID', `No move leads task ${taskId} from ${before} to ${to}`)
    return event
  })
}
