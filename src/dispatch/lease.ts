// The worker's life as the database sees it: a heartbeat, and the end of a life that others declared over (design D1).

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { messageOf } from '../model/host-error.ts'
import type { WorkerId } from '../model/ids.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { WorkerRegistry } from '../model/step-store.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import { WakeSignal } from './wake-signal.ts'

export interface LeaseOptions {
  readonly namespaces: readonly string[]
  readonly leaseMs: number
  readonly heartbeatMs: number
}

export interface LeaseParts {
  readonly registry: WorkerRegistry
  readonly events: DispatchEvents
  /** The life under the old id is over: nothing that was claimed under it is ours. Runs before the new registration. */
  lost(): void
  /** After each good heartbeat; `steady` once no heartbeat failed for a whole lease. */
  beat(state: { steady: boolean }): Promise<void>
}

export class Lease implements Lifecycle {
  readonly #options: LeaseOptions
  readonly #parts: LeaseParts
  readonly #signal = new WakeSignal()
  #workerId: WorkerId = newWorkerId()
  #steadySince = 0
  #running = false
  #loop: Promise<void> | null = null
  #beating: Promise<void> | null = null

  constructor(options: LeaseOptions, parts: LeaseParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Random per boot and per registration: a restarted host of the same name is another worker. */
  get workerId(): WorkerId {
    return this.#workerId
  }

  async start(): Promise<void> {
    await this.#register()
    this.#running = true
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    this.#signal.ring()
    await this.#loop
    await this.#beating
    try {
      await this.#parts.registry.leave(this.#workerId)
    } catch (error) {
      this.#parts.events.warning('the worker could not sign off; its lease runs out instead', {
        error: messageOf(error),
      })
    }
  }

  async #run(): Promise<void> {
    while (this.#running) {
      await this.#signal.wait(this.#options.heartbeatMs)
      if (!this.#running) return
      try {
        if (await this.#parts.registry.heartbeat(this.#workerId)) {
          this.#beat({ steady: performance.now() - this.#steadySince >= this.#options.leaseMs })
        } else await this.#beginAgain()
      } catch (error) {
        // A gap: this worker must not judge others until it has seen a whole lease without one.
        this.#steadySince = performance.now()
        this.#parts.events.warning('a heartbeat failed', { error: messageOf(error) })
      }
    }
  }

  /** Beside the heartbeats, one at a time: a slow recovery must not cost this worker its own lease. */
  #beat(state: { steady: boolean }): void {
    this.#beating ??= this.#parts
      .beat(state)
      .catch((error: unknown) => this.#parts.events.warning('a recovery failed', { error: messageOf(error) }))
      .finally(() => {
        this.#beating = null
      })
  }

  async #beginAgain(): Promise<void> {
    this.#parts.events.warning('this worker was declared dead; it lets go of its steps and registers anew', {
      workerId: this.#workerId,
    })
    this.#parts.lost()
    this.#workerId = newWorkerId()
    await this.#register()
  }

  async #register(): Promise<void> {
    await this.#parts.registry.register({
      workerId: this.#workerId,
      host: hostname(),
      namespaces: this.#options.namespaces,
    })
    this.#steadySince = performance.now()
  }
}

function newWorkerId(): WorkerId {
  return randomUUID() as string as WorkerId
}
