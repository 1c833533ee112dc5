// Turns wake-ups into running steps: takes the free permits, claims for them and a little beyond, and starts what it got.

import { randomUUID } from 'node:crypto'
import type { Claim, ClaimSource } from '../model/claim-source.ts'
import { messageOf } from '../model/host-error.ts'
import type { ClaimId, StepId, WorkerId } from '../model/ids.ts'
import type { ClaimedStep, StepRequest } from '../model/step-request.ts'
import type { StepStore } from '../model/step-store.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { DispatchCounters, DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'
import { type Handover, type HydratedStep, RowBatches } from './row-batches.ts'
import type { RunnableSteps } from './runnable-steps.ts'
import type { Semaphore } from './semaphore.ts'
import type { StepExecutor } from './step-executor.ts'
import { WakeSignal } from './wake-signal.ts'

/** How soon a failed claim is tried again where no poll stands behind the notifications. */
const failedClaimRetryMs = 1_000

export interface StepConsumerOptions {
  /** Steps that may be claimed ahead of a free permit (design D3). */
  readonly prefetchMax: number
  /** The poll behind the notifications; null: none (`EventDrivenOnly`). */
  readonly pollIntervalMs: number | null
}

export interface StepConsumerParts {
  readonly source: ClaimSource
  readonly store: StepStore
  readonly runnable: RunnableSteps
  readonly semaphore: Semaphore
  readonly executor: StepExecutor
  readonly deadlines: DeadlineWheel
  readonly held: HeldSteps
  readonly events: DispatchEvents
  readonly counters: DispatchCounters
  workerId(): WorkerId
  /** False: results pile up, claim nothing more. */
  hasRoom(): boolean
  /** A claim or its hydration failed: steps may be ours without our knowing. */
  claimUnknown(): void
}

export class StepConsumer {
  readonly #options: StepConsumerOptions
  readonly #parts: StepConsumerParts
  readonly #signal = new WakeSignal()
  readonly #prefetched: Handover[] = []
  readonly #batches: RowBatches
  #loop: Promise<void> | null = null
  #claiming = false
  #unclaimedWork = true
  #fault: string | null = null

