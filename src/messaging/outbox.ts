// Messages whose cause is committed, on their way to a transport: in order of their time, again until the transport has them.

import { setTimeout as delay } from 'node:timers/promises'
import { type HostError, messageOf } from '../model/host-error.ts'
import type { MessageSender, OutgoingMessages, RefusedMessage, StepMessage } from '../model/step-message.ts'

export interface OutboxOptions {
  readonly sender: MessageSender
  /** Messages that may wait here; what comes beyond is left to the resend. */
  readonly waitingMax: number
  /** The first pause of a queue that refuses its messages; the next ones double, up to a minute. Default 100 ms. */
  readonly refusedPauseMs?: number
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

interface Waiting {
  readonly message: StepMessage
  readonly dueAt: number
}

/** A queue that refused its messages when they were sent last. */
interface Refusal {
  /** In a row. */
  readonly times: number
  /** Its messages are not due before. */
  readonly until: number
}

const batchMax = 200
const retryBaseMs = 50
const retryMaxMs = 2_000
const refusedPauseMaxMs = 60_000
/** Less than three minutes of pauses; whoever comes later is tried once. */
const refusedTimesMax = 12
/** The part of the places that queues which refuse may keep from the others. */
const refusedPart = 0.1

export class Outbox implements OutgoingMessages {
  readonly #options: OutboxOptions
  readonly #abandon = new AbortController()
  #waiting: Waiting[] = []
  readonly #refusals = new Map<string, Refusal>()
  #sending: Promise<void> | null = null
  #failures = 0
  #timer: NodeJS.Timeout | null = null
  #closing = false
  #dropped = 0

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Messages that found no place or were given up; the resend finds their steps. */
  get dropped(): number {
    return this.#dropped
  }

  accept(messages: readonly StepMessage[], delayMs: number): void {
    if (messages.length === 0) return
    const room = Math.max(0, this.#options.waitingMax - this.#waiting.length)
    const dueAt = performance.now() + delayMs
    for (const message of messages.slice(0, room)) this.#waiting.push({ message, dueAt })
    this.#drop(messages.length - room, 'too many messages wait')
    this.#boundRefused()
    this.#pump()
  }

  /** Sends what is here, also what has a delay left, and gives up after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    this.#pump()
    const patience = setTimeout(() => this.#abandon.abort(), graceMs)
    while (this.#sending !== null) await this.#sending
    clearTimeout(patience)
    this.#drop(this.#waiting.splice(0).length, 'the worker ended')
  }

  #pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#sending !== null || this.#abandon.signal.aborted) return
    const due = this.#due()
    if (due.length > 0) {
      this.#sending = this.#send(due).finally(() => {
        this.#sending = null
        this.#pump()
      })
    } else if (this.#waiting.length > 0) {
      const dueNext = (soonest: number, waiting: Waiting) => Math.min(soonest, this.#dueAt(waiting))
      const next = this.#waiting.reduce(dueNext, Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#pump(), Math.max(1, Math.ceil(next - performance.now())))
    }
  }

  #due(): readonly Waiting[] {
    const now = this.#closing ? Number.POSITIVE_INFINITY : performance.now()
    return this.#waiting.filter((waiting) => this.#dueAt(waiting) <= now).slice(0, batchMax)
  }

  #dueAt({ message, dueAt }: Waiting): number {
    return Math.max(dueAt, this.#refusals.get(message.queue)?.until ?? 0)
  }

  /** A try whose answer got lost may have sent them: a message twice is harmless, because the claim decides. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const { sender, warn } = this.#options
    try {
      this.#settle(batch, await sender.send(batch.map(({ message }) => message)))
      this.#failures = 0
    } catch (error) {
      warn('messages could not be sent; trying again', { messages: batch.length, error: messageOf(error) })
      const waitMs = Math.min(retryBaseMs * 2 ** this.#failures, retryMaxMs) * (0.5 + Math.random() / 2)
      this.#failures += 1
      await delay(waitMs, undefined, { signal: this.#abandon.signal }).catch(() => undefined)
    }
  }

  #settle(batch: readonly Waiting[], refused: readonly RefusedMessage[]): void {
    const left = new Set(refused.map(({ message }) => message))
    const sent = new Set(batch.filter(({ message }) => !left.has(message)))
    this.#waiting = this.#waiting.filter((waiting) => !sent.has(waiting))
    for (const { message } of sent) this.#refusals.delete(message.queue)
    const errors = new Map(refused.map(({ message, error }) => [message.queue, error]))
    for (const [queue, error] of errors) this.#noteRefusal(queue, error)
    this.#boundRefused()
  }

  /** Whatever is wrong with one queue, the messages of the others go on. */
  #noteRefusal(queue: string, error: HostError): void {
    const { refusedPauseMs = 100, warn } = this.#options
    const times = Math.min((this.#refusals.get(queue)?.times ?? 0) + 1, refusedTimesMax)
    const pauseMs = Math.min(refusedPauseMs * 2 ** (times - 1), refusedPauseMaxMs) * (0.5 + Math.random() / 2)
    this.#refusals.set(queue, { times, until: performance.now() + pauseMs })
    const details = { queue, error: error.message, hint: error.hint }
    if (times < refusedTimesMax && !this.#closing) {
      warn('a queue refuses its messages; they are tried again', details)
      return
    }
    const before = this.#waiting.length
    this.#waiting = this.#waiting.filter(({ message }) => message.queue !== queue)
    this.#drop(before - this.#waiting.length, 'their queue refuses them', details)
  }

  #boundRefused(): void {
    if (this.#refusals.size === 0) return
    const refused = this.#waiting.filter(({ message }) => this.#refusals.has(message.queue))
    const beyond = new Set(refused.slice(Math.ceil(this.#options.waitingMax * refusedPart)))
    if (beyond.size === 0) return
    this.#waiting = this.#waiting.filter((waiting) => !beyond.has(waiting))
    this.#drop(beyond.size, 'too many messages wait for queues that refuse them')
  }

  #drop(count: number, reason: string, details: Readonly<Record<string, unknown>> = {}): void {
    if (count <= 0) return
    this.#dropped += count
    const said = { messages: count, reason, ...details }
    this.#options.warn('messages were not sent; the resend finds their steps', said)
  }
}
