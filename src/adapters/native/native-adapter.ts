// Runs handlers of native libraries (Rust, C) inside this process, on the addon's own threads (design D6).

import type {
  HandlerDescriptor,
  LoadFailure,
  PublisherDescriptor,
  ResolverDescriptor,
  SubscriberDescriptor,
} from '../../model/handler.ts'
import { HostError, messageOf } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'
import type {
  AdapterHealth,
  CallEvents,
  CancelReason,
  CheckpointAck,
  HandlerCall,
  LogRecord,
  ReloadOutcome,
  RuntimeAdapter,
} from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import { decodePayload, encodePayload } from '../../protocol/codec.ts'
import { decodeGuestMessage } from '../../protocol/messages.ts'
import { executeMessage } from '../../protocol/step-envelope.ts'
import { abiCodes, addonPath, entryKinds, entrySize, type HandlerHost, loadAddon, type NativeAddon } from './addon.ts'
import { crashSentences, journalDirectory } from './crash-notes.ts'
import type { FoundLibraries } from './handler-libraries.ts'
import { LibraryLoader, type LoadedHandlers } from './library-loader.ts'
import { failCall, readAnswer } from './native-answer.ts'
import { NativeCall, nativeLine, nativeWarning } from './native-call.ts'

export interface NativeAdapterOptions {
  /** Looks for libraries, at the start and for each reload. Throws HANDLERS_DIR_MISSING. */
  find(): FoundLibraries
  /** Calls that run at once. */
  readonly threads: number
  /** Largest message either way, default 16 MiB. */
  readonly messageBytesMax?: number
  /** Between a cancel and the moment the thread is left behind, default 5 000. */
  readonly cancelGraceMs?: number
  /** Threads left behind until the adapter calls itself unhealthy, default 2; as many are replaced. */
  readonly abandonedThreadsMax?: number
  /** Where it is noted what runs, so that the next start can say what crashed; null, the default: nowhere. */
  readonly journalDirectory?: string | null
  /** The built addon; the package's own by default. */
  readonly addonPath?: string
  /** Takes what belongs to no single call. */
  log(record: LogRecord): void
}

/** A cancel that overtakes the start of its call is repeated until the library knows the call. */
const cancelRepeatMs = 5
/** Log lines and checkpoints of all libraries that may wait for this thread. */
const waitingBytesMax = 32 * 1024 * 1024

/** How long this thread looks for an answer before it sleeps: being woken costs as much. */
const lookMs = 0.05
/** With more calls than these in flight there is always an answer soon. */
const lookCallsMax = 4

const nothingLoaded: LoadedHandlers = { handlers: [], failures: [], routes: new Map() }

const noResolvers: readonly ResolverDescriptor[] = []

export class NativeAdapter implements RuntimeAdapter {
  readonly name = 'rust'
  readonly inFlightMax: number
  readonly #options: Required<NativeAdapterOptions>
  readonly #byTicket = new Map<number, NativeCall>()
  readonly #byId = new Map<CallId, NativeCall>()
  readonly #idleWaiters: (() => void)[] = []
  #found: FoundLibraries = { libraries: [], loadFailures: [] }
  #loaded = nothingLoaded
  #host: HandlerHost | null = null
  #loader: LibraryLoader | null = null
  #stopping = false
  #lastTicket = 0
  #looksUntil = 0
  #looking = false

