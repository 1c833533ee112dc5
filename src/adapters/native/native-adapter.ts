// Runs handlers of native libraries (Rust, C) inside this process, on the addon's own threads (design D6).

import type {
  HandlerDescriptor,
  LoadFailure,
  PublisherDescriptor,
  ResolverDescriptor,
  SubscriberDescriptor,
} from '../../model/handler.ts'
import { HostError } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'
import type {
  AdapterHealth,
  CallEvents,
  CancelReason,
  HandlerCall,
  LogRecord,
  MonotonicMs,
  ReloadOutcome,
  RuntimeAdapter,
} from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import { encodePayload } from '../../protocol/codec.ts'
import { executeMessage } from '../../protocol/step-envelope.ts'
import { abiCodes, addonPath, type HandlerHost, loadAddon, type NativeCompletion } from './addon.ts'
import type { FoundLibraries } from './handler-libraries.ts'
import { loadLibraries } from './library-loader.ts'
import { failCall, readAnswer } from './native-answer.ts'

/** What `findHandlerLibraries` found, and how to run it. */
export interface NativeAdapterOptions extends FoundLibraries {
  /** Calls that run at once. */
  readonly threads: number
  /** Largest message either way, default 16 MiB. */
  readonly messageBytesMax?: number
  /** Between a cancel and the moment the thread is left behind, default 5 000. */
  readonly cancelGraceMs?: number
  /** Threads left behind until the adapter calls itself unhealthy, default 2; as many are replaced. */
  readonly abandonedThreadsMax?: number
  /** The built addon; the package's own by default. */
  readonly addonPath?: string
  /** Takes what the host itself has to say about a thread that was left behind. */
  log(record: LogRecord): void
}

interface RunningCall {
  readonly ticket: number
  readonly library: number
  readonly call: HandlerCall
  readonly startedAt: MonotonicMs
  resolve(results: readonly StepResult[]): void
  reject(error: HostError): void
  cancelled: CancelReason | null
  graceTimer: NodeJS.Timeout | null
  repeatTimer: NodeJS.Timeout | null
}

/** A cancel that overtakes the start of its call is repeated until the library knows the call. */
const cancelRepeatMs = 5

export class NativeAdapter implements RuntimeAdapter {
  readonly name = 'rust'
  readonly inFlightMax: number
  readonly #options: Required<NativeAdapterOptions>
  readonly #byTicket = new Map<number, RunningCall>()
  readonly #byId = new Map<CallId, RunningCall>()
  #host: HandlerHost | null = null
  #handlers: readonly HandlerDescriptor[] = []
  #failures: readonly LoadFailure[] = []
  #routes: ReadonlyMap<string, number> = new Map()
  readonly #idleWaiters: (() => void)[] = []
  #stopping = false
  #lastTicket = 0

