// Calls that wait for a process with room, first in, first out.

import type { HostError } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'

export interface WaitingCall<Target> {
  readonly id: CallId
  readonly callable: string
  start(target: Target): void
  refuse(error: HostError): void
}

/** Its bound is the adapter's in-flight limit. */
export class CallQueue<Target> {
  #waiting: WaitingCall<Target>[] = []

  get length(): number {
    return this.#waiting.length
  }

  enter(call: WaitingCall<Target>): void {
    this.#waiting.push(call)
  }

  /** For a call that had its turn already, and lost its process before it started. */
  enterFirst(call: WaitingCall<Target>): void {
    this.#waiting.unshift(call)
  }

  /** Starts waiting calls in order for as long as there is a target. `choose` is asked once for each start. */
  feed(choose: (callable: string) => Target | null): void {
    let [next] = this.#waiting
    while (next !== undefined) {
      const target = choose(next.callable)
      if (target === null) return
      this.#waiting.shift()
      next.start(target)
      ;[next] = this.#waiting
    }
  }

  /** True when the call was waiting. */
  refuse(id: CallId, error: HostError): boolean {
    const call = this.#waiting.find((waiting) => waiting.id === id)
    if (call === undefined) return false
    this.#waiting = this.#waiting.filter((waiting) => waiting !== call)
    call.refuse(error)
    return true
  }

  refuseAll(error: HostError): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const call of waiting) call.refuse(error)
  }
}
