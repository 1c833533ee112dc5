// Turns wake-ups into running steps: takes the free permits, claims for them and a little beyond, and starts what it got.

import type { Claim, ClaimSource } from '../model/claim-source.ts'
import { isHostError, messageOf } from '../model/host-error.ts'
import type { StepId, WorkerId } from '../model/ids.ts'
import type { ReservedClaim } from '../model/result-judge.ts'
import type { ClaimedStep, StepRequest } from '../model/step-request.ts'
import type { StepStore } from '../model/step-store.ts'
import { LanesAtHand, type WaitingUses } from './claim-lanes.ts'
import { type ClaimEnd, ClaimLoop } from './claim-loop.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { DispatchCounters, DispatchEvents } from './dispatch-events.ts'
import type { HeldSteps } from './held-steps.ts'
import type { Load, LoadShedding } from './load-shedding.ts'
import { OpenClaim } from './open-claim.ts'
import { PermitLine } from './permit-line.ts'
import type { PollPaceOptions } from './poll-pace.ts'
import { type Handover, type HydratedStep, RowBatches } from './row-batches.ts'
import type { RunnableSteps } from './runnable-steps.ts'
import type { RuntimeRuns } from './runtime-runs.ts'
import type { Semaphore } from './semaphore.ts'
import type { StepExecutor } from './step-executor.ts'

/** A worker with more steps than this is not idle. */
const quietStepsMax = 8

export interface StepConsumerOptions {
  /** Steps that may be claimed ahead of a free permit (design D3). */
  readonly prefetchMax: number
  /** The poll behind the notifications; null: none (`EventDrivenOnly`). */
  readonly poll: PollPaceOptions | null
}

export interface StepConsumerParts {
  readonly source: Pick<ClaimSource, 'claim'>
  readonly store: Pick<StepStore, 'hydrate'>
  readonly runnable: RunnableSteps
  readonly semaphore: Semaphore
  readonly executor: StepExecutor
  readonly runs: RuntimeRuns
  readonly deadlines: DeadlineWheel
  readonly held: HeldSteps
  readonly events: DispatchEvents
  readonly counters: DispatchCounters
  readonly shedding: LoadShedding
  workerId(): WorkerId
  /** Takes steps that cannot start here after all: they go back with their attempt. */
  giveBack(steps: readonly ClaimedStep[], reason: string): void
  /** False: results pile up, claim nothing more. */
  hasRoom(): boolean
  /** Notifications are known to arrive, so that polls may be rare. */
  notified(): boolean
  /** A claim met steps that nobody here can run, and hid their messages for a while. */
  hidForeign(): void
  /** False: what does not start at once must not stay here. */
  mayWait(): boolean
  /** A claim or its hydration failed: steps may be ours without our knowing. */
  claimUnknown(): void
}

interface Room {
  /** Tokens. */
  readonly free: number
  /** Steps. */
  readonly prefetch: number
  readonly lanes: LanesAtHand | null
}

export class StepConsumer {
  #prefetchMax: number
  readonly #parts: StepConsumerParts
  readonly #loop: ClaimLoop
  readonly #line: PermitLine
  readonly #batches: RowBatches
  /** The one that is open; null: none is. */
  #reservation: { readonly tokens: number; readonly ended: Promise<void> } | null = null
  /** The last claim found steps, and could not look into all queues. */
  #anyUnknown = false