  constructor(options: NativeAdapterOptions) {
    this.#options = {
      messageBytesMax: 16 * 1024 * 1024,
      cancelGraceMs: 5_000,
      abandonedThreadsMax: 2,
      addonPath: addonPath(),
      ...options,
    }
    this.inFlightMax = options.threads
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#handlers
  }

  publishers(): readonly PublisherDescriptor[] {
    return []
  }

  subscribers(): readonly SubscriberDescriptor[] {
    return []
  }

  resolvers(): readonly ResolverDescriptor[] {
    return []
  }

  loadFailures(): readonly LoadFailure[] {
    return [...this.#options.loadFailures, ...this.#failures]
  }

  /** Rejects with RUNTIME_UNAVAILABLE when there are libraries and no addon to load them. A library that does not load is no reason to. */
  async start(): Promise<void> {
    this.#stopping = false
    const { libraries, threads, abandonedThreadsMax, messageBytesMax } = this.#options
    if (this.#host !== null || libraries.length === 0) return
    const addon = loadAddon(this.#options.addonPath)
    const limits = { threads, queueMax: threads, abandonedThreadsMax, answerBytesMax: messageBytesMax }
    this.#host = new addon.HandlerHost(limits, (completions) => {
      for (const completion of completions) this.#complete(completion)
    })
    const loaded = loadLibraries(this.#host, libraries)
    this.#handlers = loaded.handlers
    this.#failures = loaded.failures
    this.#routes = loaded.routes
  }

  /** Asks running handlers to stop and waits for each at most the grace. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const callId of [...this.#byId.keys()]) this.cancel(callId, 'shutdown')
    if (this.#byId.size > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
    this.#host?.close()
    this.#host = null
  }

  async execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    const [first] = call.requests
    if (first === undefined) return []
    if (this.#stopping) throw new HostError('ADAPTER_STOPPED', 'The Rust runtime is stopping.')
    const library = this.#routes.get(first.handler.callable)
    if (library === undefined || this.#host === null) {
      return failCall(call, 'handler_not_found', `No native library has a handler named ${first.handler.callable}.`)
    }
    if (this.#byId.size >= this.inFlightMax || this.#byId.has(call.id)) {
      throw new HostError('RUNTIME_BUSY', `The Rust runtime holds ${this.#byId.size} of ${this.inFlightMax} calls.`)
    }
    const message = encodePayload(executeMessage(call, first, performance.now()))
    const { messageBytesMax } = this.#options
    if (message.length > messageBytesMax) {
      const sizes = `${message.length} bytes, at most ${messageBytesMax}`
      return failCall(call, 'invalid_result', `The step's inputs do not fit into one message: ${sizes}.`)
    }
    const results = this.#run(this.#host, call, library, message)
    // A thread of its own takes it at once; nobody can tell when it enters the library, so from here on it counts as started.
    if (this.#byId.has(call.id)) for (const { stepId } of call.requests) events.started(stepId)
    return results
  }

  cancel(callId: CallId, reason: CancelReason): void {
    const running = this.#byId.get(callId)
    if (running === undefined || running.cancelled !== null) return
    running.cancelled = reason
    running.graceTimer = setTimeout(() => this.#giveUp(running), this.#options.cancelGraceMs)
    this.#tell(
      running,
      encodePayload({ type: 'cancel', call_id: callId, reason, grace_ms: this.#options.cancelGraceMs }),
    )
  }

  /** A library cannot be unloaded soundly, and a new version needs a new path: that is the build's work. */
  reload(): Promise<ReloadOutcome> {
    const problem = 'Rust and C libraries are loaded at the start; restart the worker.'
    return Promise.resolve({ live: false, problem })
  }

  health(): AdapterHealth {
    const abandoned = this.#host?.abandonedThreads() ?? 0
    if (abandoned === 0) return { status: 'healthy', message: null }
    const stuck = `${abandoned} native threads are lost in handlers that ignored their cancellation`
    return abandoned >= this.#options.abandonedThreadsMax
      ? { status: 'unhealthy', message: `${stuck}; restart the worker to be rid of them.` }
      : { status: 'degraded', message: `${stuck}; find the handler in the log by its timeout.` }
  }

  #run(host: HandlerHost, call: HandlerCall, library: number, message: Uint8Array): Promise<readonly StepResult[]> {
    return new Promise((resolve, reject) => {
      this.#lastTicket += 1
      const running: RunningCall = {
        ...{ ticket: this.#lastTicket, library, call, startedAt: performance.now(), resolve, reject },
        ...{ cancelled: null, graceTimer: null, repeatTimer: null },
      }
      this.#byTicket.set(running.ticket, running)
      this.#byId.set(call.id, running)
      if (host.execute(library, running.ticket, message)) return
      this.#forget(running)
      reject(new HostError('RUNTIME_BUSY', 'The Rust runtime has no thread for another call.'))
    })
  }

  #tell(running: RunningCall, message: Uint8Array): void {
    running.repeatTimer = null
    if (this.#host?.cancel(running.library, message) !== abiCodes.noSuchCall) return
    running.repeatTimer = setTimeout(() => this.#tell(running, message), cancelRepeatMs)
  }

  #complete(completion: NativeCompletion): void {
    const running = this.#byTicket.get(completion.ticket)
    if (running === undefined) return
    this.#forget(running)
    running.resolve(readAnswer(running.call, completion))
  }

  /** The grace is over. A thread cannot be ended from outside: it is left behind, and its answer will be dropped. */
  #giveUp(running: RunningCall): void {
    const outcome = this.#host?.abandon(running.ticket)
    // Its completion is already on the way to this thread.
    if (outcome === 'unknown') return
    this.#forget(running)
    if (outcome !== 'abandoned') {
      const reason = 'every thread is held by a handler that does not end'
      running.reject(new HostError('RUNTIME_UNAVAILABLE', `The Rust runtime did not take the call in time: ${reason}.`))
      return
    }
    const ranMs = Math.round(performance.now() - running.startedAt)
    const { call, cancelled } = running
    const rest = `it did not stop within ${this.#options.cancelGraceMs} ms after it was told to, and its thread was left behind`
    const [step] = call.requests
    this.#options.log({
      ...{ runtime: this.name, stream: 'stderr', level: 'warn', pid: process.pid, fields: null },
      ...{ step: step?.stepId ?? null, task: step?.taskId ?? null, correlationId: step?.correlationId ?? null },
      handler: step?.handler.callable ?? null,
      line: `${step?.handler.callable ?? 'A handler'} ignored its cancellation (${cancelled}): ${rest}`,
    })
    running.resolve(
      cancelled === 'timeout'
        ? failCall(call, 'handler_timeout', `The handler timed out after ${ranMs}ms; ${rest}.`, ranMs)
        : failCall(call, 'handler_lost', `The handler was given up after ${ranMs} ms (${cancelled}); ${rest}.`, ranMs),
    )
  }

  #forget(running: RunningCall): void {
    if (running.graceTimer !== null) clearTimeout(running.graceTimer)
    if (running.repeatTimer !== null) clearTimeout(running.repeatTimer)
    this.#byTicket.delete(running.ticket)
    this.#byId.delete(running.call.id)
    if (this.#byId.size === 0) for (const resume of this.#idleWaiters.splice(0)) resume()
  }
}
