// Gives calls to threads: the least loaded takes the next one, a synchronous handler gets a thread for itself (design D8).

import { HostError } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'
import type { CallEvents, CancelReason, HandlerCall } from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import type { HandlerThread } from './handler-thread.ts'
import type { ThreadSlot } from './thread-slot.ts'

interface WaitingCall {
  readonly call: HandlerCall
  readonly events: CallEvents
  resolve(results: Promise<readonly StepResult[]>): void
  reject(error: HostError): void
}

interface Place {
  readonly slot: ThreadSlot
  readonly thread: HandlerThread
  readonly exclusive: boolean
}

export class ThreadPool {
  readonly #slots: readonly ThreadSlot[]
  readonly #inFlightMaxPerThread: number
  readonly #waiting: WaitingCall[] = []
  readonly #placed = new Map<CallId, HandlerThread>()
  readonly #idleWaiters: (() => void)[] = []

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

  /** Waits for a thread when none is free. Rejects with HostError when the call never reached one. */
  execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    if (this.#waiting.length + this.#placed.size >= this.inFlightMax) {
      return Promise.reject(new HostError('RUNTIME_BUSY', `The TypeScript runtime holds ${this.inFlightMax} calls.`))
    }
    const place = this.#waiting.length === 0 ? this.#placeFor(call) : null
    if (place !== null) return this.#run(call, events, place)
    return new Promise((resolve, reject) => this.#waiting.push({ call, events, resolve, reject }))
  }

  cancel(callId: CallId, reason: CancelReason): void {
    const thread = this.#placed.get(callId)
    thread?.cancel(callId, reason)
    const index = this.#waiting.findIndex(({ call }) => call.id === callId)
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
      const place = this.#placeFor(next.call)
      if (place === null) return
      this.#waiting.shift()
      next.resolve(this.#run(next.call, next.events, place))
    }
  }

  /** Calls that wait are told so; those inside a thread settle with the thread. */
  rejectWaiting(error: HostError): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
    this.#resumeIfIdle()
  }

  #placeFor(call: HandlerCall): Place | null {
    const callable = call.requests[0]?.handler.callable ?? ''
    let best: Place | null = null
    for (const slot of this.#slots) {
      const { thread } = slot
      if (thread === null || slot.exclusive) continue
      const exclusive = thread.isSynchronous(callable)
      if (slot.load >= (exclusive ? 1 : this.#inFlightMaxPerThread)) continue
      if (best === null || slot.load < best.slot.load) best = { slot, thread, exclusive }
    }
    return best
  }

  async #run(
    call: HandlerCall,
    events: CallEvents,
    { slot, thread, exclusive }: Place,
  ): Promise<readonly StepResult[]> {
    slot.load += 1
    slot.exclusive = exclusive
    this.#placed.set(call.id, thread)
    try {
      return await thread.execute(call, events)
    } finally {
      this.#placed.delete(call.id)
      slot.load -= 1
      slot.exclusive = false
      this.placeWaiting()
      this.#resumeIfIdle()
    }
  }

  #resumeIfIdle(): void {
    if (this.#waiting.length + this.#placed.size === 0) for (const resume of this.#idleWaiters.splice(0)) resume()
  }
}
