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
    // After all promises that are settled in this turn: what they start belongs to the same hand-over.
    if (this.#waiting.length === 1) process.nextTick(() => this.#flush())
  }

  #flush(): void {
    const messages = this.#waiting
    this.#waiting = []
    this.#worker.postMessage(messages)
  }
}
