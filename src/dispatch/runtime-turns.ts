// No runtime is sent more calls than it can hold right now: the others wait here, with their permit, in the order in which they came.

import { HostError, type HostErrorCode } from '../model/host-error.ts'
import type { RuntimeAdapter } from '../model/runtime-adapter.ts'
import type { Deadline, DeadlineWheel } from './deadline.ts'

interface Waiting {
  begin(): void
  refuse(error: HostError): void
}

interface Line {
  running: number
  readonly waiting: Waiting[]
}

/** A pool that grows or breaks tells nobody, so a line is looked at again this often for as long as somebody stands in it. */
const lookAgainMs = 50

export class RuntimeTurns {
  readonly #lines = new Map<RuntimeAdapter, Line>()
  readonly #deadlines: DeadlineWheel
  #look: Deadline | null = null

  constructor(deadlines: DeadlineWheel) {
    this.#deadlines = deadlines
  }

  /**
   * Resolves when the adapter has room; whoever entered leaves. Rejects with ADAPTER_STOPPED when the wait is called off, and with
   * RUNTIME_UNAVAILABLE when the runtime breaks meanwhile: its steps must not keep permits that other languages could use.
   */
  enter(adapter: RuntimeAdapter): Promise<void> {
    const line = this.#lines.get(adapter) ?? { running: 0, waiting: [] }
    this.#lines.set(adapter, line)
    return new Promise((resolve, reject) => {
      line.waiting.push({ begin: resolve, refuse: reject })
      this.#admit(adapter, line)
      this.#lookLater()
    })
  }

  /** Enters where there is room and nobody waits for it; most need no wait. */
  tryEnter(adapter: RuntimeAdapter): boolean {
    const line = this.#lines.get(adapter) ?? { running: 0, waiting: [] }
    if (line.waiting.length > 0 || line.running >= adapter.inFlightMax) return false
    line.running += 1
    this.#lines.set(adapter, line)
    return true
  }

  leave(adapter: RuntimeAdapter): void {
    const line = this.#lines.get(adapter)
    if (line === undefined) return
    line.running -= 1
    this.#admit(adapter, line)
    if (line.running === 0 && line.waiting.length === 0) this.#lines.delete(adapter)
  }

  /** What waits has not started: it is refused, so that its step goes back with its attempt. */
  refuseWaiting(reason: string): void {
    for (const line of this.#lines.values()) refuse(line, 'ADAPTER_STOPPED', reason)
    this.#look?.clear()
    this.#look = null
  }

  /** The limit is asked each time: it follows the processes that a runtime has. */
  #admit(adapter: RuntimeAdapter, line: Line): void {
    while (line.running < adapter.inFlightMax) {
      const next = line.waiting.shift()
      if (next === undefined) return
      line.running += 1
      next.begin()
    }
  }

  #lookLater(): void {
    const anyWaits = [...this.#lines.values()].some((line) => line.waiting.length > 0)
    if (this.#look !== null || !anyWaits) return
    this.#look = this.#deadlines.set(performance.now() + lookAgainMs, () => {
      this.#look = null
      this.#lookAgain()
    })
  }

  #lookAgain(): void {
    for (const [adapter, line] of this.#lines) {
      this.#admit(adapter, line)
      const { status, message } = adapter.health()
      if (status === 'unhealthy')
        refuse(line, 'RUNTIME_UNAVAILABLE', message ?? `The ${adapter.name} runtime is unhealthy.`)
    }
    this.#lookLater()
  }
}

function refuse(line: Line, code: HostErrorCode, reason: string): void {
  for (const waiting of line.waiting.splice(0)) waiting.refuse(new HostError(code, reason))
}
