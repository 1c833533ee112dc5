// Publishes to RabbitMQ and waits until the broker says that it has each message. Source: wire-protocol §7.

import type { ChannelModel, ConfirmChannel } from 'amqplib'
import { HostError, messageOf } from '../model/host-error.ts'
import { type MessageSender, type RefusedMessage, type StepMessage, stepMessageBody } from '../model/step-message.ts'
import type { ConnectionUser, RabbitmqConnection } from './rabbitmq-connection.ts'
import { brokerFault, unreachable } from './rabbitmq-fault.ts'
import { declareQueue } from './rabbitmq-topology.ts'

const confirmTimeoutMs = 10_000

export class RabbitmqSender implements MessageSender, ConnectionUser {
  readonly #connection: RabbitmqConnection
  /** Declared with every connection. */
  readonly #queues: readonly string[]
  #channel: Promise<ConfirmChannel> | null = null
  readonly #declared = new Map<string, Promise<void>>()
  /** Why the broker closed the last channel: what its messages themselves hear is only that it was closed. */
  #refusal: Error | null = null
  /** Messages that the broker has confirmed so far. */
  #confirmations = 0

  /** Before the connection starts. */
  constructor(connection: RabbitmqConnection, options: { readonly queues: readonly string[] }) {
    this.#connection = connection
    this.#queues = options.queues
    void connection.add(this)
  }

  async connected(connection: ChannelModel): Promise<void> {
    for (const queue of this.#queues) await this.#declare(connection, queue)
  }

  lost(): void {
    this.#channel = null
    this.#declared.clear()
  }

  async send(messages: readonly StepMessage[]): Promise<readonly RefusedMessage[]> {
    const sending = messages.map((message) => this.#put(message.queue, Buffer.from(stepMessageBody(message))))
    const refused: RefusedMessage[] = []
    let failure: PromiseRejectedResult | null = null
    // Every one has ended before the caller may try again.
    for (const [place, outcome] of (await Promise.allSettled(sending)).entries()) {
      const message = messages[place]
      if (outcome.status === 'rejected') failure ??= outcome
      else if (outcome.value !== null && message !== undefined) refused.push({ message, error: outcome.value })
    }
    if (failure !== null) throw failure.reason
    return refused
  }

  /** Resolves when the broker has the message. Rejects with a HostError: perhaps it has it. */
  async publish(queue: string, content: Buffer): Promise<void> {
    const refusal = await this.#put(queue, content)
    if (refusal !== null) throw refusal
  }

  /** null: the broker has it; else why its queue does not take it. Rejects with a HostError when no queue would. */
  async #put(queue: string, content: Buffer): Promise<HostError | null> {
    const { target } = this.#connection
    try {
      const connection = this.#connection.current()
      const refusal = await this.#declare(connection, queue).then(
        () => null,
        (error: unknown) => brokerFault(error, target),
      )
      if (refusal?.code === 'BROKER_UNREACHABLE') throw refusal
      if (refusal !== null) return refusal
      this.#channel ??= this.#open(connection)
      return await this.#confirmed(await this.#channel, queue, content)
    } catch (error) {
      throw brokerFault(error, target)
    }
  }

  #open(connection: ChannelModel): Promise<ConfirmChannel> {
    this.#refusal = null
    const opening = connection.createConfirmChannel().then((channel) => {
      channel.on('error', (error) => {
        this.#refusal = error
        forget()
      })
      channel.on('close', forget)
      channel.on('return', (message) => this.#declared.delete(message.fields.routingKey))
      return channel
    })
    const forget = () => {
      if (this.#channel === opening) this.#channel = null
    }
    opening.catch(forget)
    return opening
  }

  #confirmed(channel: ConfirmChannel, queue: string, content: Buffer): Promise<HostError | null> {
    const before = this.#confirmations
    return new Promise((resolve, reject) => {
      const impatience = setTimeout(() => {
        const silence = `no confirmation within ${confirmTimeoutMs} ms`
        // Others were confirmed meanwhile: a queue without a majority of its replicas keeps silent, and must not keep them.
        if (this.#confirmations > before) resolve(new HostError('BROKER_FAULT', `RabbitMQ: ${silence} for ${queue}`))
        else reject(unreachable(this.#connection.target, silence))
      }, confirmTimeoutMs)
      // `mandatory`: a message for a queue that is gone comes back before its confirmation, instead of being dropped.
      const properties = { persistent: true, contentType: 'application/json', mandatory: true }
      channel.publish('', queue, content, properties, (error: unknown) => {
        clearTimeout(impatience)
        // What amqplib says when the broker answers that it did not take this one.
        if (messageOf(error) === 'message nacked') {
          resolve(
            new HostError('BROKER_FAULT', `RabbitMQ took no message for ${queue}, which is full or not available`),
          )
        } else if (error !== null && error !== undefined) reject(this.#refusal ?? error)
        else if (this.#declared.has(queue)) {
          this.#confirmations += 1
          resolve(null)
        } else resolve(new HostError('BROKER_FAULT', `RabbitMQ has no queue ${queue} any more`))
      })
    })
  }

  #declare(connection: ChannelModel, queue: string): Promise<void> {
    const declared = this.#declared.get(queue) ?? declareQueue(connection, queue)
    this.#declared.set(queue, declared)
    declared.catch(() => {
      if (this.#declared.get(queue) === declared) this.#declared.delete(queue)
    })
    return declared
  }
}
