// One queue of RabbitMQ that cannot be declared: it is told of, and the messages and namespaces of all others go on.
import { randomUUID } from 'node:crypto'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Outbox } from '../../src/messaging/outbox.ts'
import { RabbitmqClaimSource } from '../../src/messaging/rabbitmq-claim-source.ts'
import { RabbitmqConnection } from '../../src/messaging/rabbitmq-connection.ts'
import { RabbitmqSender } from '../../src/messaging/rabbitmq-sender.ts'
import { stepQueueOf } from '../../src/model/message-judge.ts'
import { resultQueue, type StepMessage } from '../../src/model/step-message.ts'
import { PostgresMessageJudge } from '../../src/postgres/postgres-message-judge.ts'
import { RemoteResender } from '../../src/postgres/remote-resender.ts'
import { enqueueMany } from '../dispatch/bulk-steps.ts'
import { ScriptedAdapter } from '../dispatch/scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from '../dispatch/step-database.ts'
import { startWorker } from '../dispatch/workers.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { TestBroker } from '../fixtures/rabbitmq.ts'
import { succeed } from './transport-conformance.ts'

type Warning = { readonly message: string } & Readonly<Record<string, unknown>>

const brokenQueue = stepQueueOf('broken')

export function exerciseQueueFaults(broker: () => TestBroker): void {
  describe('a queue of RabbitMQ that cannot be declared', () => {
    let steps: StepDatabase
    let theirs: ChannelModel
    let channel: Channel
    const ends: (() => Promise<unknown>)[] = []

    beforeAll(async () => {
      steps = await openStepDatabase()
      theirs = await connect(broker().url)
      channel = await theirs.createChannel()
    })
    beforeEach(async () => {
      await channel.deleteQueue(brokenQueue)
      await channel.assertQueue(brokenQueue, { durable: true })
    })
    afterEach(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })
    afterAll(async () => {
      await channel?.deleteQueue(brokenQueue)
      await theirs?.close()
      await steps?.close()
    })

    async function sender(): Promise<RabbitmqSender> {
      const own = new RabbitmqConnection({ url: broker().url, heartbeatS: 10, applicationName: 'test', warn: () => {} })
      const made = new RabbitmqSender(own, { queues: [resultQueue] })
      await own.start()
      ends.push(() => own.stop())
      await channel.purgeQueue(resultQueue)
      return made
    }

    async function outbox(refusedPauseMs: number): Promise<{ box: Outbox; warnings: Warning[] }> {
      const warnings: Warning[] = []
      const warn = (message: string, details: Readonly<Record<string, unknown>>) => {
        warnings.push({ message, ...details })
      }
      const box = new Outbox({ sender: await sender(), waitingMax: 1_000, refusedPauseMs, warn })
      ends.push(() => box.close(1_000))
      return { box, warnings }
    }

    /** A worker of the namespace `sound`; `serves` resolves when it has run another step of it. */
    async function served() {
      const own = new RabbitmqConnection({ url: broker().url, heartbeatS: 10, applicationName: 'test', warn: () => {} })
      const judge = new PostgresMessageJudge(steps.database, { foreignGraceMs: 60_000 })
      const options = { namespaces: ['sound'], foreignRetryMs: 100, window: () => 10 }
      const source = new RabbitmqClaimSource(own, judge, new RabbitmqSender(own, { queues: [] }), options)
      await own.start()
      const adapter = new ScriptedAdapter(succeed)
      const parts = { namespaces: ['sound', 'broken'], mode: 'EventDrivenOnly', source, wakeUps: source } as const
      const worker = await startWorker(steps, adapter, parts)
      ends.push(async () => {
        await worker.stop()
        await own.stop()
        await channel.deleteQueue(stepQueueOf('sound'))
      })
      const serves = async () => {
        const [step] = await enqueueMany(steps, 1, { namespace: 'sound', send: false })
        channel.sendToQueue(stepQueueOf('sound'), Buffer.from(JSON.stringify({ step_uuid: step })))
        await eventually('the step runs', () => adapter.seen.some(({ stepId }) => stepId === step))
      }
      return { own, source, worker, serves }
    }

    async function taken(queue: string): Promise<readonly string[]> {
      const ids: string[] = []
      for (let got = await channel.get(queue, { noAck: true }); got !== false; ) {
        ids.push(JSON.parse(got.content.toString()).step_uuid)
        got = await channel.get(queue, { noAck: true })
      }
      return ids
    }

    it('keeps no message of another queue, and none is sent twice', async () => {
      const { box, warnings } = await outbox(60_000)
      box.accept(messages(brokenQueue, 1), 0)
      const results = messages(resultQueue, 300)
      for (const result of results) box.accept([result], 0)
      await eventually('the results are sent', () => box.waiting === 1)
      expect([...(await taken(resultQueue))].toSorted()).toEqual(results.map(({ stepId }) => stepId).toSorted())
      expect(warnings).toMatchObject([
        {
          message: 'a queue refuses its messages; they are tried again',
          queue: brokenQueue,
          error: expect.stringMatching(`${brokenQueue} with other arguments`),
          hint: expect.stringMatching('Delete the queue'),
        },
      ])
    })

    it('loses its own messages after some tries, keeps a tenth of the places meanwhile, and all of it is counted', async () => {
      const { box, warnings } = await outbox(1)
      box.accept(messages(brokenQueue, 150), 0)
      await eventually('some are too many', () => box.waiting === 100)
      await eventually('the others are given up', () => box.waiting === 0)
      expect(box.dropped).toBe(150)
      expect(warnings.at(-1)).toMatchObject({ messages: 100, reason: 'their queue refuses them', queue: brokenQueue })
    })

    it('has its messages once it can be declared', async () => {
      const { box, warnings } = await outbox(50)
      const queue = stepQueueOf(randomUUID().slice(0, 8))
      await channel.assertQueue(queue, { durable: true })
      const [message] = messages(queue, 1)
      box.accept(message === undefined ? [] : [message], 0)
      await eventually('it is told of', () => warnings.length > 0)
      await channel.deleteQueue(queue)
      await eventually('the message is sent', () => box.waiting === 0)
      expect(await taken(queue)).toEqual([message?.stepId])
      expect(box.dropped).toBe(0)
      await channel.deleteQueue(queue)
    })

    it('takes no part in a resend that notes what the others have got', async () => {
      const [lost] = await enqueueMany(steps, 1, { namespace: 'broken', send: false })
      const [found] = await enqueueMany(steps, 1, { namespace: 'sound', send: false })
      await steps.database.query({
        text: `INSERT INTO tasker.task_transitions (task_uuid, to_state, metadata, sort_key, most_recent, created_at, updated_at)
               SELECT task_uuid, 'steps_in_process', '{}', 1, true, now(), now() FROM tasker.workflow_steps
                WHERE workflow_step_uuid = ANY ($1)`,
        values: [[lost, found]],
      })
      const resender = new RemoteResender(steps.database, { sender: await sender(), queues: null })
      const resent = await resender.resend({ olderThanMs: -1_000, everyMs: 0 })
      expect(resent).toMatchObject({ steps: 1, results: 0 })
      expect([...(resent?.refusals.keys() ?? [])]).toEqual([brokenQueue])
      expect(await taken(stepQueueOf('sound'))).toEqual([found])
      const noted = await steps.database.query<{ step: string }>({
        text: `SELECT workflow_step_uuid AS step FROM tasker.workflow_step_transitions WHERE metadata ? 'resent_at'`,
      })
      expect(noted).toEqual([{ step: found }])
      await channel.deleteQueue(stepQueueOf('sound'))
    })

    it('makes claims say so for as long as it is so, also after a reconnect, while other namespaces are served', async () => {
      const { own, source, worker, serves } = await served()
      await serves()
      source.serve(['sound', 'broken'])
      const says = () => worker.claimFault?.includes(`queue ${brokenQueue} with other arguments`) === true
      const isTold = () => eventually('claims say so', says)
      for (let nth = 0; nth < 2; nth += 1) {
        await serves()
        await isTold()
      }
      own.giveUp(new Error('the test broke it'))
      await eventually('it is back', () => own.fault === null)
      await serves()
      await isTold()
      expect((await channel.checkQueue(stepQueueOf('sound'))).consumerCount).toBe(1)
      await channel.deleteQueue(brokenQueue)
      await eventually('it is served', async () => {
        await serves()
        return worker.claimFault === null
      })
      expect((await channel.checkQueue(brokenQueue)).consumerCount).toBe(1)
    }, 60_000)

    it('keeps no other namespace unserved when it went wrong while it was served', async () => {
      const { own, source, worker, serves } = await served()
      await channel.deleteQueue(brokenQueue)
      source.serve(['sound', 'broken'])
      await serves()
      expect(worker.claimFault).toBeNull()
      await channel.deleteQueue(brokenQueue)
      await channel.assertQueue(brokenQueue, { durable: true })
      await eventually('it is back', () => own.fault === null)
      await serves()
      await eventually('claims say so', () => worker.claimFault?.includes(brokenQueue) === true)
      // This time the reconnect itself serves it.
      await channel.deleteQueue(brokenQueue)
      own.giveUp(new Error('the test broke it'))
      await eventually('it is served', async () => {
        await serves()
        return worker.claimFault === null
      })
    }, 60_000)
  })
}

function messages(queue: string, count: number): readonly StepMessage[] {
  return Array.from({ length: count }, () => {
    const ids = { taskId: randomUUID(), stepId: randomUUID(), correlationId: randomUUID() }
    return { queue, ...ids } as unknown as StepMessage
  })
}