  constructor(options: NativeAdapterOptions) {
    this.#options = {
      messageBytesMax: 16 * 1024 * 1024,
      cancelGraceMs: 5_000,
      abandonedThreadsMax: 2,
      journalDirectory: null,
      addonPath: addonPath(),
      ...options,
    }
    this.inFlightMax = options.threads
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#loaded.handlers
  }

  publishers(): readonly PublisherDescriptor[] {
    return []
  }

  subscribers(): readonly SubscriberDescriptor[] {
    return []
  }

  resolvers(): readonly ResolverDescriptor[] {
    return noResolvers
  }

  loadFailures(): readonly LoadFailure[] {
    return [...this.#found.loadFailures, ...this.#loaded.failures]
  }

  /** Rejects with RUNTIME_UNAVAILABLE when there are libraries and no addon to load them. A library that does not load is no reason to. */
  async start(): Promise<void> {
    this.#stopping = false
    if (this.#host !== null) return
    this.#found = this.#options.find()
    if (this.#found.libraries.length === 0) return
    this.#host = this.#openHost(loadAddon(this.#options.addonPath))
    this.#loader = new LibraryLoader(this.#host)
    this.#loaded = this.#loader.load(this.#found.libraries)
  }

  /** Asks running handlers to stop and waits for each at most the grace. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const callId of [...this.#byId.keys()]) this.cancel(callId, 'shutdown')
    if (this.#byId.size > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
    this.#host?.close()
    this.#host = null
    // It belongs to that host.
    this.#loader = null
  }

  async execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    const [first] = call.requests
    if (first === undefined) return []
    if (this.#stopping) throw new HostError('ADAPTER_STOPPED', 'The Rust runtime is stopping.')
    const library = this.#loaded.routes.get(first.handler.callable)
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
    return this.#run(this.#host, { call, events, library }, message)
  }

  cancel(callId: CallId, reason: CancelReason): void {
    const running = this.#byId.get(callId)
    if (running === undefined || running.cancelled !== null) return
    const { cancelGraceMs } = this.#options
    running.cancelled = reason
    running.expectEnd(cancelGraceMs, () => this.#giveUp(running))
    this.#tell(running, encodePayload({ type: 'cancel', call_id: callId, reason, grace_ms: cancelGraceMs }))
  }

  /** New versions serve from the next call on, and what runs ends in the old one. Refused as a whole when a file that serves does not load. */
  reload(): Promise<ReloadOutcome> {
    try {
      return Promise.resolve(this.#reload())
    } catch (error) {
      return Promise.resolve({ live: false, problem: messageOf(error) })
    }
  }

  health(): AdapterHealth {
    const abandoned = this.#host?.abandonedThreads() ?? 0
    if (abandoned === 0) return { status: 'healthy', message: null }
    const stuck = `${abandoned} native threads are lost in handlers that ignored their cancellation`
    return abandoned >= this.#options.abandonedThreadsMax
      ? { status: 'unhealthy', message: `${stuck}; restart the worker to be rid of them.` }
      : { status: 'degraded', message: `${stuck}; find the handler in the log by its timeout.` }
  }

  #openHost(addon: NativeAddon): HandlerHost {
    const { threads, abandonedThreadsMax, messageBytesMax } = this.#options
    const limits = { threads, queueMax: threads, abandonedThreadsMax, answerBytesMax: messageBytesMax, waitingBytesMax }
    const journal = journalDirectory(this.#options.journalDirectory)
    if (journal !== null) {
      for (const sentence of crashSentences(addon, journal)) this.#options.log(nativeWarning(sentence, null))
    }
    const options = journal === null ? limits : { ...limits, journalDirectory: journal }
    return new addon.HandlerHost(options, (bytes, index) => this.#take(bytes, index))
  }

  #reload(): ReloadOutcome {
    if (this.#stopping) return { live: false, problem: 'the Rust runtime is stopping' }
    const found = this.#options.find()
    this.#host ??= this.#openHost(loadAddon(this.#options.addonPath))
    this.#loader ??= new LibraryLoader(this.#host)
    const loaded = this.#loader.load(found.libraries)
    const serving = new Set(this.#loaded.handlers.map(({ file }) => file))
    const broken = [...found.loadFailures, ...loaded.failures].find(({ file }) => serving.has(file))
    if (broken !== undefined) return { live: false, problem: broken.message }
    this.#found = found
    this.#loaded = loaded
    return { live: true, problem: null }
  }

  #run(
    host: HandlerHost,
    parts: { readonly call: HandlerCall; readonly events: CallEvents; readonly library: number },
    message: Uint8Array,
  ): Promise<readonly StepResult[]> {
    return new Promise((resolve, reject) => {
      this.#lastTicket += 1
      const running = new NativeCall({ ticket: this.#lastTicket, ...parts, resolve, reject })
      this.#byTicket.set(running.ticket, running)
      this.#byId.set(parts.call.id, running)
      if (!host.execute(running.library, running.ticket, message)) {
        this.#forget(running)
        reject(new HostError('RUNTIME_BUSY', 'The Rust runtime has no thread for another call.'))
        return
      }
      // A thread of its own takes it at once; nobody can tell when it enters the library, so from here on it counts as started. Where threads
      // are lost for good it may wait for one in vain, and then its attempt is not spent: it has started when something is heard of it.
      if (host.abandonedThreads() <= this.#options.abandonedThreadsMax) running.started()
      this.#look()
    })
  }

  /** While an immediate is due the event loop does not sleep, so it sees completions at once. */
  #look(): void {
    if (this.#byId.size > lookCallsMax) return
    this.#looksUntil = performance.now() + lookMs
    if (this.#looking) return
    this.#looking = true
    const again = (): void => {
      this.#looking = this.#byId.size > 0 && performance.now() < this.#looksUntil
      if (this.#looking) setImmediate(again)
    }
    setImmediate(again)
  }

  #tell(running: NativeCall, message: Uint8Array): void {
    if (this.#host?.cancel(running.library, message) !== abiCodes.noSuchCall) return
    running.repeatAfter(cancelRepeatMs, () => this.#tell(running, message))
  }

  #take(bytes: Uint8Array, index: Float64Array): void {
    let offset = 0
    for (let at = 0; at < index.length; at += entrySize) {
      const [kind, id, code, length] = [index[at], index[at + 1] ?? 0, index[at + 2] ?? 0, index[at + 3] ?? 0]
      const content = bytes.subarray(offset, offset + length)
      offset += length
      if (kind === entryKinds.result) this.#complete(id, code, content)
      else this.#hear(content, kind === entryKinds.question ? id : null)
    }
  }

  #complete(ticket: number, code: number, message: Uint8Array): void {
    const running = this.#byTicket.get(ticket)
    if (running === undefined) return
    running.started()
    this.#forget(running)
    running.resolve(readAnswer(running.call, code, message))
  }

  /** A message that a library sent by itself. One that is none is said and dropped: it must not cost a call. */
  #hear(content: Uint8Array, question: number | null): void {
    const answer = ({ stored, message }: CheckpointAck, callId: string, id: number) => {
      if (question === null) return
      const ack = { type: 'checkpointed', call_id: callId, checkpoint_id: id, stored, message }
      this.#host?.answer(question, encodePayload(ack))
    }
    try {
      const message = decodeGuestMessage(decodePayload(content))
      if (question === null && message.type === 'log') {
        const running = [...this.#byId.values()].find((call) => call.request(message.step_uuid) !== null)
        const line = nativeLine(message, running?.request(message.step_uuid) ?? null)
        if (running === undefined) this.#options.log(line)
        else running.log(line)
      } else if (question !== null && message.type === 'checkpoint') {
        const running = this.#byId.get(message.call_id as CallId)
        const refused = { stored: false, message: 'The call is over.' }
        const { call_id: callId, checkpoint_id: id } = message
        void (running?.checkpoint(message) ?? Promise.resolve(refused)).then((ack) => answer(ack, callId, id))
      } else {
        throw new Error(`a library may send log and ask checkpoint, not ${message.type}`)
      }
    } catch (error) {
      const problem = messageOf(error)
      this.#options.log(nativeWarning(`A native library sent what is no message: ${problem}`, null))
      answer({ stored: false, message: problem }, '', 0)
    }
  }

  /** The grace is over. A thread cannot be ended from outside: it is left behind, and its answer will be dropped. */
  #giveUp(running: NativeCall): void {
    const outcome = this.#host?.abandon(running.ticket)
    // Its completion is already on the way to this thread.
    if (outcome === 'unknown') return
    this.#forget(running)
    if (outcome !== 'abandoned') {
      const reason = 'every thread is held by a handler that does not end'
      running.reject(new HostError('RUNTIME_UNAVAILABLE', `The Rust runtime did not take the call in time: ${reason}.`))
      return
    }
    running.started()
    const { call, cancelled, ranMs, callable } = running
    const rest = 'it ignored its cancellation, and its thread was left behind'
    const line = `${callable} was told to stop (${cancelled}): ${rest}`
    this.#options.log(nativeWarning(line, call.requests[0] ?? null))
    running.resolve(
      cancelled === 'timeout'
        ? failCall(call, 'handler_timeout', `The handler timed out after ${ranMs}ms; ${rest}.`, ranMs)
        : failCall(call, 'handler_lost', `The handler was given up after ${ranMs} ms (${cancelled}); ${rest}.`, ranMs),
    )
  }

  #forget(running: NativeCall): void {
    running.settle()
    this.#byTicket.delete(running.ticket)
    this.#byId.delete(running.call.id)
    if (this.#byId.size === 0) for (const resume of this.#idleWaiters.splice(0)) resume()
  }
}
