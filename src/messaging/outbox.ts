// Messages whose cause is committed, on their way to a transport: in order of their time, again until the transport has them.

import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../model/host-error.ts'
import type { MessageSender, OutgoingMessages, StepMessage } from '../model/step-message.ts'

export interface OutboxOptions {
  readonly sender: MessageSender
  /** Messages that may wait here; what comes beyond is left to the resend. */
  readonly waitingMax: number
  warn(message: string, details: Readonly<Record<string, unknown>>): void
}

interface Waiting {
  readonly message: StepMessage
  readonly dueAt: number
}

const batchMax = 200
const retryBaseMs = 50
const retryMaxMs = 2_000

export class Outbox implements OutgoingMessages {
  readonly #options: OutboxOptions
  readonly #abandon = new AbortController()
  #waiting: Waiting[] = []
  #sending: Promise<void> | null = null
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
      const next = this.#waiting.reduce((soonest, { dueAt }) => Math.min(soonest, dueAt), Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#pump(), Math.max(1, Math.ceil(next - performance.now())))
    }
  }

  #due(): readonly Waiting[] {
    const now = this.#closing ? Number.POSITIVE_INFINITY : performance.now()
    return this.#waiting.filter(({ dueAt }) => dueAt <= now).slice(0, batchMax)
  }

  /** A try whose answer got lost may have sent them: a message twice is harmless, because the claim decides. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const { sender, warn } = this.#options
    for (let tries = 0; !this.#abandon.signal.aborted; tries += 1) {
      try {
        await sender.send(batch.map(({ message }) => message))
        const sent = new Set(batch)
        this.#waiting = this.#waiting.filter((waiting) => !sent.has(waiting))
        return
      } catch (error) {
        warn('messages could not be sent; trying again', { messages: batch.length, error: messageOf(error) })
        const waitMs = Math.min(retryBaseMs * 2 ** tries, retryMaxMs) * (0.5 + Math.random() / 2)
        await delay(waitMs, undefined, { signal: this.#abandon.signal }).catch(() => undefined)
      }
    }
  }

  #drop(count: number, reason: string): void {
    if (count <= 0) return
    this.#dropped += count
    this.#options.warn('messages were not sent; the resend finds their steps', { messages: count, reason })
  }
}
