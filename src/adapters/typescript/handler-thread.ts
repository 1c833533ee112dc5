// One worker thread that runs handlers: started, spoken to, and ended when a call in it does not stop.

import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { HostError, isHostError, messageOf } from '../../model/host-error.ts'
import type { CallId, StepId } from '../../model/ids.ts'
import type { CallEvents, CancelReason, HandlerCall, LogRecord, MonotonicMs } from '../../model/runtime-adapter.ts'
import { hostFailure, type StepResult } from '../../model/step-result.ts'
import { type CallObserver, Channel } from '../../protocol/channel.ts'
import type { HelloMessage, LogMessage } from '../../protocol/messages.ts'
import { handlerNames } from '../../protocol/step-envelope.ts'
import { BegunCalls } from './begun-calls.ts'
import { synchronousCallables } from './thread-messages.ts'
import { ThreadOutbox } from './thread-outbox.ts'

export interface ThreadOptions {
  /** The file the thread runs. */
  readonly entry: string
  readonly handlerRoots: readonly string[]
  readonly ignore: readonly string[]
  /** Where the thread writes the bundles of handler files. */
  readonly bundleDirectory: string
  /** The whole environment of the thread. */
  readonly env: Readonly<Record<string, string>>
  readonly inFlightMax: number
  readonly memoryMaxMb: number
  readonly startTimeoutMs: number
  readonly cancelGraceMs: number
  log(record: LogRecord): void
}

interface RunningCall {
  readonly call: HandlerCall
  readonly startedAt: MonotonicMs
  readonly events: CallEvents
  /** Which of the thread's calls it is; null: it was not sent. */
  place: number | null
  /** Code of the author has begun: from here on its attempt is spent. */
  hasStarted: boolean
  /** Set when the call did not stop within the grace after its cancel, which is why the thread ends. */
  overran: { readonly reason: CancelReason; readonly ranMs: number } | null
  grace: NodeJS.Timeout | null
}

/** How a thread came to its end. `abandoned`: it still runs, in native code that nothing can interrupt. */
export type ThreadEnd = 'exited' | 'abandoned'

export class HandlerThread {
  readonly #options: ThreadOptions
  readonly #worker: Worker
  readonly #channel: Channel
  readonly #running = new Map<CallId, RunningCall>()
  readonly #begun = new BegunCalls()
  #sent = 0
  readonly #exited: Promise<void>
  /** null until the thread said hello. */
  #synchronous: ReadonlySet<string> | null = null
  #names: ReadonlySet<string> = new Set()
  #failure: string | null = null
  #resolveOver: (end: ThreadEnd) => void = () => {}
  /** Resolves once the thread serves nobody any more. */
  readonly over = new Promise<ThreadEnd>((resolve) => {
    this.#resolveOver = resolve
  })

