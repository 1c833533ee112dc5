// The worker's life as the database sees it: a heartbeat, and the end of a life that others declared over (design D1).

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { RunnableStep } from '../model/claim-source.ts'
import { messageOf } from '../model/host-error.ts'
import type { WorkerId } from '../model/ids.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import type { WorkerRegistry } from '../model/step-store.ts'
import { endsWithin } from '../model/time-limit.ts'
import type { DispatchEvents } from './dispatch-events.ts'
import { WakeSignal } from './wake-signal.ts'

export interface LeaseOptions {
  readonly namespaces: readonly string[]
  readonly leaseMs: number
  readonly heartbeatMs: number
}

export interface Beat {
  /** No heartbeat failed or came late for a whole lease: this worker may judge others. */
  readonly steady: boolean
  readonly recoveryDue: boolean
}

export interface LeaseParts {
  readonly registry: WorkerRegistry
  readonly events: DispatchEvents
  /** Steps that this worker has handlers for; the same array while nothing changed. */
  runnable(): readonly RunnableStep[]
  /** The life under the old id is over: nothing that was claimed under it is ours. Runs before the new registration. */
  lost(): void
  /** The lease is certain again after it was not. */
  certain(): void
  /** After each good heartbeat. */
  beat(beat: Beat): Promise<void>
}

/** How long a stop waits for a heartbeat or a recovery under way, and then for the sign-off. */
const signOffMaxMs = 1_000

export class Lease implements Lifecycle {
  readonly #options: LeaseOptions
  readonly #parts: LeaseParts
  readonly #signal = new WakeSignal()
  #workerId: WorkerId = newWorkerId()
  #registered = false
  #told: readonly RunnableStep[] | null = null
  /** When the last heartbeat was sent that was answered, by both clocks. */
  #renewedAt = { monotonicMs: 0, wallMs: 0 }
  #steadySinceMs = 0
  #wasCertain = true
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

  /**
   * False: the last good heartbeat is a lease old, so others may have declared this worker dead. What runs goes on, for that is not known,
   * but nothing may start. Counted from before the heartbeat was sent, and by the clock that is further on: the monotonic one may stand
   * still while a machine is paused.
   */
  get isCertain(): boolean {
    return this.#registered && this.#sinceRenewalMs() < this.#options.leaseMs
  }

  async start(): Promise<void> {
    await this.#register()
    this.#running = true
    this.#loop = this.#run()
  }

  /** Bounded also when PostgreSQL does not answer. `unknownClaims`: a claim may yet commit under our id. */
  async stop({ unknownClaims }: { unknownClaims: boolean } = { unknownClaims: false }): Promise<void> {
    if (!this.#running) return
    this.#running = false
    this.#signal.ring()
    await endsWithin(Promise.all([this.#loop, this.#beating]), signOffMaxMs)
    const leaving = this.#parts.registry.leave(this.#workerId, { unknownClaims })
    const said = 'the worker could not sign off; its lease runs out instead'
    const failed = (error: unknown) => this.#parts.events.warning(said, { error: messageOf(error) })
    if (!(await endsWithin(leaving.catch(failed), signOffMaxMs))) failed(`no answer within ${signOffMaxMs} ms`)
  }

  async #run(): Promise<void> {
    while (this.#running) {
      await this.#signal.wait(this.#options.heartbeatMs)
      if (!this.#running) return
      try {
        if (this.#registered) await this.#heartbeat()
        else await this.#registerAgain()
      } catch (error) {
        // A gap: this worker must not judge others until it has seen a whole lease without one.
        this.#steadySinceMs = performance.now()
        this.#parts.events.warning('a heartbeat failed', { error: messageOf(error) })
      }
      this.#tellCertainty()
    }
  }

  async #heartbeat(): Promise<void> {
    const { leaseMs } = this.#options
    const sentAt = now()
    const waitedMs = this.#sinceRenewalMs()
    const runnable = this.#parts.runnable()
    const answer = await this.#parts.registry.heartbeat(this.#workerId, {
      runnable: runnable === this.#told ? null : runnable,
    })
    if (answer === null) return this.#beginAgain()
    this.#told = runnable
    this.#renewedAt = sentAt
    // Late by half a lease: this worker was paused or cut off, and so may those have been whom it would judge.
    if (Math.max(answer.gapMs, waitedMs) > leaseMs / 2) this.#steadySinceMs = performance.now()
    const steady = performance.now() - this.#steadySinceMs >= leaseMs
    this.#beat({ steady, recoveryDue: answer.recoveryDue })
  }

  /** Beside the heartbeats, one at a time: a slow recovery must not cost this worker its own lease. */
  #beat(beat: Beat): void {
    this.#beating ??= this.#parts
      .beat(beat)
      .catch((error: unknown) => this.#parts.events.warning('a recovery failed', { error: messageOf(error) }))
      .finally(() => {
        this.#beating = null
      })
  }

  async #beginAgain(): Promise<void> {
    this.#parts.events.warning('this worker was declared dead; it lets go of its steps and registers anew', {
      workerId: this.#workerId,
    })
    this.#registered = false
    this.#workerId = newWorkerId()
    this.#parts.lost()
    await this.#register()
  }

  /** Under one more id: the try before may have been committed without an answer. Its row then holds no steps, and others declare it dead. */
  #registerAgain(): Promise<void> {
    this.#workerId = newWorkerId()
    return this.#register()
  }

  async #register(): Promise<void> {
    const sentAt = now()
    const runnable = this.#parts.runnable()
    await this.#parts.registry.register({
      workerId: this.#workerId,
      host: hostname(),
      namespaces: this.#options.namespaces,
      runnable,
    })
    this.#registered = true
    this.#told = runnable
    this.#renewedAt = sentAt
    this.#steadySinceMs = performance.now()
  }

  #tellCertainty(): void {
    const isCertain = this.isCertain
    if (isCertain === this.#wasCertain) return
    this.#wasCertain = isCertain
    if (isCertain) this.#parts.certain()
    else {
      const message =
        'no heartbeat for a whole lease; nothing is started until one succeeds, for others may have taken the steps'
      this.#parts.events.warning(message, { lease_ms: this.#options.leaseMs })
    }
  }

  #sinceRenewalMs(): number {
    const { monotonicMs, wallMs } = now()
    return Math.max(monotonicMs - this.#renewedAt.monotonicMs, wallMs - this.#renewedAt.wallMs)
  }
}

function now(): { monotonicMs: number; wallMs: number } {
  return { monotonicMs: performance.now(), wallMs: Date.now() }
}

function newWorkerId(): WorkerId {
  return randomUUID() as string as WorkerId
}
