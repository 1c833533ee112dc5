// One queue of RabbitMQ as a worker sees it: messages handed over and not decided yet, and those that are left to others for a while.

import { randomUUID } from 'node:crypto'
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import type { SeenMessage, Verdict } from '../model/message-judge.ts'
import type { ConnectionUser } from './rabbitmq-connection.ts'
import { type BrokerTarget, brokerFault } from './rabbitmq-fault.ts'
import { declareQueue } from './rabbitmq-topology.ts'

export interface RabbitmqConsumerOptions {
  readonly queue: string
  readonly target: BrokerTarget
  /** How many undecided messages the worker wants at most; asked again with every claim. */
  window(): number
  /** How long messages of foreign steps are held back, and undecided ones while there is no room. */
  readonly holdMs: number
  arrived(): void
  /** The channel is broken, so the connection has to be made anew. */
  broken(error: unknown): void
  /** Puts a message at the end of its queue; resolves when the broker has it. */
  putLast(queue: string, content: Buffer): Promise<void>
}

/** More than this many foreign messages are not held back at once: they go to the end of the queue, so that they hide nothing behind them. */
const heldMax = 1_000
const utf8 = new TextDecoder('utf-8', { fatal: true })

export class RabbitmqConsumer implements ConnectionUser {
  readonly #options: RabbitmqConsumerOptions
  #channel: Channel | null = null
  #tag: string | null = null
  /** The prefetch of the present consumer. Deliveries of earlier consumers do not count there. */
  #prefetch = 0
  /** Undecided messages that a claim with room has passed over. */
  #passedOver = 0
  /** How much of it is meant for held messages, which come back to this consumer and must leave room for others. */
  #spare = 0
  #undecided: ConsumeMessage[] = []
  readonly #held = new Set<ConsumeMessage>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #patience: NodeJS.Timeout | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #wanted = false
  #busy = 0

  constructor(options: RabbitmqConsumerOptions) {
    this.#options = options
  }

  get queue(): string {
    return this.#options.queue
  }

  /** On the present connection. */
  get isServed(): boolean {
    return this.#channel !== null
  }

