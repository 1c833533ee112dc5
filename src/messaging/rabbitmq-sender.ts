// Publishes to RabbitMQ and waits until the broker says that it has each message. Source: wire-protocol §7.

import type { ChannelModel, ConfirmChannel } from 'amqplib'
import { HostError } from '../model/host-error.ts'
import { type MessageSender, type StepMessage, stepMessageBody } from '../model/step-message.ts'
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

  async send(messages: readonly StepMessage[]): Promise<void> {
    const sending = messages.map((message) => this.publish(message.queue, Buffer.from(stepMessageBody(message))))
    // Every one has ended before the caller may try again.
    const failed = (await Promise.allSettled(sending)).find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Resolves when the broker has the message. Rejects with a HostError: perhaps it has it. */
  async publish(queue: string, content: Buffer): Promise<void> {
    try {
      const connection = this.#connection.current()
      await this.#declare(connection, queue)
      this.#channel ??= this.#open(connection)
      await this.#confirmed(await this.#channel, queue, content)
    } catch (error) {
      throw brokerFault(error, this.#connection.target)
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

  #confirmed(channel: ConfirmChannel, queue: string, content: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const impatience = setTimeout(() => {
        reject(unreachable(this.#connection.target, `no confirmation within ${confirmTimeoutMs} ms`))
      }, confirmTimeoutMs)
      // `mandatory`: a message for a queue that is gone comes back before its confirmation, instead of being dropped.
      const properties = { persistent: true, contentType: 'application/json', mandatory: true }
      channel.publish('', queue, content, properties, (error: unknown) => {
        clearTimeout(impatience)
        if (error !== null && error !== undefined) reject(this.#refusal ?? error)
        else if (!this.#declared.has(queue))
          reject(new HostError('BROKER_FAULT', `RabbitMQ has no queue ${queue} any more`))
        else resolve()
      })
    })
  }

  #declare(connection: ChannelModel, queue: string): Promise<void> {
    const declared = this.#declared.get(queue) ?? declareQueue(connection, queue)
    this.#declared.set(queue, declared)
    declared.catch(() => this.#declared.delete(queue))
    return declared
  }
}
