// Messages to a handler thread: those of one turn of the event loop go over together, because every hand-over costs a wake-up.

import type { Worker } from 'node:worker_threads'
import type { HostMessage } from '../../protocol/messages.ts'

export class ThreadOutbox {
  readonly #worker: Worker
  #waiting: HostMessage[] = []

  constructor(worker: Worker) {
    this.#worker = worker
  }

  send(message: HostMessage): void {
    this.#waiting.push(message)
    // After all that arrived in this turn: what it starts belongs to the same hand-over.
    if (this.#waiting.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const messages = this.#waiting
    this.#waiting = []
    this.#worker.postMessage(messages)
  }
}