  async connected(connection: ChannelModel): Promise<void> {
    await declareQueue(connection, this.queue)
    const channel = await connection.createChannel()
    let isServed = false
    const broken = (error: unknown) => {
      if (this.#channel !== channel) return
      this.lost()
      // Before that it is the caller who hears of it: a queue that may not be read must not end the connection again and again.
      if (isServed) this.#options.broken(error)
    }
    channel.on('error', broken)
    channel.on('close', () => broken(new Error(`the channel of ${this.queue} was closed`)))
    this.#channel = channel
    if (this.#wanted) await this.#inTurn(() => this.#consume())
    isServed = true
  }

  /** The broker hands everything that was not acknowledged to somebody else. */
  lost(): void {
    this.#channel = null
    this.#tag = null
    this.#forget()
  }

  /** Messages are wanted: lets the broker hand over as many as the worker has room for, now and after a reconnect. */
  async open(): Promise<void> {
    this.#wanted = true
    await this.#inTurn(() => this.#consume()).catch((error) => Promise.reject(brokerFault(error, this.#options.target)))
  }

  /** No more messages; those that nobody decided go back at once. */
  async close(): Promise<void> {
    this.#wanted = false
    await this.#inTurn(() => this.#cancel())
    this.#giveBack([...this.#undecided, ...this.#held])
    this.#forget()
  }

  /** The undecided messages, oldest first. They stay undecided until `settle`. */
  look(): readonly ConsumeMessage[] {
    return [...this.#undecided]
  }

  get waiting(): number {
    return this.#undecided.length
  }

  /** While a claim is about the messages, they are not given back for want of room. What is returned ends that. */
  keep(): () => void {
    this.#busy += 1
    return () => {
      this.#busy -= 1
      this.#follow()
    }
  }

  /**
   * Only after the claim: what the broker has back before that is not lost, what it has acknowledged is. `hadRoom`: what is left waits for
   * limits of its own, and must not keep others from being handed over; without room nothing is known that was not known before.
   */
  settle(messages: readonly ConsumeMessage[], verdicts: readonly Verdict[], hadRoom: boolean): void {
    // Another connection: the broker hands these messages over again, and their steps are stale then.
    const alive = new Set(this.#undecided)
    const decided = messages.filter((message, place) => alive.has(message) && verdicts[place] !== 'left')
    const gone = new Set(decided)
    this.#undecided = this.#undecided.filter((message) => !gone.has(message))
    const foreign: ConsumeMessage[] = []
    for (const [place, message] of messages.entries()) {
      if (!gone.has(message)) continue
      const verdict = verdicts[place]
      if (verdict === 'foreign') foreign.push(message)
      else if (verdict === 'malformed') this.#answer((channel) => channel.nack(message, false, false))
      else this.#answer((channel) => channel.ack(message))
    }
    this.#passedOver = hadRoom ? this.#undecided.length : Math.min(this.#passedOver, this.#undecided.length)
    if (foreign.length > 0) this.#hold(foreign)
    else this.#follow()
  }

  #forget(): void {
    this.#undecided = []
    this.#passedOver = 0
    this.#held.clear()
    this.#patience = null
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /**
   * Consumes with the prefetch that fits now. A prefetch counts for new consumers only, so another one needs another consumer, which is handed
   * what was undecided again: it would not count there, and each further consumer would add to what is kept here.
   */
  async #consume(): Promise<void> {
    const channel = this.#channel
    if (channel === null || !this.#wanted) return
    this.#spare = this.#spareWanted()
    const prefetch = Math.max(1, this.#options.window()) + this.#spare
    if (this.#tag !== null && prefetch === this.#prefetch) return
    await this.#cancel()
    if (this.#channel !== channel || !this.#wanted) return
    this.#giveBack(this.#undecided.splice(0))
    this.#prefetch = prefetch
    await channel.prefetch(prefetch)
    const tag = `tasker-consumer-${randomUUID()}`
    this.#tag = tag
    await channel.consume(this.queue, (message) => this.#delivered(channel, message), { consumerTag: tag })
    // With classic queues its answer comes behind the messages that the queue had for the new consumer, so whoever waits for this has them in hand.
    // Others hand over later: then a claim may find nothing, and the arrival of the messages wakes the next one.
    await channel.prefetch(prefetch)
  }

  async #cancel(): Promise<void> {
    const tag = this.#tag
    this.#tag = null
    if (tag !== null) await this.#channel?.cancel(tag)
  }

  #delivered(channel: Channel, message: ConsumeMessage | null): void {
    if (this.#channel !== channel) return
    // The broker ended the consumer, because the queue was deleted for instance.
    if (message === null) {
      this.lost()
      this.#options.broken(new Error(`the queue ${this.queue} is gone`))
      return
    }
    if (!this.#wanted) {
      this.#giveBack([message])
      return
    }
    this.#undecided.push(message)
    this.#patience ??= this.#after(this.#options.holdMs, () => this.#stepAside(message))
    this.#options.arrived()
  }

  /** No room for the oldest message for a while: others may have room, so everything goes back, and nothing comes before there is a claim. */
  #stepAside(oldest: ConsumeMessage): void {
    this.#patience = null
    const [first] = this.#undecided
    if (first === undefined) return
    if (first !== oldest || this.#busy > 0) {
      this.#patience = this.#after(this.#options.holdMs, () => this.#stepAside(first))
      return
    }
    void this.#inTurn(async () => {
      await this.#cancel()
      this.#giveBack(this.#undecided.splice(0))
      this.#passedOver = 0
    }).catch((error: unknown) => this.#options.broken(error))
  }

  #hold(messages: readonly ConsumeMessage[]): void {
    for (const message of messages) this.#held.add(message)
    this.#after(this.#options.holdMs, () => {
      const crowded = this.#held.size >= heldMax
      const due = messages.filter((message) => this.#held.delete(message))
      if (crowded) for (const message of due) void this.#putLast(message)
      else this.#giveBack(due)
      this.#follow()
    })
    this.#follow()
  }

  /** Held messages fill the prefetch: without room for more, what lies behind them would never come. */
  #follow(): void {
    // Not during a claim, which may look at what is undecided once more.
    if (this.#busy > 0 || this.#tag === null || this.#spare === this.#spareWanted()) return
    void this.#inTurn(() => this.#consume()).catch((error: unknown) => this.#options.broken(error))
  }

  /** Grows in powers of two and shrinks only to nothing, so that few consumers are made for many messages. */
  #spareWanted(): number {
    const held = this.#held.size + this.#passedOver
    if (held === 0 || held <= this.#spare) return held === 0 ? 0 : this.#spare
    return Math.min(heldMax, 2 ** Math.ceil(Math.log2(held + 1)))
  }

  async #putLast(message: ConsumeMessage): Promise<void> {
    const channel = this.#channel
    const sent = await this.#options.putLast(this.queue, message.content).then(
      () => true,
      () => false,
    )
    // On another channel its number would be that of another message.
    if (this.#channel !== channel) return
    this.#answer((same) => (sent ? same.ack(message) : same.nack(message, false, true)))
  }

  #giveBack(messages: readonly ConsumeMessage[]): void {
    for (const message of messages) this.#answer((channel) => channel.nack(message, false, true))
  }

  /** An answer that does not reach the broker is none: it hands the message over again. */
  #answer(give: (channel: Channel) => void): void {
    try {
      if (this.#channel !== null) give(this.#channel)
    } catch {
      // The channel is closing; its end is told by its events.
    }
  }

  #after(delayMs: number, work: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, delayMs)
    this.#timers.add(timer)
    return timer
  }
}

/** null for what is no text that PostgreSQL could hold. */
export function seenMessage(message: ConsumeMessage): SeenMessage {
  const number = String(message.fields.deliveryTag)
  try {
    const body = utf8.decode(message.content)
    return { number, body: body.includes('\u0000') ? null : body }
  } catch {
    return { number, body: null }
  }
}
