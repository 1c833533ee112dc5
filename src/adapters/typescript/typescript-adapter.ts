// Runs TypeScript and JavaScript handlers in worker threads of this process (design D8).

import { stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type {
  HandlerDescriptor,
  LoadFailure,
  PublisherDescriptor,
  ResolverDescriptor,
  SubscriberDescriptor,
} from '../../model/handler.ts'
import { HostError, isHostError, messageOf } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'
import type {
  AdapterHealth,
  CallEvents,
  CancelReason,
  HandlerCall,
  LogRecord,
  ReloadOutcome,
  RuntimeAdapter,
} from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import { Announcement } from '../../protocol/announcement.ts'
import type { HandlerThread } from './handler-thread.ts'
import { ThreadGeneration } from './thread-generation.ts'
import type { ThreadPool } from './thread-pool.ts'

export interface TypeScriptAdapterOptions {
  readonly handlerRoots: readonly string[]
  /** Names of files and directories that are not loaded, `*` and `?` allowed. Default: none. */
  readonly ignore?: readonly string[]
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
  readonly #announcement = new Announcement()
  /** The version that gets calls; null while there is none. */
  #generation: ThreadGeneration | null = null
  /** Versions whose last calls are still running, or that do not serve yet. */
  readonly #others = new Set<ThreadGeneration>()
  #reloading: Promise<unknown> = Promise.resolve()
  #reloadProblem: string | null = null
  #abandoned = 0
  #startFailure: HostError | null = null

  constructor(options: TypeScriptAdapterOptions) {
    this.#options = {
      ignore: [],
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
    return this.#announcement.handlers
  }

  publishers(): readonly PublisherDescriptor[] {
    return this.#announcement.publishers
  }

  subscribers(): readonly SubscriberDescriptor[] {
    return this.#announcement.subscribers
  }

  resolvers(): readonly ResolverDescriptor[] {
    return this.#announcement.resolvers
  }

  loadFailures(): readonly LoadFailure[] {
    return this.#announcement.loadFailures
  }

  /** Rejects with HANDLERS_DIR_MISSING or RUNTIME_UNAVAILABLE. A handler file that does not load is no reason to. */
  async start(): Promise<void> {
    try {
      for (const root of this.#options.handlerRoots) await requireDirectory(root)
      const generation = await this.#open()
      this.#generation = generation
      this.#others.delete(generation)
      this.#announcement.adopt(await generation.start())
    } catch (error) {
      await this.stop()
      throw isHostError(error) ? error : new HostError('RUNTIME_UNAVAILABLE', messageOf(error), { cause: error })
    }
  }

  /** Calls that are still running settle as `handler_lost`, those that have not started reject. */
  async stop(): Promise<void> {
    const generation = this.#generation
    this.#generation = null
    await Promise.all([generation?.stop(), ...[...this.#others].map((other) => other.stop())])
    await this.#reloading
  }

  /** Fresh threads load the files: a module cannot be loaded twice in one. */
  reload(): Promise<ReloadOutcome> {
    const outcome = this.#reloading.then(() => this.#reload())
    this.#reloading = outcome
    return outcome
  }

  execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    return this.#pool === null
      ? Promise.reject(stopped())
      : this.#pool.execute(call, events, { isAnnounced: this.#announcement.promises(call) })
  }

  cancel(callId: CallId, reason: CancelReason): void {
    for (const generation of [this.#generation, ...this.#others]) generation?.pool.cancel(callId, reason)
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
    if (this.#reloadProblem !== null) {
      return { status: 'degraded', message: `TypeScript serves the handlers from before: ${this.#reloadProblem}` }
    }
    return { status: 'healthy', message: null }
  }

  get #pool(): ThreadPool | null {
    return this.#generation?.pool ?? null
  }

  async #open(): Promise<ThreadGeneration> {
    const { threads, inFlightMaxPerThread, handlerRoots, ignore, env, memoryMaxMb, startTimeoutMs, cancelGraceMs } =
      this.#options
    const log = (record: LogRecord): void => this.#options.log(record)
    const thread = { handlerRoots, ignore, env, memoryMaxMb, startTimeoutMs, cancelGraceMs, log }
    const generation = await ThreadGeneration.open(
      { threads, inFlightMaxPerThread, thread },
      {
        ready: () => this.#threadReady(),
        startFailed: (error) => this.#threadMissing(error),
        abandoned: (abandoned) => this.#threadAbandoned(abandoned),
      },
    )
    this.#others.add(generation)
    return generation
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#generation === null) return { live: false, problem: 'the TypeScript runtime is not running' }
    try {
      const fresh = await this.#open()
      const problem = await this.#refusal(fresh)
      const old = this.#generation
      // It may have been stopped meanwhile; then the fresh threads have been stopped with it.
      if (problem !== null || old === null) {
        await this.#leave(fresh, fresh.stop())
        return { live: false, problem: problem ?? 'the TypeScript runtime is stopping' }
      }
      this.#others.delete(fresh)
      this.#generation = fresh
      void this.#leave(old, old.retire())
      return { live: true, problem: null }
    } catch (error) {
      this.#reloadProblem = messageOf(error)
      return { live: false, problem: messageOf(error) }
    }
  }

  /** null: its threads are warm and what it announces serves from now on. */
  async #refusal(fresh: ThreadGeneration): Promise<string | null> {
    try {
      const hello = await fresh.start()
      this.#reloadProblem = this.#announcement.refusal(hello)
      if (this.#reloadProblem === null) this.#announcement.adopt(hello)
    } catch (error) {
      this.#reloadProblem = messageOf(error)
    }
    return this.#reloadProblem
  }

  async #leave(generation: ThreadGeneration, end: Promise<void>): Promise<void> {
    this.#others.add(generation)
    await end
    this.#others.delete(generation)
  }

  #threadReady(): void {
    this.#startFailure = null
    // A version that ends may have calls that wait for the thread, too.
    for (const generation of [this.#generation, ...this.#others]) generation?.pool.placeWaiting()
  }

  /** While other threads serve, calls wait for those. */
  #threadMissing(error: HostError): void {
    this.#startFailure = error
    for (const generation of [this.#generation, ...this.#others]) {
      if (generation?.pool.readyThreads === 0) generation.pool.rejectWaiting(error)
    }
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
