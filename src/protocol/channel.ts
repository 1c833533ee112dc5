// The host's side of one guest without any I/O: hello first, calls by id, and one settlement for each, whatever happens.

import type { RuntimeName } from '../model/handler.ts'
import { HostError, isHostError, messageOf } from '../model/host-error.ts'
import type { CallId, StepId } from '../model/ids.ts'
import type { JsonText } from '../model/json-text.ts'
import type { CancelReason, CheckpointAck, HandlerCall, MonotonicMs } from '../model/runtime-adapter.ts'
import type { StepResult } from '../model/step-result.ts'
import {
  type CheckpointMessage,
  decodeGuestMessage,
  type GuestMessage,
  type HeartbeatMessage,
  type HelloMessage,
  type HostMessage,
  type LogMessage,
  type ProgressMessage,
  type ResultMessage,
} from './messages.ts'
import { executeMessage, stepResult } from './step-envelope.ts'
import { WireError } from './wire-error.ts'

export interface ChannelOptions {
  /** The runtime that was started; a guest that calls itself otherwise is refused. */
  readonly runtime: RuntimeName
  /** Hands a message to the transport. A throw refuses that one message: the call rejects, the channel stays open. */
  send(message: HostMessage): void
  /** Called once, when the channel is over: the transport must end. The reason is what pending calls were told. */
  close(reason: HostError): void
  log(message: LogMessage): void
  heartbeat(message: HeartbeatMessage): void
  /** The clock of `HandlerCall.deadlineAt`; `performance.now()` unless a test brings its own. */
  readonly now?: () => MonotonicMs
}

/** What a call tells before its results. */
export interface CallObserver {
  /** The guest holds it; it waits there. */
  accepted(): void
  /** Code of the author is about to run. At most once. */
  started(): void
  /** Never rejects. `data` is untrusted JSON text. */
  checkpoint(step: StepId, data: JsonText): Promise<CheckpointAck>
}

interface PendingCall {
  readonly call: HandlerCall
  readonly observer: CallObserver
  state: 'sent' | 'accepted' | 'started'
  resolve(results: readonly StepResult[]): void
  reject(error: HostError): void
}

interface Waiter<Value> {
  resolve(value: Value): void
  reject(error: HostError): void
}

/** Serves framed pipes and `postMessage` alike: the transport feeds `receive` with decoded values and ends on `close`. */
export class Channel {
  readonly #options: ChannelOptions
  readonly #now: () => MonotonicMs
  readonly #calls = new Map<string, PendingCall>()
  readonly #pings = new Map<number, Waiter<void>>()
  readonly #helloWaiters: Waiter<HelloMessage>[] = []
  #hello: HelloMessage | null = null
  #closedBy: HostError | null = null
  #reloading = false
  #lastNonce = 0

