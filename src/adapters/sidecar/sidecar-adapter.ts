// Reaches a language through a long-lived child process, and starts that process again when it dies.

import type { HandlerDescriptor, LoadFailure } from '../../model/handler.ts'
import { HostError, isHostError, messageOf } from '../../model/host-error.ts'
import type { CallId } from '../../model/ids.ts'
import type {
  AdapterHealth,
  CallEvents,
  CancelReason,
  HandlerCall,
  LogRecord,
  MonotonicMs,
  RuntimeAdapter,
} from '../../model/runtime-adapter.ts'
import { type HostErrorType, hostFailure, type StepResult } from '../../model/step-result.ts'
import type { HelloMessage } from '../../protocol/messages.ts'
import { announcedHandlers, announcedLoadFailures } from '../../protocol/step-envelope.ts'
import { WireError } from '../../protocol/wire-error.ts'
import { CallQueue } from './call-queue.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { SidecarOptions } from './sidecar-options.ts'
import { SidecarProcess } from './sidecar-process.ts'

/** A call that the guest has got. */
interface RunningCall {
  readonly call: HandlerCall
  readonly events: CallEvents
  readonly sidecar: SidecarProcess
  readonly startedAt: MonotonicMs
  cancelled: CancelReason | null
  /** Fires when a cancelled call has not settled within the grace. */
  graceTimer: NodeJS.Timeout | null
  /** The process was ended because of this call. */
  overdue: boolean
}

/** Deaths in a row after which the runtime counts as unhealthy: a restart alone does not cure it. */
const deathsUntilUnhealthy = 3

