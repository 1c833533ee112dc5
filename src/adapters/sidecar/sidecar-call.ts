// One call on its way through a guest: where it is, what it said, and what it comes to when its process is lost.

import type { StepId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { CallEvents, CancelReason, CheckpointAck, HandlerCall, LogRecord } from '../../model/runtime-adapter.ts'
import type { StepRequest } from '../../model/step-request.ts'
import { type HostErrorType, hostFailure, type StepFailure } from '../../model/step-result.ts'
import type { CallObserver } from '../../protocol/channel.ts'
import type { SidecarProcess } from './sidecar-process.ts'

const lastLinesMax = 5

export class SidecarCall implements CallObserver {
  readonly call: HandlerCall
  readonly #events: CallEvents
  /** Its handler was announced when it came: a process that does not know it must not have it. */
  isAnnounced = false
  /** The process that has it; null while it waits for one. */
  process: SidecarProcess | null = null
  /** Author's code has begun: from here on its attempt is spent. */
  hasStarted = false
  cancelled: CancelReason | null = null
  /** Its process was ended because it did not stop. */
  overdue = false
  /** Its process ended while it ran. */
  isLost = false
  /** It runs in a process of its own and goes to no other. */
  isAlone = false
  /** How often it went to another process without having started. */
  moves = 0
  readonly #lastLines: string[] = []
  #startedAt = 0
  #graceTimer: NodeJS.Timeout | null = null

  constructor(call: HandlerCall, events: CallEvents) {
    this.call = call
    this.#events = events
  }

  get callable(): string {
    return this.call.requests[0]?.handler.callable ?? ''
  }

  get ranMs(): number {
    return this.hasStarted ? Math.round(performance.now() - this.#startedAt) : 0
  }

  /** What it printed last, where its lines are known as its own. */
  get lastLines(): readonly string[] {
    return this.#lastLines
  }

  /** PROTOCOL.md §3.1: it waits inside the guest, which changes nothing here: it has not started. */
  accepted(): void {}

  started(): void {
    this.hasStarted = true
    this.#startedAt = performance.now()
    for (const { stepId } of this.call.requests) this.#events.started(stepId)
  }

  checkpoint(step: StepId, data: JsonText): Promise<CheckpointAck> {
    return this.#events.checkpoint(step, data)
  }

  request(step: string): StepRequest | null {
    return this.call.requests.find(({ stepId }) => stepId === step) ?? null
  }

  log(record: LogRecord): void {
    this.#lastLines.push(record.line)
    if (this.#lastLines.length > lastLinesMax) this.#lastLines.shift()
    this.#events.log(record)
  }

  /** Runs `act` when the call has not settled within the grace. */
  expectEnd(graceMs: number, act: () => void): void {
    this.#graceTimer = setTimeout(act, graceMs)
  }

  settle(): void {
    if (this.#graceTimer !== null) clearTimeout(this.#graceTimer)
  }

  /** The same failure for each of its steps. */
  fail(type: HostErrorType, message: string): readonly StepFailure[] {
    return this.call.requests.map(({ stepId }) => hostFailure(stepId, type, message, this.ranMs))
  }

  /** `, and said last: …`: to end a sentence about its loss. */
  lastWords(): string {
    return this.#lastLines.length === 0 ? '' : ` The step's last lines: ${this.#lastLines.join(' | ')}`
  }
}