  constructor(options: ChannelOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Calls that have been sent and not settled. */
  get inFlight(): number {
    return this.#calls.size
  }

  /** What closed the channel; null while it is open. */
  get closedBy(): HostError | null {
    return this.#closedBy
  }

  /** Resolves with the guest's hello; rejects with the HostError that closed the channel before it came. */
  hello(): Promise<HelloMessage> {
    if (this.#closedBy !== null) return Promise.reject(this.#closedBy)
    if (this.#hello !== null) return Promise.resolve(this.#hello)
    return new Promise((resolve, reject) => this.#helloWaiters.push({ resolve, reject }))
  }

  /** One value from the guest, already unpacked and still untrusted. A violation is answered with `error` and closes. */
  receive(value: unknown): void {
    if (this.#closedBy !== null) return
    try {
      this.#dispatch(value)
    } catch (error) {
      this.violate(error instanceof WireError ? error : new WireError('bad_message', messageOf(error)))
    }
  }

  /** Tells the guest what it did wrong and closes; also for what the transport finds below the messages. */
  violate(violation: WireError): void {
    if (this.#closedBy !== null) return
    try {
      this.#options.send({ type: 'error', code: violation.wireCode, message: violation.message })
    } catch {
      // The guest may be gone already; the violation is surfaced by fail() in any case.
    }
    this.fail(violation)
  }

  /**
   * Sends a call and resolves with one result per request, in the same order.
   * Rejects with HostError: RUNTIME_UNAVAILABLE before hello, ADAPTER_STOPPED after reload, RUNTIME_BUSY above `max_in_flight`, whatever `send` threw
   * (FRAME_TOO_LARGE), or the error that closed the channel while the call was pending.
   */
  execute(call: HandlerCall, observer: CallObserver): Promise<readonly StepResult[]> {
    const [first] = call.requests
    if (first === undefined) return Promise.resolve([])
    const refusal = this.#refusal(call)
    if (refusal !== null) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      this.#calls.set(call.id, { call, observer, state: 'sent', resolve, reject })
      try {
        this.#options.send(executeMessage(call, first, this.#now()))
      } catch (error) {
        this.#calls.delete(call.id)
        reject(isHostError(error) ? error : new HostError('RUNTIME_DIED', messageOf(error), { cause: error }))
      }
    })
  }

  /** Asks the guest to stop a call; its one result still comes. Unknown and settled ids are ignored. */
  cancel(callId: CallId, reason: CancelReason, graceMs: number): void {
    if (this.#calls.has(callId)) this.#tell({ type: 'cancel', call_id: callId, reason, grace_ms: graceMs })
  }

  /** Tells the guest that it gets no further calls: it finishes those it has, and exits. */
  reload(): void {
    if (this.#closedBy !== null || this.#reloading) return
    this.#reloading = true
    this.#tell({ type: 'reload' })
  }

  /** Resolves with the guest's answer; rejects with the HostError that closed the channel. The caller sets the limit. */
  ping(): Promise<void> {
    if (this.#closedBy !== null) return Promise.reject(this.#closedBy)
    this.#lastNonce += 1
    const nonce = this.#lastNonce
    return new Promise((resolve, reject) => {
      this.#pings.set(nonce, { resolve, reject })
      this.#tell({ type: 'ping', nonce })
    })
  }

  /** Tells the guest to close; calls that are pending settle when it has gone. */
  shutdown(): void {
    if (this.#closedBy === null) this.#tell({ type: 'shutdown' })
  }

  /** Ends the channel: every pending call, ping and waiter rejects exactly once with this error. Later calls do nothing. */
  fail(error: HostError): void {
    if (this.#closedBy !== null) return
    this.#closedBy = error
    const waiters = [...this.#calls.values(), ...this.#pings.values(), ...this.#helloWaiters]
    this.#calls.clear()
    this.#pings.clear()
    this.#helloWaiters.length = 0
    for (const waiter of waiters) waiter.reject(error)
    this.#options.close(error)
  }

  /** Sends a message that belongs to no caller: when even that fails, the transport is broken and so is the channel. */
  #tell(message: HostMessage): void {
    try {
      this.#options.send(message)
    } catch (error) {
      this.fail(isHostError(error) ? error : new HostError('RUNTIME_DIED', messageOf(error), { cause: error }))
    }
  }

  #refusal(call: HandlerCall): HostError | null {
    if (this.#closedBy !== null) return this.#closedBy
    if (this.#hello === null) {
      return new HostError('RUNTIME_UNAVAILABLE', `The ${this.#options.runtime} runtime has not said hello yet.`)
    }
    if (this.#reloading) {
      return new HostError('ADAPTER_STOPPED', `This ${this.#options.runtime} process gets no further calls.`)
    }
    const limit = this.#hello.max_in_flight
    if (this.#calls.size < limit && !this.#calls.has(call.id)) return null
    return new HostError(
      'RUNTIME_BUSY',
      `The ${this.#options.runtime} runtime holds ${this.#calls.size} of ${limit} calls.`,
    )
  }

  #dispatch(value: unknown): void {
    const message = decodeGuestMessage(value)
    if (message.type === 'error') {
      this.fail(
        new HostError(
          'PROTOCOL_ERROR',
          `The ${this.#options.runtime} runtime reports ${message.code}: ${message.message}`,
        ),
      )
    } else if (message.type === 'hello') {
      this.#greet(message)
    } else if (this.#hello === null) {
      throw new WireError('unexpected_message', `The first message of a guest must be hello, not ${message.type}.`)
    } else {
      this.#hear(message)
    }
  }

  #hear(message: Exclude<GuestMessage, { type: 'hello' | 'error' }>): void {
    if (message.type === 'result') this.#settle(message)
    else if (message.type === 'accepted' || message.type === 'started') this.#progress(message)
    else if (message.type === 'log') this.#options.log(message)
    else if (message.type === 'heartbeat') this.#options.heartbeat(message)
    else if (message.type === 'checkpoint') this.#checkpoint(message)
    else {
      this.#pings.get(message.nonce)?.resolve()
      this.#pings.delete(message.nonce)
    }
  }

  #progress({ type, call_ids: ids }: ProgressMessage): void {
    for (const id of ids) {
      const pending = this.#calls.get(id)
      if (pending === undefined) throw new WireError('unexpected_message', `${type} for no pending call.`)
      if (pending.state === 'started' || pending.state === type) {
        throw new WireError('unexpected_message', `${type} for a call that was ${pending.state} already.`)
      }
      pending.state = type
      pending.observer[type]()
    }
  }

  /** A thread that a handler left behind may ask for a call that is over: that is refused, and no violation. */
  #checkpoint({ call_id, step_uuid, checkpoint_id, data }: CheckpointMessage): void {
    const pending = this.#calls.get(call_id)
    const answer = ({ stored, message }: CheckpointAck): void => {
      if (this.#closedBy === null) this.#tell({ type: 'checkpointed', call_id, checkpoint_id, stored, message })
    }
    const request = pending?.call.requests.find(({ stepId }) => stepId === step_uuid)
    if (pending === undefined || request === undefined) {
      answer({ stored: false, message: 'The call is over, or the step is none of its own.' })
      return
    }
    void pending.observer.checkpoint(request.stepId, data).then(answer)
  }

  #greet(hello: HelloMessage): void {
    if (this.#hello !== null) throw new WireError('unexpected_message', 'A guest must say hello once.')
    if (hello.runtime !== this.#options.runtime) {
      const problem = `A ${this.#options.runtime} runtime was started and a ${hello.runtime} runtime said hello.`
      throw new WireError('unexpected_message', problem)
    }
    this.#hello = hello
    for (const waiter of this.#helloWaiters.splice(0)) waiter.resolve(hello)
  }

  #settle(message: ResultMessage): void {
    const pending = this.#calls.get(message.call_id)
    if (pending === undefined) throw new WireError('unexpected_message', 'A result for no pending call.')
    const { requests } = pending.call
    if (message.results.length !== requests.length) {
      const counts = `${message.results.length} results for ${requests.length} requests`
      throw new WireError('unexpected_message', `A call was answered with ${counts}.`)
    }
    const stray = message.results.find((entry, index) => entry.step_uuid !== requests[index]?.stepId)
    if (stray !== undefined) throw new WireError('unexpected_message', 'A result names another step than its request.')
    this.#calls.delete(message.call_id)
    pending.resolve(message.results.map(stepResult))
  }
}
