// No runtime is sent more calls than it said it can hold: the others wait here, with their permit, in the order in which they came.

import { HostError } from '../model/host-error.ts'
import type { RuntimeAdapter } from '../model/runtime-adapter.ts'

interface Waiting {
  begin(): void
  refuse(error: HostError): void
}

export class RuntimeTurns {
  readonly #running = new Map<RuntimeAdapter, number>()
  readonly #waiting = new Map<RuntimeAdapter, Waiting[]>()

  /** Resolves when the adapter has room; whoever entered leaves. Rejects with ADAPTER_STOPPED when the wait is called off. */
  async enter(adapter: RuntimeAdapter): Promise<void> {
    const running = this.#running.get(adapter) ?? 0
    if (running >= adapter.inFlightMax) {
      // Whoever leaves hands its place on, so the count stays as it is.
      await new Promise<void>((resolve, reject) => {
        const queue = this.#waiting.get(adapter) ?? []
        this.#waiting.set(adapter, [...queue, { begin: resolve, refuse: reject }])
      })
      return
    }
    this.#running.set(adapter, running + 1)
  }

  leave(adapter: RuntimeAdapter): void {
    const [next, ...others] = this.#waiting.get(adapter) ?? []
    this.#waiting.set(adapter, others)
    if (next === undefined) this.#running.set(adapter, (this.#running.get(adapter) ?? 1) - 1)
    else next.begin()
  }

  /** What waits has not started: it is refused, so that its step goes back with its attempt. */
  refuseWaiting(reason: string): void {
    const waiting = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    for (const { refuse } of waiting) refuse(new HostError('ADAPTER_STOPPED', reason))
  }
}
