// The resend where queues and steps are in one database: one statement per namespace finds steps without a message and sends it.

import type { Resender, Resent } from '../model/resend.ts'
import type { Database } from './database.ts'
import { tryDueSweep } from './queries/due-sweep.ts'
import { resendSteps } from './queries/orchestration/recovery.ts'

const perSweepMax = 1000

export class PgmqResender implements Resender {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Results need none: they are sent by the statement that stores them. */
  resend(age: { readonly olderThanMs: number; readonly everyMs: number }): Promise<Resent | null> {
    return this.#database.transaction(async (transaction) => {
      if (!(await tryDueSweep(transaction, 'resend', age.everyMs * 0.8))) return null
      const steps = await resendSteps(transaction, { olderThanMs: age.olderThanMs, max: perSweepMax })
      return { steps, results: 0, refusals: new Map() }
    })
  }
}
