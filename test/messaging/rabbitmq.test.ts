// RabbitMQ as the transport, on a real broker that the test starts, kills and starts again.
import { randomUUID } from 'node:crypto'
import { type Channel, type ChannelModel, connect, type GetMessage } from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RabbitmqConnection } from '../../src/messaging/rabbitmq-connection.ts'
import { RabbitmqSender } from '../../src/messaging/rabbitmq-sender.ts'
import type { StepId } from '../../src/model/ids.ts'
import { resultQueue } from '../../src/model/step-message.ts'
import { Database } from '../../src/postgres/database.ts'
import { project } from '../cli/stephost.ts'
import { ScriptedAdapter } from '../dispatch/scripted-adapter.ts'
import { queue } from '../dispatch/step-database.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { startBroker, type TestBroker } from '../fixtures/rabbitmq.ts'
import { serveStep } from '../fixtures/tasker-server.ts'
import { exerciseQueueFaults } from './rabbitmq-queue-faults.ts'
import { exerciseShares } from './rabbitmq-shares.ts'
import { exerciseTransport, gate, succeed } from './transport-conformance.ts'
import { type Queues, TransportRig } from './transport-rig.ts'
import { echoProject, startWorkerProcess } from './worker-process.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
}, 180_000)
afterAll(() => broker?.stop())

/** As Tasker declares and publishes. Source: wire-protocol §7. */
async function brokerQueues(): Promise<Queues> {
  let connection: ChannelModel | null = null
  const withChannel = async <T>(work: (channel: Channel) => Promise<T>): Promise<T> => {
    connection ??= await opened(broker.url, () => {
      connection = null
    })
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    try {
      return await work(channel)
    } finally {
      await channel.close()
    }
  }
  await withChannel(async (channel) => {
    for (const name of [queue, resultQueue]) await declareAsTasker(channel, name)
  })
  return {
    options: {
      queues: {
        backend: 'rabbitmq',
        onClaim: 'archive',
        rabbitmq: { url: broker.url, prefetchMax: 100, heartbeatS: 10 },
      },
      queueDatabase: null,
    },
    withSteps: false,
    send: (name, body) =>
      withChannel(async (channel) => {
        channel.sendToQueue(name, Buffer.from(body), { persistent: true, contentType: 'application/json' })
      }),
    count: (name) => withChannel(async (channel) => (await channel.checkQueue(name)).messageCount),
    reachable: async () => 4,
    take: (name) =>
      withChannel(async (channel) => {
        const bodies: string[] = []
        for (let got = await channel.get(name, { noAck: true }); got !== false; ) {
          bodies.push(got.content.toString())
          got = await channel.get(name, { noAck: true })
        }
        return bodies
      }),
    close: async () => {
      await connection?.close()
    },
  }
}

async function opened(url: string, lost: () => void): Promise<ChannelModel> {
  const connection = await connect(url)
  connection.on('error', () => {})
  connection.on('close', lost)
  return connection
}

async function declareAsTasker(channel: Channel, name: string): Promise<void> {
  await channel.assertExchange(`${name}_dlx`, 'direct', { durable: true })
  await channel.assertQueue(`${name}_dlq`, { durable: true })
  await channel.bindQueue(`${name}_dlq`, `${name}_dlx`, name)
  const args = { 'x-dead-letter-exchange': `${name}_dlx`, 'x-dead-letter-routing-key': name }
  await channel.assertQueue(name, { durable: true, arguments: args })
}

exerciseTransport({ name: 'RabbitMQ', open: () => TransportRig.open(brokerQueues), sendsInside: false })
exerciseShares(() => broker)
exerciseQueueFaults(() => broker)

