// Declares queues as Tasker does, so that both can use the same ones. Source: wire-protocol §7.

import type { ChannelModel } from 'amqplib'
import { HostError, messageOf } from '../model/host-error.ts'
import { isOtherArguments } from './rabbitmq-fault.ts'

/**
 * A durable queue with its dead-letter exchange and queue. A queue that is there stays as it is. Rejects with QUEUE_MISMATCH when it has other
 * arguments, else with what amqplib says.
 */
export async function declareQueue(connection: ChannelModel, queue: string): Promise<void> {
  // A refused declaration closes its channel, so each has one of its own.
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  const exchange = `${queue}_dlx`
  let declaring = `exchange ${exchange}`
  try {
    await channel.assertExchange(exchange, 'direct', { durable: true })
    declaring = `queue ${queue}_dlq`
    await channel.assertQueue(`${queue}_dlq`, { durable: true })
    declaring = `binding of ${queue}_dlq`
    await channel.bindQueue(`${queue}_dlq`, exchange, queue)
    declaring = `queue ${queue}`
    await channel.assertQueue(queue, { durable: true, deadLetterExchange: exchange, deadLetterRoutingKey: queue })
  } catch (error) {
    if (!isOtherArguments(error)) throw error
    const wanted = `durable, x-dead-letter-exchange=${exchange}, x-dead-letter-routing-key=${queue}`
    const message = `RabbitMQ has the ${declaring} with other arguments than Tasker's (${wanted}): ${messageOf(error)}`
    throw new HostError('QUEUE_MISMATCH', message, { cause: error })
  }
  await channel.close()
}
