// Calls that wait for a guest: until it has started (again), or until its pipe has room.

import type { HostError } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'

interface WaitingCall<Target> {
  start(target: Target): void
  refuse(error: HostError): void
}

/** First in, first out. Its bound is the adapter's in-flight limit. */
export class CallQueue<Target> {
  readonly #waiting = new Map<CallId, WaitingCall<Target>>()

  /** Settles as `start` does once it is this call's turn; rejects with the HostError of `refuse` before that. */
  enter<Value>(id: CallId, start: (target: Target) => Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { start: (target) => resolve(start(target)), refuse: reject })
    })
  }

  /** Starts waiting calls in order for as long as the target has room. */
  feed(target: Target, hasRoom: () => boolean): void {
    for (const [id, call] of this.#waiting) {
      if (!hasRoom()) return
      this.#waiting.delete(id)
      call.start(target)
    }
  }

  /** True when the call was waiting: it never started. */
  refuse(id: CallId, error: HostError): boolean {
    const call = this.#waiting.get(id)
    this.#waiting.delete(id)
    call?.refuse(error)
    return call !== undefined
  }

  refuseAll(error: HostError): void {
    for (const id of [...this.#waiting.keys()]) this.refuse(id, error)
  }
}
