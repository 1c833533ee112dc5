// Reaches a language through a pool of long-lived child processes; whatever happens to one of them, each call settles once.

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
  ReloadOutcome,
  RuntimeAdapter,
} from '../../model/runtime-adapter.ts'
import type { StepResult } from '../../model/step-result.ts'
import { WireError } from '../../protocol/wire-error.ts'
import { CallQueue } from './call-queue.ts'
import { endedItself } from './death.ts'
import { poisonFailure } from './evidence.ts'
import { GuestLog } from './guest-log.ts'
import { SidecarCall } from './sidecar-call.ts'
import type { SidecarOptions } from './sidecar-options.ts'
import { SidecarPool } from './sidecar-pool.ts'
import type { SidecarProcess } from './sidecar-process.ts'
import { deathsUntilAlone, Suspects } from './suspects.ts'

/** How often a call may lose its process before it starts; then its step goes back to the queue. */
const movesMax = 3

export class SidecarAdapter implements RuntimeAdapter {
  readonly name: SidecarOptions['runtime']
  readonly isOutside = true
  readonly #options: SidecarOptions
  readonly #pool: SidecarPool
  readonly #queue = new CallQueue<SidecarProcess>()
  readonly #calls = new Map<CallId, SidecarCall>()
  readonly #suspects = new Suspects()
  readonly #log: GuestLog
  /** Steps that run alone do so one after another. */
  #alone: Promise<unknown> = Promise.resolve()
  #stopping = false

