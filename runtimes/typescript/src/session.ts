// The guest's side of the conversation: hello once, one result per execute, cancelled or not (PROTOCOL.md §3).

import { Call, type CallPorts } from './call.ts'
import type { Executor } from './executor.ts'
import type { CancelWord, ExecuteMessage, HostMessage, RequestEntry, ResultEntry } from './messages.ts'
import type { StandardOutput } from './standard-output.ts'

export interface SessionOptions extends CallPorts {
  readonly executor: Pick<Executor, 'run' | 'runBatch' | 'runEvent'>
  readonly output: Pick<StandardOutput, 'during'>
  /** Asked right before each call begins, in their order. False: the host has given up on this guest, and its calls go elsewhere. */
  mayBegin(): boolean
  /** Ends the thread. */
  exit(): void
}

export class Session {
  readonly #options: SessionOptions
  readonly #calls = new Map<string, Call>()
  /** A newer thread serves: this one ends with its last call. */
  #reloading = false
  /** What nothing was done about yet; each read stands before its messages. */
  readonly #waiting: (readonly HostMessage[] | HostMessage)[] = []
  /** One for each call that waits. */
  #turnsToCome = 0
  /** Whether the next call may begin, which was asked already; null: it was not. */
  #mayNext: boolean | null = null

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /**
   * The messages of one read. `started` is said for all their calls at once, before any code of an author runs but after the first was counted; the
   * calls then begin one after the other, each in a turn of its own, so that one that is quick is done before the next. Whatever comes meanwhile stands
   * behind them: what is said about calls that have not begun yet is heard after they have.
   */
  receive(messages: readonly HostMessage[]): void {
    const isIdle = this.#turnsToCome === 0
    const calls = messages.filter(({ type }) => type === 'execute').length
    this.#waiting.push(messages, ...messages)
    // Before the other turns are asked for: what its call says goes over before they come.
    if (isIdle) this.#takeTurn()
    for (let turn = isIdle ? 1 : 0; turn < calls; turn += 1) this.#turnLater()
    this.#hearLast()
  }

  /** Whatever stands behind the last call. */
  #hearLast(): void {
    if (this.#waiting.length > 0 && this.#turnsToCome === 0) this.#turnLater()
  }

  #turnLater(): void {
    this.#turnsToCome += 1
    setImmediate(() => {
      this.#turnsToCome -= 1
      this.#takeTurn()
      this.#hearLast()
    })
  }

  /** Up to the next call, and with it. */
  #takeTurn(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (isRead(next)) this.#announce(next)
      else if (next.type !== 'execute') this.#hear(next)
      else {
        this.#begin(next)
        break
      }
    }
  }

  #announce(messages: readonly HostMessage[]): void {
    const calls = messages.flatMap((message) => (message.type === 'execute' ? new Call(message, this.#options) : []))
    if (calls.length === 0) return
    for (const call of calls) this.#calls.set(call.id, call)
    this.#mayNext = this.#options.mayBegin()
    if (this.#mayNext) this.#options.post({ type: 'started', call_ids: calls.map(({ id }) => id) })
  }

  #begin(message: ExecuteMessage): void {
    const may = this.#mayNext ?? this.#options.mayBegin()
    this.#mayNext = null
    if (may) void this.#execute(message)
  }

  #hear(message: Exclude<HostMessage, ExecuteMessage>): void {
    switch (message.type) {
      case 'cancel': {
        const call = this.#calls.get(message.call_id)
        if (call !== undefined) call.cancelledBy ??= message.reason
        return
      }
      case 'checkpointed':
        this.#calls.get(message.call_id)?.checkpoints.settle(message)
        return
      case 'ping':
        this.#options.post({ type: 'pong', nonce: message.nonce })
        return
      case 'reload':
        this.#reloading = true
        this.#exitWhenDone()
        return
      case 'shutdown':
      case 'error':
        this.#options.exit()
        return
      default:
        this.#options.post({ type: 'error', code: 'unknown_type', message: 'The guest does not know this message.' })
        this.#options.exit()
    }
  }

  /** A batch that its handler does not take as one runs step by step: they share a handler and a deadline. */
  async #execute(message: ExecuteMessage): Promise<void> {
    const call = this.#calls.get(message.call_id)
    if (call === undefined) return
    const together = message.mode === 'batch' ? await this.#options.executor.runBatch(message, call) : null
    const results = together ?? (await this.#oneByOne(message, call))
    this.#calls.delete(message.call_id)
    call.checkpoints.end()
    this.#options.post({ type: 'result', call_id: message.call_id, results })
    this.#exitWhenDone()
  }

  async #oneByOne(message: ExecuteMessage, call: Call): Promise<readonly ResultEntry[]> {
    const results: ResultEntry[] = []
    for (const request of message.requests) {
      const { executor } = this.#options
      const isEvent = message.event !== undefined && message.event !== null
      const run = () => (isEvent ? executor.runEvent(message, request, call) : executor.run(message, request, call))
      const { cancelledBy } = call
      results.push(
        cancelledBy === null
          ? await this.#options.output.during(request.step_uuid, run)
          : notStarted(request, cancelledBy),
      )
    }
    return results
  }

  #exitWhenDone(): void {
    if (this.#reloading && this.#calls.size === 0) this.#options.exit()
  }
}

function isRead(entry: readonly HostMessage[] | HostMessage): entry is readonly HostMessage[] {
  return Array.isArray(entry)
}

/** A request whose turn did not come before the call was cancelled. */
function notStarted(request: RequestEntry, reason: CancelWord): ResultEntry {
  return {
    step_uuid: request.step_uuid,
    success: false,
    execution_time_ms: 0,
    metadata: '{}',
    error: {
      message: `The call was cancelled (${reason}) before this step's handler started.`,
      error_type: reason === 'timeout' ? 'handler_timeout' : 'handler_lost',
      error_code: null,
      retryable: true,
      retry_after_s: null,
      backtrace: [],
      context: '{}',
    },
  }
}