  constructor(options: StepConsumerOptions, parts: StepConsumerParts) {
    this.#options = options
    this.#parts = parts
    this.#batches = new RowBatches({
      deadlines: parts.deadlines,
      placeOf: (hydrated) => parts.executor.batchPlaceOf(hydrated),
      ready: (handover) => {
        this.#begin([handover])
        if (this.#unclaimedWork) this.#signal.ring()
      },
    })
  }

  /** Why the last claim failed; null when it did not. */
  get fault(): string | null {
    return this.#fault
  }

  start(): void {
    this.#claiming = true
    this.#loop ??= this.#run()
  }

  /** Something may be in a queue. */
  wake(): void {
    this.#unclaimedWork = true
    this.#signal.ring()
  }

  /** A permit is free: a prefetched step starts at once; claiming goes on only where the last claim left something behind. */
  permitFreed(): void {
    this.#startPrefetched()
    if (this.#unclaimedWork) this.#signal.ring()
  }

  /** Stops claiming and resolves with the steps that were claimed and never started. */
  async stop(): Promise<readonly ClaimedStep[]> {
    this.#claiming = false
    this.#signal.ring()
    await this.#loop
    this.#loop = null
    return this.dropPrefetched()
  }

  dropPrefetched(): readonly ClaimedStep[] {
    const handovers = [...this.#prefetched.splice(0), ...this.#batches.flush()]
    return handovers.flatMap((handover) => handover.map(({ step }) => step))
  }

  async #run(): Promise<void> {
    while (this.#claiming) {
      let waitMs = this.#options.pollIntervalMs
      try {
        while (this.#claiming && this.#unclaimedWork && (await this.#claimOnce())) {}
        this.#fault = null
      } catch (error) {
        waitMs ??= failedClaimRetryMs
        this.#fault = messageOf(error)
        this.#parts.claimUnknown()
        this.#parts.events.warning('a claim failed; it is tried again', { error: messageOf(error) })
      }
      if (!this.#claiming) return
      await this.#signal.wait(waitMs)
      this.#unclaimedWork = true
    }
  }

  /** Resolves with true when another claim is worth its while right now. */
  async #claimOnce(): Promise<boolean> {
    const { free, prefetch } = this.#room()
    if (free + prefetch <= 0 || !this.#parts.hasRoom()) return false
    this.#unclaimedWork = false
    const claim = await this.#claim(free, prefetch)
    this.#unclaimedWork ||= claim.more || claim.leftBehind
    this.#begin(this.#batches.add(await this.#hydrate(claim.steps)))
    // Those that could fill the batches will not be claimed.
    if (!this.#hasRoom()) this.#begin(this.#batches.flush())
    await this.#parts.runnable.refreshIfOld(claim)
    return claim.more
  }

  /**
   * Steps that wait for others of their batch hold no permit and count as prefetched; where they are more than that, they take the place of
   * free permits. Nothing is prefetched while a permit is free.
   */
  #room(): { free: number; prefetch: number } {
    const waiting = this.#prefetched.reduce((sum, handover) => sum + handover.length, this.#batches.waiting)
    const prefetch = this.#options.prefetchMax - waiting
    return { free: this.#parts.semaphore.free + Math.min(prefetch, 0), prefetch: Math.max(prefetch, 0) }
  }

  #hasRoom(): boolean {
    const { free, prefetch } = this.#room()
    return free + prefetch > 0
  }

  async #claim(free: number, prefetch: number): Promise<Claim> {
    const { held, source, counters } = this.#parts
    const claimId = randomUUID() as string as ClaimId
    let steps: readonly ClaimedStep[] = []
    held.claimBegins(claimId)
    try {
      const runnable = this.#parts.runnable.list()
      const workerId = this.#parts.workerId()
      const claim = await source.claim({ workerId, claimId, free, prefetch, runnable })
      // Declared dead meanwhile: these steps belong to nobody, and recovery takes them.
      if (workerId !== this.#parts.workerId()) return { ...claim, steps: [] }
      steps = claim.steps
      counters.claimed += steps.length
      counters.setAside.malformed += claim.setAside.malformed
      counters.setAside.gone += claim.setAside.gone
      counters.setAside.stale += claim.setAside.stale
      return claim
    } finally {
      held.claimEnds(claimId, steps)
    }
  }

  /** Steps that cannot be hydrated are let go of: they are ours in the database, and the next look at our own steps gives them back. */
  async #hydrate(steps: readonly ClaimedStep[]): Promise<readonly HydratedStep[]> {
    if (steps.length === 0) return []
    let requests: ReadonlyMap<StepId, StepRequest>
    try {
      requests = await this.#parts.store.hydrate(steps)
    } catch (error) {
      for (const step of steps) this.#parts.held.letGo(step)
      throw error
    }
    // The lease may have been lost meanwhile: then the steps are no longer held, and run elsewhere.
    return steps
      .filter((step) => this.#parts.held.has(step))
      .map((step) => ({ step, request: requests.get(step.stepId) ?? null }))
  }

  /** Those with their last attempt come first, so they never end up among the prefetched. */
  #begin(handovers: readonly Handover[]): void {
    const permits = this.#parts.semaphore.take(handovers.length)
    handovers.forEach((handover, index) => {
      const permit = permits[index]
      if (permit === undefined) this.#prefetched.push(handover)
      else void this.#parts.executor.run(handover, permit)
    })
  }

  #startPrefetched(): void {
    while (this.#claiming && this.#prefetched.length > 0) {
      const [permit] = this.#parts.semaphore.take(1)
      if (permit === undefined) return
      const next = this.#prefetched.shift()
      if (next === undefined) permit.release()
      else void this.#parts.executor.run(next, permit)
    }
  }
}