  constructor(options: SidecarOptions) {
    this.#options = options
    this.name = options.runtime
    this.#log = new GuestLog({ runtime: options.runtime, calls: () => this.#calls.values(), log: options.log })
    this.#pool = new SidecarPool(options, {
      line: (process, stream, text) => this.#log.line(process, stream, text),
      log: (process, message) => this.#log.message(process, message),
      roomAgain: () => this.#feed(),
      warn: (sentence) => this.#log.warn(sentence),
    })
  }

  get inFlightMax(): number {
    return this.#pool.inFlightMax
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#pool.handlers
  }

  publishers(): readonly PublisherDescriptor[] {
    return this.#pool.publishers
  }

  subscribers(): readonly SubscriberDescriptor[] {
    return this.#pool.subscribers
  }

  resolvers(): readonly ResolverDescriptor[] {
    return this.#pool.resolvers
  }

  loadFailures(): readonly LoadFailure[] {
    return this.#pool.loadFailures
  }

  health(): AdapterHealth {
    return this.#pool.health()
  }

  reload(): Promise<ReloadOutcome> {
    return this.#pool.reload()
  }

  /** Rejects with RUNTIME_UNAVAILABLE (interpreter missing, no hello in time), PROTOCOL_VERSION or PROTOCOL_ERROR. */
  async start(): Promise<void> {
    this.#stopping = false
    await this.#pool.start()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#queue.refuseAll(this.#stopped())
    await this.#pool.stop()
  }

  async execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    if (this.#stopping) throw this.#stopped()
    if (this.#calls.size >= this.inFlightMax) {
      const counts = `${this.#calls.size} of ${this.inFlightMax} calls`
      throw new HostError('RUNTIME_BUSY', `The ${this.name} runtime holds ${counts}.`)
    }
    const running = new SidecarCall(call, events)
    running.isAnnounced = this.#pool.promises(call)
    this.#calls.set(call.id, running)
    try {
      return await (this.#isSuspect(call) ? this.#runAlone(running) : this.#run(running))
    } finally {
      running.settle()
      this.#calls.delete(call.id)
      if (running.process !== null) this.#pool.settled(running.process)
      this.#feed()
    }
  }

  cancel(callId: CallId, reason: CancelReason): void {
    const running = this.#calls.get(callId)
    if (running === undefined || running.cancelled !== null) return
    running.cancelled = reason
    const { downBecause } = this.#pool
    const because = downBecause === null ? '' : `: ${downBecause}`
    const problem = `The ${this.name} runtime did not take the call in time${because}`
    if (this.#queue.refuse(callId, new HostError('RUNTIME_UNAVAILABLE', problem))) return
    this.#stopCall(running, reason)
  }

  #stopCall(running: SidecarCall, reason: CancelReason): void {
    const { process } = running
    if (process === null) return
    const { cancelGraceMs } = this.#options
    process.channel.cancel(running.call.id, reason, cancelGraceMs)
    running.expectEnd(cancelGraceMs, () => {
      running.overdue = true
      process.end('overdue', `a handler did not stop within ${cancelGraceMs} ms after it was told to`)
    })
  }

  /** Waits for a process with room, and runs there. */
  #run(running: SidecarCall): Promise<readonly StepResult[]> {
    const { call, callable } = running
    const process = this.#queue.length === 0 ? this.#pool.choose(callable) : null
    if (process !== null) return this.#runIn(process, running)
    return new Promise((resolve, reject) => {
      const start = (target: SidecarProcess): void => resolve(this.#runIn(target, running))
      const waiting = { id: call.id, callable, start, refuse: reject }
      if (running.moves > 0) this.#queue.enterFirst(waiting)
      else this.#queue.enter(waiting)
    })
  }

  async #runIn(process: SidecarProcess, running: SidecarCall): Promise<readonly StepResult[]> {
    // A file that was broken since may be why, and `handler_not_found` would be permanent.
    if (running.isAnnounced && !process.knows(running.callable)) throw this.#unknown(running)
    running.process = process
    try {
      const results = await process.execute(running.call, running)
      for (const { stepId } of running.call.requests) this.#suspects.clear(stepId)
      return results
    } catch (error) {
      if (process.channel.closedBy !== error) return this.#unsent(running, error)
      if (!running.hasStarted) return this.#move(running, error)
      return this.#lost(running, process, error)
    }
  }

  /** The call never left the host: a failure when its inputs are the reason, else the HostError. */
  #unsent(running: SidecarCall, error: unknown): readonly StepResult[] {
    if (!isHostError(error, 'FRAME_TOO_LARGE')) throw error
    return running.fail('invalid_result', `The step's inputs do not fit: ${error.message}`)
  }

  /** No code of the author has run, so another process may have it, and its attempt is not spent. */
  #move(running: SidecarCall, error: unknown): Promise<readonly StepResult[]> {
    running.process = null
    running.moves += 1
    if (this.#stopping) throw this.#stopped()
    if (running.isAlone || running.cancelled !== null || running.moves > movesMax) throw error
    return this.#run(running)
  }

  #lost(running: SidecarCall, process: SidecarProcess, error: unknown): readonly StepResult[] {
    running.isLost = true
    if (process.blamesHandlers) for (const { stepId } of running.call.requests) this.#suspects.blame(stepId)
    const how = `after ${running.ranMs}ms. ${problemOf(error, this.name)}`
    if (running.overdue && running.cancelled === 'timeout') {
      return running.fail('handler_timeout', `The handler timed out and was killed ${how}${running.lastWords()}`)
    }
    const failures = running.fail('handler_lost', `The handler was lost ${how}${running.lastWords()}`)
    const wasAlone = process.callsTaken === 1 && failures.length === 1
    const isProof = wasAlone && process.death !== null && endedItself(process.death)
    return isProof ? failures.map((failure) => ({ ...failure, endedItsProcess: true })) : failures
  }

  #isSuspect(call: HandlerCall): boolean {
    return call.requests.some(({ stepId }) => this.#suspects.deathsOf(stepId) >= deathsUntilAlone)
  }

  /** In a process that nobody else is in: if that dies too, this step is the cause. */
  #runAlone(running: SidecarCall): Promise<readonly StepResult[]> {
    const results = this.#alone.then(() => this.#runInItsOwn(running))
    this.#alone = results.catch(() => {})
    return results
  }

  async #runInItsOwn(running: SidecarCall): Promise<readonly StepResult[]> {
    running.isAlone = true
    this.#requireWanted(running)
    const process = await this.#pool.launchAlone()
    try {
      this.#requireWanted(running)
      const results = await this.#runIn(process, running)
      return running.isLost && process.blamesHandlers ? this.#poisoned(running, process) : results
    } finally {
      await process.shutDown(this.#options.cancelGraceMs)
    }
  }

  #requireWanted({ cancelled }: SidecarCall): void {
    if (this.#stopping) throw this.#stopped()
    if (cancelled !== null) throw new HostError('RUNTIME_UNAVAILABLE', 'The call was cancelled while it waited.')
  }

  #poisoned(running: SidecarCall, process: SidecarProcess): readonly StepResult[] {
    const { evidenceDirectory: directory, replayOptions } = this.#options
    const { lastLines, ranMs } = running
    const problem = problemOf(process.channel.closedBy, this.name)
    return running.call.requests.map((request) => {
      const deaths = this.#suspects.deathsOf(request.stepId)
      const step = { request, deaths, problem, death: process.death, lastLines, ranMs }
      return poisonFailure(step, { directory, replayOptions })
    })
  }

  #feed(): void {
    if (this.#queue.length > 0) this.#queue.feed((callable) => this.#pool.choose(callable))
  }

  #unknown({ callable }: SidecarCall): HostError {
    const problem = `No process of the ${this.name} runtime has ${callable} any more; its file may not load.`
    return new HostError('RUNTIME_UNAVAILABLE', problem)
  }

  #stopped(): HostError {
    return new HostError('ADAPTER_STOPPED', `The ${this.name} runtime is stopping.`)
  }
}

function problemOf(error: unknown, runtime: string): string {
  const message = messageOf(error)
  return error instanceof WireError ? `The ${runtime} runtime broke the wire: ${message}` : message
}
