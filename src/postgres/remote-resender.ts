// The resend where the queues are elsewhere: asks the steps' database what waits too long, and sends again what has no message.

import type { HostError } from '../model/host-error.ts'
import type { ClaimToken } from '../model/ids.ts'
import type { Resender, Resent } from '../model/resend.ts'
import { type MessageSender, type RefusedMessage, resultQueue, type StepMessage } from '../model/step-message.ts'
import type { Database } from './database.ts'
import { tryDueSweep } from './queries/due-sweep.ts'
import { noteResent, overdueMessages } from './queries/overdue-messages.ts'
import { withoutMessage } from './queries/send-messages.ts'
import type { Queryable } from './statement.ts'

export interface RemoteResenderOptions {
  readonly sender: MessageSender
  /**
   * Where it can be seen which messages are there. null: nobody can look into the queues, so each step is told again once, and again only
   * after `resendAgainMs`: a claim makes the second message harmless, but not a growing queue of them.
   */
  readonly queues: Queryable | null
}

interface ResentPage {
  readonly sent: readonly StepMessage[]
  readonly refused: readonly RefusedMessage[]
  /** Where the next page begins; null: there is none. */
  readonly last: ClaimToken | null
}

const pageMax = 1000
const pagesPerSweepMax = 10
const resendAgainMs = 3_600_000

export class RemoteResender implements Resender {
  readonly #database: Database
  readonly #options: RemoteResenderOptions
  /** Where the walk stands, so that a long queue does not hide what lies behind it. */
  #after: ClaimToken | null = null

  constructor(database: Database, options: RemoteResenderOptions) {
    this.#database = database
    this.#options = options
  }

  resend(age: { readonly olderThanMs: number; readonly everyMs: number }): Promise<Resent | null> {
    return this.#database.transaction(async (transaction) => {
      if (!(await tryDueSweep(transaction, 'resend', age.everyMs * 0.8))) return null
      const refusals = new Map<string, HostError>()
      let resent: Resent = { steps: 0, results: 0, refusals }
      for (let page = 0; page < pagesPerSweepMax; page += 1) {
        const { sent, refused, last } = await this.#resendPage(transaction, age.olderThanMs)
        const results = sent.filter(({ queue }) => queue === resultQueue).length
        resent = { steps: resent.steps + sent.length - results, results: resent.results + results, refusals }
        for (const { message, error } of refused) refusals.set(message.queue, error)
        this.#after = last
        if (last === null) break
      }
      return resent
    })
  }

  async #resendPage(transaction: Queryable, olderThanMs: number): Promise<ResentPage> {
    const { sender, queues } = this.#options
    const notResentWithinMs = queues === null ? resendAgainMs : null
    const overdue = await overdueMessages(transaction, {
      ...{ olderThanMs, notResentWithinMs },
      max: pageMax,
      after: this.#after,
    })
    const last = overdue.length === pageMax ? (overdue.at(-1)?.transition ?? null) : null
    if (overdue.length === 0) return { sent: [], refused: [], last }
    const lonely = queues === null ? overdue : await withoutMessages(queues, overdue)
    const refused = lonely.length > 0 ? await sender.send(lonely) : []
    const left = new Set(refused.map(({ message }) => message))
    if (queues === null) {
      const told = overdue.filter((message) => !left.has(message))
      await noteResent(
        transaction,
        told.map(({ transition }) => transition),
      )
    }
    return { sent: lonely.filter((message) => !left.has(message)), refused, last }
  }
}

async function withoutMessages(queues: Queryable, overdue: readonly StepMessage[]): Promise<readonly StepMessage[]> {
  const lonely: StepMessage[] = []
  for (const queue of new Set(overdue.map((message) => message.queue))) {
    lonely.push(
      ...(await withoutMessage(
        queues,
        queue,
        overdue.filter((message) => message.queue === queue),
      )),
    )
  }
  return lonely
}