export class SidecarAdapter implements RuntimeAdapter {
  readonly name: SidecarOptions['runtime']
  readonly #options: SidecarOptions
  readonly #queue = new CallQueue<SidecarProcess>()
  readonly #running = new Map<CallId, RunningCall>()
  readonly #backoff = new RestartBackoff({ baseMs: 100, maxMs: 10_000, stableMs: 10_000, random: Math.random })
  /** Calls that wait or run; a process holds no more. */
  #held = 0
  #hello: HelloMessage | null = null
  /** The same arrays until another guest says hello: the flow compares them by identity. */
  #announced: { readonly handlers: readonly HandlerDescriptor[]; readonly loadFailures: readonly LoadFailure[] } = {
    handlers: [],
    loadFailures: [],
  }
  /** The process that starts, serves or ends; null between two of them. */
  #sidecar: SidecarProcess | null = null
  #restartTimer: NodeJS.Timeout | null = null
  /** What is wrong while no process serves. */
  #downBecause: string | null = 'it has not been started'
  #stopping = false

  constructor(options: SidecarOptions) {
    this.#options = options
    this.name = options.runtime
  }

  get inFlightMax(): number {
    return Math.min(this.#options.inFlightMax, this.#hello?.max_in_flight ?? this.#options.inFlightMax)
  }

  handlers(): readonly HandlerDescriptor[] {
    return this.#announced.handlers
  }

  loadFailures(): readonly LoadFailure[] {
    return this.#announced.loadFailures
  }

  /** Rejects with RUNTIME_UNAVAILABLE (interpreter missing, no hello in time), PROTOCOL_VERSION or PROTOCOL_ERROR. */
  async start(): Promise<void> {
    this.#stopping = false
    await this.#launch()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer)
    this.#restartTimer = null
    this.#queue.refuseAll(new HostError('ADAPTER_STOPPED', `The ${this.name} runtime is stopping.`))
    await this.#sidecar?.shutDown(this.#options.cancelGraceMs)
  }

  async execute(call: HandlerCall, events: CallEvents): Promise<readonly StepResult[]> {
    if (this.#stopping) throw new HostError('ADAPTER_STOPPED', `The ${this.name} runtime is stopping.`)
    if (this.#held >= this.inFlightMax) {
      throw new HostError('RUNTIME_BUSY', `The ${this.name} runtime holds ${this.#held} of ${this.inFlightMax} calls.`)
    }
    this.#held += 1
    try {
      const results = this.#queue.enter(call.id, (sidecar) => this.#run(call, events, sidecar))
      this.#feed()
      return await results
    } finally {
      this.#held -= 1
    }
  }

  cancel(callId: CallId, reason: CancelReason): void {
    const problem = `The ${this.name} runtime did not take the call in time${this.#downBecause === null ? '' : `: ${this.#downBecause}`}`
    if (this.#queue.refuse(callId, new HostError('RUNTIME_UNAVAILABLE', problem))) return
    const running = this.#running.get(callId)
    if (running === undefined || running.cancelled !== null) return
    running.cancelled = reason
    running.sidecar.channel.cancel(callId, reason)
    const { cancelGraceMs } = this.#options
    running.graceTimer = setTimeout(() => {
      running.overdue = true
      running.sidecar.terminate(`a handler did not stop within ${cancelGraceMs} ms after it was told to`)
    }, cancelGraceMs)
  }

  health(): AdapterHealth {
    if (this.#downBecause === null) return { status: 'healthy', message: null }
    const status = this.#backoff.deaths < deathsUntilUnhealthy && this.#hello !== null ? 'degraded' : 'unhealthy'
    return {
      status,
      message: `The ${this.name} runtime does not serve: ${this.#downBecause}. Run \`stephost doctor\`.`,
    }
  }

  async #run(call: HandlerCall, events: CallEvents, sidecar: SidecarProcess): Promise<readonly StepResult[]> {
    const running: RunningCall = {
      ...{ call, events, sidecar, startedAt: performance.now() },
      ...{ cancelled: null, graceTimer: null, overdue: false },
    }
    this.#running.set(call.id, running)
    try {
      return await sidecar.channel.execute(call)
    } catch (error) {
      return this.#settled(running, error)
    } finally {
      if (running.graceTimer !== null) clearTimeout(running.graceTimer)
      this.#running.delete(call.id)
    }
  }

  /** What a call that got no result comes to: a failure when the guest had it, the HostError when it never left the host. */
  #settled(running: RunningCall, error: unknown): readonly StepResult[] {
    const { call, sidecar } = running
    const ranMs = Math.round(performance.now() - running.startedAt)
    const failAll = (type: HostErrorType, message: string): readonly StepResult[] =>
      call.requests.map((request) => hostFailure(request.stepId, type, message, ranMs))

    if (sidecar.channel.closedBy !== error) {
      if (isHostError(error, 'FRAME_TOO_LARGE')) {
        return failAll('invalid_result', `The step's inputs do not fit: ${error.message}`)
      }
      throw error
    }
    const cause =
      error instanceof WireError ? `The ${this.name} runtime broke the wire: ${error.message}` : messageOf(error)
    if (running.overdue && running.cancelled === 'timeout') {
      return failAll('handler_timeout', `The handler timed out after ${ranMs}ms. ${cause}`)
    }
    return failAll('handler_lost', `The handler was lost after ${ranMs}ms. ${cause}`)
  }

  #feed(): void {
    const sidecar = this.#sidecar
    if (sidecar !== null && this.#downBecause === null) this.#queue.feed(sidecar, () => sidecar.hasRoom)
  }

  async #launch(): Promise<void> {
    const sidecar = new SidecarProcess(this.#options, {
      line: (from, text) => this.#log(from, text),
      roomAgain: () => this.#feed(),
    })
    this.#sidecar = sidecar
    this.#downBecause = 'it is starting'
    try {
      const hello = await sidecar.ready()
      this.#hello = hello
      this.#announced = { handlers: announcedHandlers(hello), loadFailures: announcedLoadFailures(hello) }
    } catch (error) {
      this.#sidecar = null
      this.#downBecause = messageOf(error)
      throw error
    }
    this.#downBecause = null
    void this.#supervise(sidecar)
    this.#feed()
  }

  /** Waits for the end of a process that served, and has it started again. */
  async #supervise(sidecar: SidecarProcess): Promise<void> {
    await sidecar.exited
    this.#sidecar = null
    this.#downBecause = sidecar.channel.closedBy?.message ?? 'it ended'
    this.#restartAfter(sidecar.livedMs)
  }

  #restartAfter(livedMs: number): void {
    if (this.#stopping) return
    const delayMs = this.#backoff.nextDelayMs(livedMs)
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = null
      this.#launch().catch((error: unknown) => {
        if (this.#stopping) return
        this.#options.log(this.#record(`The runtime could not be started again: ${messageOf(error)}`, null))
        this.#restartAfter(0)
      })
    }, delayMs)
  }

  /** A line belongs to a step when only one runs there; the guest's descriptor 2 does not say more. */
  #log(sidecar: SidecarProcess, text: string): void {
    const calls = [...this.#running.values()].filter((running) => running.sidecar === sidecar)
    const [only] = calls
    if (calls.length !== 1 || only === undefined) {
      this.#options.log(this.#record(text, sidecar.pid))
      return
    }
    const step = only.call.requests.length === 1 ? (only.call.requests[0]?.stepId ?? null) : null
    only.events.log({ ...this.#record(text, sidecar.pid), step })
  }

  #record(line: string, pid: number | null): LogRecord {
    return { runtime: this.name, stream: 'stderr', line, pid, step: null }
  }
}