describe('RabbitMQ', () => {
  let rig: TransportRig
  let connection: ChannelModel
  let channel: Channel
  beforeAll(async () => {
    rig = await TransportRig.open(brokerQueues)
    connection = await opened(broker.url, () => {})
    channel = await connection.createChannel()
  })
  afterEach(() => rig.stopAll())
  afterAll(async () => {
    await rig?.close()
    await connection?.close().catch(() => undefined)
  })

  const reaches = (step: StepId, state = 'enqueued_for_orchestration', timeoutMs = 20_000) =>
    eventually(`step ${step} is ${state}`, async () => (await rig.steps.state(step)) === state, timeoutMs)

  const options = (url = broker.url) => ({ url, heartbeatS: 10, applicationName: 'test', warn: () => {} })

  it('sends results as Tasker does: three ids, persistent, as JSON, to the queue by its name', async () => {
    await channel.purgeQueue(resultQueue)
    const step = await rig.enqueue()
    await rig.start(new ScriptedAdapter(succeed))
    const got = await eventually('the result is told', async () => {
      const message = await channel.get(resultQueue, { noAck: true })
      return message === false ? null : (message as GetMessage)
    })
    const { step_uuid, task_uuid, correlation_id } = JSON.parse(await rig.bodyOf(step))
    expect(got.content.toString()).toBe(JSON.stringify({ task_uuid, step_uuid, correlation_id }))
    expect(got.fields).toMatchObject({ exchange: '', routingKey: resultQueue })
    expect(got.properties).toMatchObject({ deliveryMode: 2, contentType: 'application/json', headers: {} })
  })

  it('puts what it cannot understand into the dead-letter queue', async () => {
    await channel.purgeQueue(`${queue}_dlq`)
    const bodies = [Buffer.from('no json'), Buffer.from([0xff, 0xfe]), Buffer.from('{"a":"\u0000"}'), Buffer.from('{}')]
    for (const body of bodies) channel.sendToQueue(queue, body)
    const { worker } = await rig.start(new ScriptedAdapter(succeed))
    await eventually('all are refused', () => worker.counters.setAside.malformed === bodies.length)
    await eventually(
      'they are kept',
      async () => (await channel.checkQueue(`${queue}_dlq`)).messageCount === bodies.length,
    )
  })

  it('hands messages back that it has no room for, so that others can run them', async () => {
    const { open, handler } = gate()
    const busy = new ScriptedAdapter(handler)
    const first = await rig.start(busy, { concurrentHandlersMax: 1 })
    const blocked = await rig.enqueue()
    await eventually('the only permit is taken', () => busy.seen.length === 1)
    const steps = [await rig.enqueue(), await rig.enqueue()]
    const idle = new ScriptedAdapter(succeed)
    const second = await rig.start(idle)
    for (const step of steps) await reaches(step)
    expect(idle.seen).toHaveLength(2)
    expect(first.worker.counters.claimed).toBe(1)
    await second.stop()
    const later = await rig.enqueue()
    open()
    await reaches(blocked)
    await reaches(later)
    expect(busy.seen).toHaveLength(2)
  })

  it('goes on after a kill of the broker: nothing is lost, and what runs again has spent its attempt', async () => {
    const starts = new Map<StepId, number>()
    const adapter = new ScriptedAdapter(async (request) => {
      starts.set(request.stepId, (starts.get(request.stepId) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, 20))
      return succeed(request)
    })
    const steps: StepId[] = []
    for (let n = 0; n < 40; n += 1) steps.push(await rig.enqueue())
    const { worker } = await rig.start(adapter, { resendEveryMs: 500, resendAfterMs: 2_000 })
    await eventually('some have run', () => worker.counters.completed >= 5)
    await broker.kill()
    await eventually('it is noticed', () => worker.claimFault?.includes('RabbitMQ') === true)
    await broker.restart()
    for (const step of steps) await reaches(step, 'enqueued_for_orchestration', 60_000)
    for (const step of steps) {
      const { attempts } = await rig.steps.row(step)
      expect(attempts).toBe(starts.get(step))
      expect(attempts).toBe(1)
    }
    const told = new Set<unknown>()
    await eventually('every result is told', async () => {
      for (const body of await rig.queues.take(resultQueue)) told.add(JSON.parse(body).step_uuid)
      return steps.every((step) => told.has(step))
    })
    connection = await opened(broker.url, () => {})
    channel = await connection.createChannel()
  }, 240_000)

  it('is the transport of `stephost worker`, whatever its mode, and health says so', async () => {
    const main = await createTestDatabase()
    const env = { DATABASE_URL: main.url, TASKER_MESSAGING_BACKEND: 'rabbitmq', RABBITMQ_URL: broker.url }
    const worker = await startWorkerProcess(project(echoProject), env)
    expect(worker.said.join('\n')).toContain('RabbitMQ only pushes: Hybrid works as EventDrivenOnly')
    const steps = new Database({ url: main.url, applicationName: 'server', connectionsMax: 1, acquireTimeoutMs: 5_000 })
    await steps.start()
    const task = { namespace: 'shop', name: 'job', step: 'echo', context: { order: 7 } }
    await rig.queues.take(resultQueue)
    const { stepId } = await serveStep(steps, task, (name, body) => rig.queues.send(name, body))
    await eventually('the result is told', async () =>
      (await rig.queues.take(resultQueue)).some((body) => JSON.parse(body).step_uuid === stepId),
    )
    const health = await (await fetch(`${worker.address}/health/detailed`)).json()
    expect(health).toMatchObject({
      checks: { event_system: { status: 'healthy', message: expect.stringMatching(/RabbitMQ pushes/) } },
    })
    expect(await worker.stop()).toBe(0)
    await steps.stop()
    await main.drop()
  }, 60_000)

  it('makes a queue anew that was deleted under it', async () => {
    await rig.start(new ScriptedAdapter(succeed), { resendEveryMs: 100, resendAfterMs: 500 })
    await channel.deleteQueue(queue)
    await channel.deleteQueue(resultQueue)
    const step = await rig.enqueueSilently()
    await reaches(step)
    await eventually('the result is told', async () => {
      const bodies = await rig.queues.take(resultQueue)
      return bodies.some((body) => JSON.parse(body).step_uuid === step)
    })
  })

  it.each([
    [
      'nobody listens',
      () => 'amqp://guest:guest@127.0.0.1:1/%2F',
      'BROKER_UNREACHABLE',
      /127\.0\.0\.1:1 .*nothing listens/,
    ],
    ['the password is wrong', () => broker.url.replace('guest:guest', 'guest:wrong'), 'BROKER_DENIED', /user "guest"/],
    ['there is no such virtual host', () => broker.url.replace('%2F', 'nowhere'), 'BROKER_DENIED', /"nowhere"/],
  ])('says so when %s', async (_name, url, code, message) => {
    const failing = new RabbitmqConnection(options(url()))
    const start = failing.start()
    await expect(start).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await expect(start).rejects.not.toMatchObject({ message: expect.stringContaining('wrong') })
    await failing.stop()
  })

  it('says what to do about a queue that has other arguments', async () => {
    const name = `worker_${randomUUID().slice(0, 8)}_queue`
    await channel.assertQueue(name, { durable: true })
    const failing = new RabbitmqConnection(options())
    new RabbitmqSender(failing, { queues: [name] })
    await expect(failing.start()).rejects.toMatchObject({
      code: 'QUEUE_MISMATCH',
      message: expect.stringMatching(
        new RegExp(`queue ${name} with other arguments.*x-dead-letter-exchange=${name}_dlx`),
      ),
    })
    await failing.stop()
    await channel.deleteQueue(name)
  })
})
