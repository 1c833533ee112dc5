// Looks once a second who waits for a lock in a database, on a connection of its own: a lock that nobody lets go of is no standstill of the machine.
import type { Lifecycle } from '../../../src/model/lifecycle.ts'
import { Loop } from '../../../src/orchestration/loop.ts'
import { Database } from '../../../src/postgres/database.ts'

export interface LockWait {
  /** How often it was seen, one look each second: while the machine stood still nobody looked, so that a pause does not make a wait long. */
  readonly looks: number
  readonly text: string
}

const lookMs = 1_000

export class LockWatch implements Lifecycle {
  readonly #database: Database
  readonly #loop: Loop
  #waits = new Map<string, LockWait>()
  #failedLooks = 0

  constructor(url: string) {
    this.#database = new Database({
      ...{ url, applicationName: 'lock watch', connectionsMax: 1, acquireTimeoutMs: 5_000, statementTimeoutMs: 5_000 },
    })
    this.#loop = new Loop({ tick: () => this.#look(), intervalMs: lookMs, onFault: () => (this.#failedLooks += 1) })
  }

  async start(): Promise<void> {
    await this.#database.start()
    await this.#loop.start()
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
    await this.#database.stop()
  }

  forget(): void {
    this.#waits = new Map()
    this.#failedLooks = 0
  }

  /** What was seen since, longest first; `failedLooks`: when the database did not answer. */
  seen(): { readonly waits: readonly LockWait[]; readonly failedLooks: number } {
    const waits = [...this.#waits.values()].toSorted((one, other) => other.looks - one.looks)
    return { waits, failedLooks: this.#failedLooks }
  }

  async #look(): Promise<null> {
    const rows = await this.#database.query<{ wait: string; text: string }>({ name: 'lock-watch', text: waitsText })
    for (const { wait, text } of rows) {
      this.#waits.set(wait, { looks: (this.#waits.get(wait)?.looks ?? 0) + 1, text })
    }
    return null
  }
}

/** Locks of transactions belong to no database; their sessions do. Without a start a wait has only begun. */
const waitsText = `
SELECT l.pid || ' ' || l.waitstart AS wait,
       format('%s waits for %s%s behind %s: %s', l.pid, l.locktype, ' ' || l.relation::regclass::text, pg_blocking_pids(l.pid)::text,
              left(regexp_replace(a.query, '\\s+', ' ', 'g'), 200)) AS text
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE NOT l.granted AND l.waitstart IS NOT NULL AND a.datname = current_database()`
