// Keeps a queue shut while workers start, so that they are warm and have taken nothing when the clock begins.
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../../../src/postgres/database.ts'
import { stepQueue } from './step-preload.ts'

const lockPollMs = 10
/** Below the time that a statement may take. */
const reachedTimeoutMs = 50_000

/** An exclusive lock on the table of the queue. */
export class QueueGate {
  readonly #database: Database
  readonly #open: () => void
  readonly #closed: Promise<void>

  private constructor(database: Database, open: () => void, closed: Promise<void>) {
    this.#database = database
    this.#open = open
    this.#closed = closed
  }

  static async close(database: Database): Promise<QueueGate> {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    let locked = () => {}
    const holds = new Promise<void>((resolve) => {
      locked = resolve
    })
    const closed = database.transaction(async (transaction) => {
      await transaction.query({ text: `LOCK TABLE pgmq.q_${stepQueue} IN ACCESS EXCLUSIVE MODE` })
      locked()
      await opened
    })
    await Promise.race([holds, closed])
    return new QueueGate(database, open, closed)
  }

  /** Somebody waits at it. Rejects when `gone` says that nobody will come, or when the time is over. */
  async reached(gone: () => boolean): Promise<void> {
    const text = `SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted AND relation = 'pgmq.q_${stepQueue}'::regclass`
    const deadline = performance.now() + reachedTimeoutMs
    while (performance.now() < deadline && !gone()) {
      const [row] = await this.#database.query<{ waiting: number }>({ text })
      if ((row?.waiting ?? 0) > 0) return
      await delay(lockPollMs)
    }
    throw new Error('the worker did not ask for the steps that wait')
  }

  async open(): Promise<void> {
    this.#open()
    await this.#closed
  }
}
