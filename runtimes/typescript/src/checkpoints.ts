// The checkpoints of one call that wait for the host's word.

import { CheckpointNotStored } from './errors.ts'
import type { CheckpointedMessage, Document, GuestMessage } from './messages.ts'

interface Waiter {
  resolve(): void
  reject(error: CheckpointNotStored): void
}

export class Checkpoints {
  readonly #callId: string
  readonly #post: (message: GuestMessage) => void
  readonly #waiting = new Map<number, Waiter>()
  #lastId = 0
  #over = false

  constructor(callId: string, post: (message: GuestMessage) => void) {
    this.#callId = callId
    this.#post = post
  }

  /** Resolves when the host has stored the JSON object. Rejects with CheckpointNotStored. */
  save(stepUuid: string, data: Document): Promise<void> {
    if (this.#over) return Promise.reject(new CheckpointNotStored(callIsOver))
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#post({ type: 'checkpoint', call_id: this.#callId, step_uuid: stepUuid, checkpoint_id: id, data })
    })
  }

  /** Unknown ids are ignored. */
  settle({ checkpoint_id: id, stored, message }: CheckpointedMessage): void {
    const waiter = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (stored) waiter?.resolve()
    else waiter?.reject(new CheckpointNotStored(message ?? 'The host did not store the checkpoint.'))
  }

  /** The call has its result: what still waits, in code that the handler left behind, waits in vain. */
  end(): void {
    this.#over = true
    for (const waiter of this.#waiting.values()) waiter.reject(new CheckpointNotStored(callIsOver))
    this.#waiting.clear()
  }
}

const callIsOver = 'The call is over.'