  constructor(options: StepConsumerOptions, parts: StepConsumerParts) {
    this.#prefetchMax = options.prefetchMax
    this.#parts = parts
    this.#line = new PermitLine({
      semaphore: parts.semaphore,
      useOf: ([first]) => (first === undefined ? null : parts.runnable.useOf(first.step)),
      refuse: (handover) => {
        const steps = handover.map(({ step }) => step)
        parts.giveBack(steps, 'there was no permit for a last attempt, which waits for none')
      },
      run: (handover, permit) => void parts.executor.run(handover, permit),
    })
    this.#batches = new RowBatches({
      deadlines: parts.deadlines,
      placeOf: (hydrated) => parts.executor.batchPlaceOf(hydrated),
      ready: (handover) => {
        this.#line.add([handover])
        this.#loop.roomFreed()
      },
    })
    this.#loop = new ClaimLoop(options, {
      claim: () => this.#claimAndBegin(),
      hasRoom: () => this.#isWorthAClaim(this.#room()) && parts.hasRoom(),
      notified: () => parts.notified(),
      failed: (error) => this.#failed(error),
    })
  }

  /** How full the worker is. */
  load(): Load {
    const { semaphore } = this.#parts
    const waiting = this.#line.size + this.#batches.waiting
    return { taken: semaphore.taken, waiting, capacity: semaphore.size + this.#prefetchMax }
  }

  /** From the next claim on. */
  resizePrefetch(prefetchMax: number): void {
    this.#prefetchMax = prefetchMax
  }

  /** Why the last claim failed; null when it did not. */
  get fault(): string | null {
    return this.#loop.fault
  }

  /** See `ClaimLoop`. */
  get lastClaimAtMs(): number | null {
    return this.#loop.lastClaimAtMs
  }

  start(): void {
    this.#loop.start()
  }

  /** Something may be in a queue. */
  wake(): void {
    this.#loop.wake()
  }

  /** See `ClaimLoop`. */
  paceChanged(): void {
    this.#loop.paceChanged()
  }

  /** See `ClaimLoop`. */
  databaseAnswered(): void {
    this.#loop.databaseAnswered()
  }

  /** A permit is free: a prefetched step starts at once; claiming goes on only where the last claim left something behind. */
  permitFreed(): void {
    if (this.#loop.claiming) this.#line.startWaiting()
    this.#loop.roomFreed()
  }

  /** null: it would not come when it is woken. */
  get workerId(): WorkerId | null {
    return this.#loop.claiming ? this.#parts.workerId() : null
  }

  /**
   * For steps that somebody in this process is about to enqueue: they start in the same transaction, with permits that are free now. null: the loop
   * claims or is about to, so that others would be overtaken, another reservation is open, there is no room, there are limits to look at, or the worker
   * is busy: then steps gather in the queue and come in batches, which cost less for each.
   */
  reserve(steps: number): ReservedClaim | null {
    const { held, runnable } = this.#parts
    if (!this.#loop.claiming || this.#loop.isDue || this.#reservation !== null || held.size > quietStepsMax) return null
    const { free, lanes } = this.#room()
    if (lanes !== null || free < steps || !this.#parts.hasRoom()) return null
    const open = new OpenClaim({ free: steps, prefetch: 0, runnable: runnable.list(), lanes }, this.#parts)
    const end = this.#holdOpen(steps)
    return {
      request: open.request,
      took: (claim) => void this.#beginTaken(open.took(claim), end),
      tookNothing: () => {
        open.tookNothing()
        end(0)
      },
      unknown: () => {
        open.tookNothing()
        this.#parts.claimUnknown()
        end(0)
      },
    }
  }

  /** Stops claiming and resolves with the steps that were claimed and never started. */
  async stop(): Promise<readonly ClaimedStep[]> {
    await this.#loop.stop()
    await this.#reservation?.ended
    return this.dropPrefetched()
  }

  dropPrefetched(): readonly ClaimedStep[] {
    const handovers = [...this.#line.drop(), ...this.#batches.flush()]
    return handovers.flatMap((handover) => handover.map(({ step }) => step))
  }

  async #claimAndBegin(): Promise<ClaimEnd> {
    const claim = await this.#claim(this.#room())
    this.#begin(claim, await this.#hydrate(claim.steps))
    await this.#parts.runnable.refreshIfOld(claim)
    const found = claim.steps.length > 0
    if (claim.unknown === undefined) {
      this.#anyUnknown = false
      return { found, again: claim.more, leftBehind: claim.leftBehind }
    }
    if (!found) throw claim.unknown.error
    this.#noteUnknown(claim.unknown.error)
    // What failed comes last in the next claim, and if that finds nothing else, it is the one that fails.
    return { found, again: true, leftBehind: true }
  }

  /** A queue that fails in every claim is told of once. */
  #noteUnknown(error: unknown): void {
    if (this.#anyUnknown) this.#parts.claimUnknown()
    else this.#failed(error)
    this.#anyUnknown = true
  }

  #begin(claim: Claim, hydrated: readonly HydratedStep[]): void {
    if (claim.foreign > 0) this.#parts.hidForeign()
    this.#line.add(this.#arranged(this.#batches.add(hydrated)))
    if (!this.#parts.mayWait()) this.#parts.giveBack(this.dropPrefetched(), 'another step runs alone on this worker')
    // Those that could fill the batches will not be claimed.
    const { free, prefetch } = this.#room()
    if (free + prefetch <= 0) this.#line.add(this.#batches.flush())
  }

  /** Where steps have limits or weights, the claim has put them in order by what there is room for. */
  #arranged(handovers: readonly Handover[]): readonly Handover[] {
    return this.#parts.semaphore.isDivided ? handovers : this.#parts.runs.arranged(handovers)
  }

  /** Counts until what is returned is called, with the steps that have begun; `stop` waits for it. */
  #holdOpen(tokens: number): (begun: number) => void {
    let ended = () => {}
    this.#reservation = {
      tokens,
      ended: new Promise((resolve) => {
        ended = resolve
      }),
    }
    return (begun) => {
      this.#reservation = null
      ended()
      // A claim may have left behind what there is room for now.
      if (begun < tokens) this.#loop.wake()
    }
  }

  /** Steps that are ours already begin as those of our own claims, with the permits that were kept for them. Never rejects. */
  async #beginTaken(claim: Claim, end: (begun: number) => void): Promise<void> {
    let hydrated: readonly HydratedStep[] = []
    try {
      hydrated = await this.#hydrate(claim.steps)
    } catch (error) {
      this.#parts.claimUnknown()
      this.#parts.events.warning('steps that were started here could not begin', { error: messageOf(error) })
    }
    end(hydrated.length)
    this.#begin(claim, hydrated)
    // While the reservation was open nothing was claimed ahead.
    this.#loop.roomFreed()
    if (!this.#loop.claiming) this.#parts.giveBack(this.dropPrefetched(), 'the worker stops')
  }

  #failed(error: unknown): void {
    // Not even sent: the failures before were told, and nothing can be ours by it.
    if (isHostError(error, 'CIRCUIT_OPEN')) return
    this.#parts.claimUnknown()
    this.#parts.events.warning('a claim failed; it is tried again', { error: messageOf(error) })
  }

  /**
   * Steps that wait for others of their batch hold no permit and count as prefetched; where they are more than that, they take the place of
   * free permits. Free tokens are saved up for a heavy step that is first in line, and those that are reserved for steps about to start: nothing is
   * claimed ahead that could take them meanwhile.
   */
  #room(): Room {
    const { semaphore, runnable, shedding } = this.#parts
    const ahead = this.#prefetchMax - this.#line.size - this.#batches.waiting
    const free = this.#line.needsTokens ? 0 : Math.max(0, semaphore.free - (this.#reservation?.tokens ?? 0))
    return {
      free: free + Math.min(ahead, 0),
      prefetch: shedding.refusesAhead(this.load()) || this.#reservation !== null ? 0 : Math.max(ahead, 0),
      lanes: semaphore.isDivided ? new LanesAtHand(runnable.list(), semaphore, this.#waitingUses()) : null,
    }
  }

  #waitingUses(): WaitingUses {
    const gathering = this.#batches.members().flatMap(({ step }) => this.#parts.runnable.useOf(step) ?? [])
    return { inLine: this.#line.uses(), gathering }
  }

  /** A round trip for each single step that finished would cost more than the steps: the prefetched ones run down to half first. */
  #isWorthAClaim({ free, prefetch, lanes }: Room): boolean {
    const isWorth = free > 0 || (prefetch > 0 && prefetch >= this.#prefetchMax / 2)
    return isWorth && (lanes === null || lanes.anyIsWorthAClaim({ free, prefetch }))
  }

  async #claim(room: Room): Promise<Claim> {
    const open = new OpenClaim({ ...room, runnable: this.#parts.runnable.list() }, this.#parts)
    try {
      return open.took(await this.#parts.source.claim(open.request))
    } catch (error) {
      open.tookNothing()
      throw error
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
}
