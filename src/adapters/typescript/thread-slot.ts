// A place for one handler thread: when its thread ends, the next one starts.

import { setTimeout as delay } from 'node:timers/promises'
import { HostError, isHostError, messageOf } from '../../model/host-error.ts'
import type { HelloMessage } from '../../protocol/messages.ts'
import { HandlerThread, type ThreadOptions } from './handler-thread.ts'

/** Waits between attempts to start a thread that does not come up. */
const restartDelayMsMin = 100
const restartDelayMsMax = 5_000

export interface SlotEvents {
  /** A thread is ready for calls. */
  ready(): void
  /** A replacement did not start; another attempt follows. */
  startFailed(error: HostError): void
  abandoned(thread: HandlerThread): void
}

export class ThreadSlot {
  /** Calls given to the present thread and not settled; kept by the pool. */
  load = 0
  /** True while a synchronous handler has the thread for itself; kept by the pool. */
  exclusive = false
  readonly #options: ThreadOptions
  readonly #events: SlotEvents
  readonly #stopping = new AbortController()
  #starting: HandlerThread | null = null
  #thread: HandlerThread | null = null
  #keeping: Promise<void> | null = null

  constructor(options: ThreadOptions, events: SlotEvents) {
    this.#options = options
    this.#events = events
  }

  /** The thread that takes calls; null while there is none. */
  get thread(): HandlerThread | null {
    return this.#thread?.serving ? this.#thread : null
  }

  /** Starts the first thread and keeps one running from then on. Rejects with a HostError and leaves nothing running. */
  async start(): Promise<HelloMessage> {
    const { thread, hello } = await this.#startThread()
    this.#keeping = this.#keep(thread)
    return hello
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([this.#starting?.stop(), this.#thread?.stop()])
    await this.#keeping
  }

  async #startThread(): Promise<{ thread: HandlerThread; hello: HelloMessage }> {
    const thread = new HandlerThread(this.#options)
    this.#starting = thread
    try {
      const hello = await thread.start()
      if (this.#stopping.signal.aborted) throw new HostError('ADAPTER_STOPPED', 'The TypeScript runtime is stopping.')
      return { thread, hello }
    } catch (error) {
      const end = await thread.stop()
      if (end === 'abandoned') this.#events.abandoned(thread)
      throw isHostError(error) ? error : new HostError('RUNTIME_UNAVAILABLE', messageOf(error), { cause: error })
    } finally {
      this.#starting = null
    }
  }

  async #keep(first: HandlerThread): Promise<void> {
    for (let thread: HandlerThread | null = first; thread !== null; thread = await this.#replacement()) {
      this.#thread = thread
      this.#events.ready()
      const end = await thread.over
      this.#thread = null
      if (end === 'abandoned') this.#events.abandoned(thread)
    }
  }

  /** The next thread, however many attempts it takes; null when the slot stops. */
  async #replacement(): Promise<HandlerThread | null> {
    let delayMs = restartDelayMsMin
    while (!this.#stopping.signal.aborted) {
      try {
        return (await this.#startThread()).thread
      } catch (error) {
        if (isHostError(error)) this.#events.startFailed(error)
        await delay(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
        delayMs = Math.min(delayMs * 2, restartDelayMsMax)
      }
    }
    return null
  }
}
