// Gives calls to threads: the least loaded takes the next one, a synchronous handler gets a thread for itself (design D8).

import { HostError, isHostError } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'
import type { CallEvents, CancelReason, HandlerCall } from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import type { HandlerThread } from './handler-thread.ts'
import type { ThreadSlot } from './thread-slot.ts'

interface PooledCall {
  readonly call: HandlerCall
  readonly events: CallEvents
  /** Its handler was announced when it came: a thread that does not know it must not have it. */
  readonly isAnnounced: boolean
  isCancelled: boolean
  /** How often its thread ended before it had started. */
  moves: number
}

interface WaitingCall {
  readonly pooled: PooledCall
  resolve(results: Promise<readonly StepResult[]>): void
  reject(error: HostError): void
}

interface Place {
  readonly slot: ThreadSlot
  readonly thread: HandlerThread
  readonly exclusive: boolean
}

/** How often a call may lose its thread before it starts; then its step goes back to the queue. */
const movesMax = 3

export class ThreadPool {
  readonly #slots: readonly ThreadSlot[]
  readonly #inFlightMaxPerThread: number
  readonly #waiting: WaitingCall[] = []
  readonly #placed = new Map<CallId, { readonly pooled: PooledCall; readonly thread: HandlerThread }>()
  readonly #idleWaiters: (() => void)[] = []
  #closedBy: HostError | null = null

  constructor(slots: readonly ThreadSlot[], options: { readonly inFlightMaxPerThread: number }) {
    this.#slots = slots
    this.#inFlightMaxPerThread = options.inFlightMaxPerThread
  }

  get inFlightMax(): number {
    return this.#slots.length * this.#inFlightMaxPerThread
  }

  get readyThreads(): number {
    return this.#slots.filter((slot) => slot.thread !== null).length
  }

  /** Waits for a thread when none is free. Rejects with HostError when the call never started in one. */
  execute(
    call: HandlerCall,
    events: CallEvents,
    { isAnnounced }: { readonly isAnnounced: boolean },
  ): Promise<readonly StepResult[]> {
    if (this.#waiting.length + this.#placed.size >= this.inFlightMax) {
      return Promise.reject(new HostError('RUNTIME_BUSY', `The TypeScript runtime holds ${this.inFlightMax} calls.`))
    }
    const pooled = { call, events, isAnnounced, isCancelled: false, moves: 0 }
    const place = this.#waiting.length === 0 ? this.#placeFor(call) : null
    if (place !== null) return this.#run(pooled, place)
    return new Promise((resolve, reject) => this.#waiting.push({ pooled, resolve, reject }))
  }

  cancel(callId: CallId, reason: CancelReason): void {
    const placed = this.#placed.get(callId)
    if (placed !== undefined) {
      placed.pooled.isCancelled = true
      placed.thread.cancel(callId, reason)
    }
    const index = this.#waiting.findIndex(({ pooled }) => pooled.call.id === callId)
    if (index < 0) return
    const [waiting] = this.#waiting.splice(index, 1)
    const message = `No TypeScript thread became free before the call was cancelled (${reason}).`
    waiting?.reject(new HostError('RUNTIME_BUSY', message))
    this.placeWaiting()
    this.#resumeIfIdle()
  }

  /** Resolves when no call waits or runs. */
  async idle(): Promise<void> {
    if (this.#waiting.length + this.#placed.size === 0) return
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Strictly in order of arrival: a call that needs an idle thread is not overtaken for ever by those that do not. */
  placeWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const place = this.#placeFor(next.pooled.call)
      if (place === null) return
      this.#waiting.shift()
      next.resolve(this.#run(next.pooled, place))
    }
  }

  /** No call waits or moves any more. */
  close(error: HostError): void {
    this.#closedBy = error
    this.rejectWaiting(error)
  }

  /** Calls that wait are told so; those inside a thread settle with the thread. */
  rejectWaiting(error: HostError): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
    this.#resumeIfIdle()
  }

  #placeFor(call: HandlerCall): Place | null {
    const callable = callableOf(call)
    let best: Place | null = null
    let isKnown = false
    for (const slot of this.#slots) {
      const { thread } = slot
      if (thread === null) continue
      // A thread that was replaced after a refused reload has loaded the files that were refused.
      const knows = thread.knows(callable)
      if (knows && !isKnown) best = null
      isKnown ||= knows
      if (knows !== isKnown || slot.exclusive) continue
      const exclusive = thread.isSynchronous(callable)
      if (slot.load >= (exclusive ? 1 : this.#inFlightMaxPerThread)) continue
      if (best === null || slot.load < best.slot.load) best = { slot, thread, exclusive }
    }
    return best
  }

  /** By `then`, as `HandlerThread.execute`: an async function costs each call more. */
  #run(pooled: PooledCall, { slot, thread, exclusive }: Place): Promise<readonly StepResult[]> {
    const { call, events } = pooled
    const callable = callableOf(call)
    if (pooled.isAnnounced && !thread.knows(callable)) {
      this.#resumeIfIdle()
      return Promise.reject(unknown(callable))
    }
    slot.load += 1
    slot.exclusive = exclusive
    this.#placed.set(call.id, { pooled, thread })
    const leave = () => {
      this.#placed.delete(call.id)
      slot.load -= 1
      slot.exclusive = false
      this.placeWaiting()
      this.#resumeIfIdle()
    }
    return thread.execute(call, events).then(
      (results) => {
        leave()
        return results
      },
      (error: unknown) => {
        const moved = !thread.serving && isHostError(error) ? this.#move(pooled, error) : null
        leave()
        if (moved === null) throw error
        return moved
      },
    )
  }

  /** Its thread ended before it had started: another may have it, before all others, and its attempt is not spent (design D9). */
  #move(pooled: PooledCall, error: HostError): Promise<readonly StepResult[]> {
    pooled.moves += 1
    if (this.#closedBy !== null) return Promise.reject(this.#closedBy)
    if (pooled.isCancelled || pooled.moves > movesMax) return Promise.reject(error)
    // Behind those that moved with it, so that they keep their order.
    const others = this.#waiting.findIndex((waiting) => waiting.pooled.moves === 0)
    const at = others < 0 ? this.#waiting.length : others
    return new Promise((resolve, reject) => this.#waiting.splice(at, 0, { pooled, resolve, reject }))
  }

  #resumeIfIdle(): void {
    if (this.#waiting.length + this.#placed.size === 0) for (const resume of this.#idleWaiters.splice(0)) resume()
  }
}

function callableOf(call: HandlerCall): string {
  return call.requests[0]?.handler.callable ?? ''
}

/** `handler_not_found` would be permanent, and its file may only be broken for now. */
function unknown(callable: string): HostError {
  const problem = `No thread of the TypeScript runtime has ${callable} any more; its file may not load.`
  return new HostError('RUNTIME_UNAVAILABLE', problem)
}