  constructor(options: ThreadOptions) {
    this.#options = options
    const { handlerRoots, ignore, bundleDirectory, inFlightMax } = options
    this.#worker = new Worker(options.entry, {
      workerData: { handlerRoots, ignore, bundleDirectory, maxInFlight: inFlightMax, begun: this.#begun.shared },
      env: { ...options.env },
      argv: [],
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: options.memoryMaxMb },
    })
    const outbox = new ThreadOutbox(this.#worker)
    this.#channel = new Channel({
      runtime: 'typescript',
      send: (message) => {
        if (message.type === 'execute') this.#takePlace(message.call_id as CallId)
        outbox.send(message)
      },
      close: () => void this.#terminate(),
      log: (message) => this.#log(message),
      // The host's own loop sees when a thread holds itself up: deadlines are enough.
      heartbeat: () => {},
    })
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#channel.fail(new HostError('RUNTIME_DIED', this.#failure ?? exitMessage(code)))
        this.#resolveOver('exited')
        resolve()
      })
    })
    this.#worker.on('error', (error) => {
      this.#failure = `The handler thread failed: ${messageOf(error)}`
    })
    this.#worker.on('message', (messages: readonly unknown[]) => {
      this.#seeBegun()
      for (const message of messages) this.#receive(message)
    })
    this.#readRawOutput()
  }

  /** Resolves with the thread's hello; rejects with a HostError when it does not come in time, and the thread is ended. */
  async start(): Promise<HelloMessage> {
    const { startTimeoutMs } = this.#options
    const timer = setTimeout(() => {
      const message = `The TypeScript handlers did not load within ${startTimeoutMs} ms; a file that waits or computes at its top level is the usual cause.`
      this.#channel.fail(new HostError('RUNTIME_UNAVAILABLE', message))
    }, startTimeoutMs)
    try {
      const hello = await this.#channel.hello()
      this.#names = handlerNames(hello)
      return hello
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether it takes calls: false from the moment its end is decided. */
  get serving(): boolean {
    return this.#channel.closedBy === null
  }

  /** Whether its hello named the callable, by any of its names. */
  knows(callable: string): boolean {
    return this.#names.has(callable)
  }

  /** Whether the handler holds its thread while it runs. */
  isSynchronous(callable: string): boolean {
    return this.#synchronous?.has(callable) === true
  }

  /** Rejects with HostError only when no code of the author ran; a thread that dies in a call that has started gives `handler_lost`. */
  execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    if (this.#channel.closedBy !== null) return Promise.reject(this.#channel.closedBy)
    const startedAt = performance.now()
    const running: RunningCall = { call, startedAt, events, place: null, hasStarted: false, overran: null, grace: null }
    this.#running.set(call.id, running)
    return this.#channel.execute(call, observerOf(running)).then(
      (results) => {
        this.#forget(running)
        return results
      },
      (error: unknown) => this.#failed(running, error).finally(() => this.#forget(running)),
    )
  }

  async #failed(running: RunningCall, error: unknown): Promise<readonly StepResult[]> {
    if (isHostError(error, 'RUNTIME_BUSY', 'RUNTIME_UNAVAILABLE')) throw error
    this.#seeBegun()
    // Its next thread is not asked before this one is over.
    if (!running.hasStarted) await this.over
    if (!running.hasStarted) throw error
    return running.call.requests.map((request) => this.#lost(request.stepId, running, error))
  }

  #forget({ call, grace }: RunningCall): void {
    if (grace !== null) clearTimeout(grace)
    this.#running.delete(call.id)
  }

  cancel(callId: CallId, reason: CancelReason): void {
    const running = this.#running.get(callId)
    if (running === undefined || running.grace !== null) return
    this.#seeBegun()
    const { cancelGraceMs } = this.#options
    const ranMs = Math.round(performance.now() - running.startedAt)
    this.#channel.cancel(callId, reason, cancelGraceMs)
    running.grace = setTimeout(() => {
      running.overran = { reason, ranMs }
      const message = `A handler beside this one did not stop within ${cancelGraceMs}ms, so their thread was ended.`
      this.#channel.fail(new HostError('RUNTIME_DIED', message))
    }, cancelGraceMs)
  }

  /** Asks the thread to end, ends it after the grace, and resolves when it is over. */
  async stop(): Promise<ThreadEnd> {
    this.#seeBegun()
    this.#channel.shutdown()
    const timer = setTimeout(() => void this.#terminate(), this.#options.cancelGraceMs)
    const end = await this.over
    clearTimeout(timer)
    return end
  }

  /** Resolves when the thread has really exited, which an abandoned one may never do. */
  exited(): Promise<void> {
    return this.#exited
  }

  #receive(message: unknown): void {
    if (this.#synchronous === null) this.#synchronous = synchronousCallables(message)
    this.#channel.receive(message)
  }

  #takePlace(callId: CallId): void {
    const running = this.#running.get(callId)
    if (running !== undefined) running.place = this.#sent
    this.#sent += 1
  }

  /** `started` is said for all calls of a turn before the first of them begins, so what counts is their number. */
  #seeBegun(): void {
    const begun = this.#begun.count
    for (const running of this.#running.values()) {
      if (!running.hasStarted && running.place !== null && running.place < begun) begin(running)
    }
  }

  #log({ step_uuid: step, stream, level, message, fields }: Omit<LogMessage, 'type'>): void {
    const line = { runtime: 'typescript', stream, level, line: message, fields, pid: null } as const
    for (const { call, events } of step === null ? [] : this.#running.values()) {
      const request = call.requests.find(({ stepId }) => stepId === step)
      if (request === undefined) continue
      const { stepId, taskId, correlationId, handler } = request
      events.log({ ...line, step: stepId, task: taskId, correlationId, handler: handler.callable })
      return
    }
    this.#options.log({ ...line, step: step as StepId | null, task: null, correlationId: null, handler: null })
  }

  /** What reaches the thread's streams beside its console: warnings of Node, and the last words of a thread that dies. */
  #readRawOutput(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const lines = createInterface({ input: this.#worker[stream] })
      const level = stream === 'stdout' ? 'info' : 'warn'
      lines.on('line', (message) => this.#log({ step_uuid: null, stream, level, message, fields: null }))
    }
  }

  #lost(stepId: StepId, running: RunningCall, error: unknown): StepResult {
    const { overran } = running
    if (overran === null) return hostFailure(stepId, 'handler_lost', messageOf(error))
    const { reason, ranMs } = overran
    const ended = `did not stop within ${this.#options.cancelGraceMs}ms; its thread was ended.`
    return reason === 'timeout'
      ? hostFailure(stepId, 'handler_timeout', `The handler timed out after ${ranMs}ms and ${ended}`, ranMs)
      : hostFailure(stepId, 'handler_lost', `The handler was cancelled (${reason}) and ${ended}`, ranMs)
  }

  /** A thread inside a synchronous native call cannot be ended: after the grace nobody waits for it any longer. */
  async #terminate(): Promise<void> {
    this.#begun.end()
    const timer = setTimeout(() => {
      this.#channel.fail(new HostError('RUNTIME_DIED', 'The handler thread could not be ended.'))
      this.#worker.unref()
      this.#resolveOver('abandoned')
    }, this.#options.cancelGraceMs)
    try {
      await this.#worker.terminate()
    } finally {
      clearTimeout(timer)
    }
  }
}

const nothing = () => {}

/** What began is seen by the number of calls that have. */
function observerOf(running: RunningCall): CallObserver {
  return {
    accepted: nothing,
    started: nothing,
    checkpoint: (step, data) => running.events.checkpoint(step, data),
  }
}

function begin(running: RunningCall): void {
  running.hasStarted = true
  for (const { stepId } of running.call.requests) running.events.started(stepId)
}

function exitMessage(code: number): string {
  return `The handler thread ended with code ${code}; handlers return or throw, they do not call process.exit.`
}
