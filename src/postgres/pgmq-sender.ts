// Sends step messages to the pgmq queues of the queue database, in split mode.

import { type HostError, isHostError } from '../model/host-error.ts'
import type { MessageSender, RefusedMessage, StepMessage } from '../model/step-message.ts'
import { sqlStateOf } from './database-fault.ts'
import { createQueue, sendMessages } from './queries/send-messages.ts'
import type { Queryable } from './statement.ts'

const missingTableState = '42P01'
const noRightState = '42501'

export class PgmqSender implements MessageSender {
  readonly #queues: Queryable

  constructor(queues: Queryable) {
    this.#queues = queues
  }

  async send(messages: readonly StepMessage[]): Promise<readonly RefusedMessage[]> {
    try {
      await sendMessages(this.#queues, messages)
      return []
    } catch (error) {
      if (!isOfQueue(error)) throw error
    }
    // One queue that somebody dropped or changed would hold up the messages of all others.
    const refused: RefusedMessage[] = []
    for (const queue of new Set(messages.map((message) => message.queue))) {
      const its = messages.filter((message) => message.queue === queue)
      const error = await this.#refusalOf(queue, its)
      if (error !== null) refused.push(...its.map((message) => ({ message, error })))
    }
    return refused
  }

  /** null: the queue has them. A queue that is missing is made. */
  async #refusalOf(queue: string, messages: readonly StepMessage[]): Promise<HostError | null> {
    try {
      await sendMessages(this.#queues, messages).catch(async (error: unknown) => {
        if (sqlStateOf(error) !== missingTableState) throw error
        await createQueue(this.#queues, queue)
        await sendMessages(this.#queues, messages)
      })
      return null
    } catch (error) {
      if (!isOfQueue(error)) throw error
      return error
    }
  }
}

/** The statement was refused, so it did nothing; the database is there and answers. */
function isOfQueue(error: unknown): error is HostError {
  return isHostError(error, 'DATABASE_FAULT') || (isHostError(error) && sqlStateOf(error) === noRightState)
}
