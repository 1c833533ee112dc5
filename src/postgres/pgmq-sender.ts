// Sends step messages to the pgmq queues of the queue database, in split mode.

import type { MessageSender, StepMessage } from '../model/step-message.ts'
import { sqlStateOf } from './database-fault.ts'
import { createQueue, sendMessages } from './queries/send-messages.ts'
import type { Queryable } from './statement.ts'

const missingTableState = '42P01'

export class PgmqSender implements MessageSender {
  readonly #queues: Queryable

  constructor(queues: Queryable) {
    this.#queues = queues
  }

  async send(messages: readonly StepMessage[]): Promise<void> {
    try {
      await sendMessages(this.#queues, messages)
    } catch (error) {
      // One queue that somebody dropped would hold up the messages of all others.
      if (sqlStateOf(error) !== missingTableState) throw error
      for (const queue of new Set(messages.map((message) => message.queue))) await createQueue(this.#queues, queue)
      await sendMessages(this.#queues, messages)
    }
  }
}
