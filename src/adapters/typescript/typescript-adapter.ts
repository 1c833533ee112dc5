// Runs TypeScript and JavaScript handlers in worker threads of this process (design D8).

import { mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HandlerDescriptor, LoadFailure } from '../../model/handler.ts'
import { HostError, isHostError, messageOf } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'
import type {
  AdapterHealth,
  CallEvents,
  CancelReason,
  HandlerCall,
  LogRecord,
  RuntimeAdapter,
} from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import { announcedHandlers, announcedLoadFailures } from '../../protocol/step-envelope.ts'
import type { HandlerThread } from './handler-thread.ts'
import { threadEntry } from './thread-entry.ts'
import { ThreadPool } from './thread-pool.ts'
import { ThreadSlot } from './thread-slot.ts'

export interface TypeScriptAdapterOptions {
  readonly handlerRoots: readonly string[]
  /** The whole environment of handlers, already reduced to what they may see (design D15). */
  readonly env: Readonly<Record<string, string>>
  /** Takes lines that belong to no call. */
  log(record: LogRecord): void
  /** Default: one per core. */
  readonly threads?: number
  /** Calls of `async` handlers that one thread holds at once, default 8. A synchronous handler always has its thread for itself. */
  readonly inFlightMaxPerThread?: number
  /** Heap limit of one thread, default 512. A thread above it dies and its calls are `handler_lost`. */
  readonly memoryMaxMb?: number
  /** Time for all handler files to load, default 30 000. */
  readonly startTimeoutMs?: number
  /** Between a cancel and the end of the thread, and again until a thread that does not end is abandoned; default 5 000. */
  readonly cancelGraceMs?: number
  /** Threads that could not be ended until the adapter calls itself unhealthy, default 2. */
  readonly abandonedThreadsMax?: number
}

export class TypeScriptAdapter implements RuntimeAdapter {
  readonly name = 'typescript'
  readonly inFlightMax: number
  readonly #options: Required<TypeScriptAdapterOptions>
  #pool: ThreadPool | null = null
  #slots: readonly ThreadSlot[] = []
  #directory: string | null = null
  #handlers: readonly HandlerDescriptor[] = []
  #loadFailures: readonly LoadFailure[] = []
  #abandoned = 0
  #startFailure: HostError | null = null

  constructor(options: TypeScriptAdapterOptions) {
    this.#options = {
      threads: availableParallelism(),
      inFlightMaxPerThread: 8,
      memoryMaxMb: 512,
      startTimeoutMs: 30_000,
      cancelGraceMs: 5_000,
      abandonedThreadsMax: 2,
      ...options,
    }
    this.inFlightMax = this.#options.threads * this.#options.inFlightMaxPerThread
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#handlers
  }

  loadFailures(): readonly LoadFailure[] {
    return this.#loadFailures
  }

  /** Rejects with HANDLERS_DIR_MISSING or RUNTIME_UNAVAILABLE. A handler file that does not load is no reason to. */
  async start(): Promise<void> {
    const { handlerRoots, env, memoryMaxMb, startTimeoutMs, cancelGraceMs, inFlightMaxPerThread } = this.#options
    try {
      for (const root of handlerRoots) await requireDirectory(root)
      const directory = await mkdtemp(join(tmpdir(), 'stephost-typescript-'))
      this.#directory = directory
      const entry = await threadEntry(directory)
      const thread = {
        entry,
        handlerRoots,
        env,
        memoryMaxMb,
        startTimeoutMs,
        cancelGraceMs,
        bundleDirectory: directory,
        inFlightMax: inFlightMaxPerThread,
        log: (record: LogRecord) => this.#options.log(record),
      }
      const events = {
        ready: () => this.#threadReady(),
        startFailed: (error: HostError) => this.#threadMissing(error),
        abandoned: (abandoned: HandlerThread) => this.#threadAbandoned(abandoned),
      }
      this.#slots = Array.from({ length: this.#options.threads }, () => new ThreadSlot(thread, events))
      this.#pool = new ThreadPool(this.#slots, { inFlightMaxPerThread })
      const [hello] = await Promise.all(this.#slots.map((slot) => slot.start()))
      if (hello === undefined)
        throw new HostError('CONFIG_INVALID', 'The TypeScript runtime needs at least one thread.')
      this.#handlers = announcedHandlers(hello)
      this.#loadFailures = announcedLoadFailures(hello)
    } catch (error) {
      await this.stop()
      throw isHostError(error) ? error : new HostError('RUNTIME_UNAVAILABLE', messageOf(error), { cause: error })
    }
  }

  /** Calls that are still running settle as `handler_lost`. */
  async stop(): Promise<void> {
    this.#pool?.rejectWaiting(stopped())
    this.#pool = null
    await Promise.all(this.#slots.map((slot) => slot.stop()))
    this.#slots = []
    const directory = this.#directory
    this.#directory = null
    // What stays behind in a temporary directory is no reason to fail a stop.
    if (directory !== null) await rm(directory, { recursive: true, force: true }).catch(() => undefined)
  }

  execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    return this.#pool === null ? Promise.reject(stopped()) : this.#pool.execute(call, events)
  }

  cancel(callId: CallId, reason: CancelReason): void {
    this.#pool?.cancel(callId, reason)
  }

  health(): AdapterHealth {
    const { threads, abandonedThreadsMax } = this.#options
    const ready = this.#pool?.readyThreads ?? 0
    const stuck = `${this.#abandoned} TypeScript threads are stuck in native calls that cannot be interrupted`
    if (this.#abandoned >= abandonedThreadsMax) {
      return { status: 'unhealthy', message: `${stuck}; restart the worker to be rid of them.` }
    }
    if (ready === 0) {
      const message = this.#startFailure?.message ?? 'No TypeScript thread is running yet.'
      return { status: 'unhealthy', message }
    }
    if (this.#abandoned > 0)
      return { status: 'degraded', message: `${stuck}; find the handler in the log by its timeout.` }
    if (ready < threads)
      return { status: 'degraded', message: `${ready} of ${threads} TypeScript threads run; the others restart.` }
    return { status: 'healthy', message: null }
  }

  #threadReady(): void {
    this.#startFailure = null
    this.#pool?.placeWaiting()
  }

  /** While other threads serve, calls wait for those. */
  #threadMissing(error: HostError): void {
    this.#startFailure = error
    if (this.#pool?.readyThreads === 0) this.#pool.rejectWaiting(error)
  }

  #threadAbandoned(thread: HandlerThread): void {
    this.#abandoned += 1
    void thread.exited().then(() => {
      this.#abandoned -= 1
    })
  }
}

function stopped(): HostError {
  return new HostError('ADAPTER_STOPPED', 'The TypeScript runtime is not running.')
}

async function requireDirectory(root: string): Promise<void> {
  const found = await stat(root).catch(() => null)
  if (found?.isDirectory()) return
  throw new HostError('HANDLERS_DIR_MISSING', `The handler directory ${root} does not exist.`)
}
