// Turns wake-ups into running steps: takes the free permits, claims for them and a little beyond, and starts what it got.

import { randomUUID } from 'node:crypto'
import type { Claim, ClaimSource } from '../model/claim-source.ts'
import { messageOf } from '../model/host-error.ts'
import type { ClaimId, StepId, WorkerId } from '../model/ids.ts'
import type { ClaimedStep, StepRequest } from '../model/step-request.ts'
import type { StepStore } from '../model/step-store.ts'
import type { DispatchCounters, DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'
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
  readonly held: HeldSteps
  readonly events: DispatchEvents
  readonly counters: DispatchCounters
  workerId(): WorkerId
  /** False: results pile up, claim nothing more. */
  hasRoom(): boolean
  /** A claim or its hydration failed: steps may be ours without our knowing. */
  claimUnknown(): void
}

interface HydratedStep {
  readonly step: ClaimedStep
  readonly request: StepRequest | null
}

export class StepConsumer {
  readonly #options: StepConsumerOptions
  readonly #parts: StepConsumerParts
  readonly #signal = new WakeSignal()
  readonly #prefetched: HydratedStep[] = []
  #loop: Promise<void> | null = null
  #claiming = false
  #unclaimedWork = true
  #fault: string | null = null

  constructor(options: StepConsumerOptions, parts: StepConsumerParts) {
    this.#options = options
    this.#parts = parts
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
    return this.#prefetched.splice(0).map(({ step }) => step)
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
    // Only this loop and prefetched steps take permits, and there are no prefetched steps while a permit is free.
    const free = this.#parts.semaphore.free
    const prefetch = this.#options.prefetchMax - this.#prefetched.length
    if (free + prefetch <= 0 || !this.#parts.hasRoom()) return false
    this.#unclaimedWork = false
    const claim = await this.#claim(free, prefetch)
    this.#unclaimedWork ||= claim.more || claim.leftBehind
    this.#begin(await this.#hydrate(claim.steps))
    await this.#parts.runnable.refreshIfOld(claim)
    return claim.more
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

  /** Those with their last attempt come first in a claim, so they never end up among the prefetched. */
  #begin(steps: readonly HydratedStep[]): void {
    const permits = this.#parts.semaphore.take(steps.length)
    steps.forEach((hydrated, index) => {
      const permit = permits[index]
      if (permit === undefined) this.#prefetched.push(hydrated)
      else void this.#parts.executor.run(hydrated.step, hydrated.request, permit)
    })
  }

  #startPrefetched(): void {
    while (this.#claiming && this.#prefetched.length > 0) {
      const [permit] = this.#parts.semaphore.take(1)
      if (permit === undefined) return
      const next = this.#prefetched.shift()
      if (next === undefined) permit.release()
      else void this.#parts.executor.run(next.step, next.request, permit)
    }
  }
}
