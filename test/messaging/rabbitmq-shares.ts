// What namespaces get of a worker over RabbitMQ: the same shares as over pgmq, whoever has more waiting and whatever had to go back meanwhile.
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import { RabbitmqClaimSource } from '../../src/messaging/rabbitmq-claim-source.ts'
import { RabbitmqConnection } from '../../src/messaging/rabbitmq-connection.ts'
import { RabbitmqSender } from '../../src/messaging/rabbitmq-sender.ts'
import type { Claim, ClaimRequest } from '../../src/model/claim-source.ts'
import type { StepId } from '../../src/model/ids.ts'
import { stepQueueOf } from '../../src/model/message-judge.ts'
import { PostgresMessageJudge } from '../../src/postgres/postgres-message-judge.ts'
import { enqueueMany } from '../dispatch/bulk-steps.ts'
import { ScriptedAdapter } from '../dispatch/scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from '../dispatch/step-database.ts'
import { startOwner, startWorker } from '../dispatch/workers.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { TestBroker } from '../fixtures/rabbitmq.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { succeed } from './transport-conformance.ts'

const sent = { persistent: true, contentType: 'application/json' }

export function exerciseShares(broker: () => TestBroker): void {
  describe('namespaces over RabbitMQ', () => {
    let steps: StepDatabase
    let connection: ChannelModel
    let channel: ConfirmChannel
    let owner: Worker
    const ends: (() => Promise<unknown>)[] = []

    beforeAll(async () => {
      steps = await openStepDatabase()
      connection = await connect(broker().url)
      channel = await connection.createConfirmChannel()
      owner = await startOwner(steps)
    })
    afterEach(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })
    afterAll(async () => {
      await owner?.stop()
      await connection?.close()
      await steps?.close()
    })

    async function send(namespace: string, count: number): Promise<readonly StepId[]> {
      const ids = await enqueueMany(steps, count, { namespace, send: false })
      for (const id of ids) channel.sendToQueue(stepQueueOf(namespace), Buffer.from(`{"step_uuid":"${id}"}`), sent)
      await channel.waitForConfirms()
      return ids
    }

    /** Nothing is handed over before somebody listens. */
    async function serve(
      namespaces: readonly string[],
      window: number,
      { holdMs = 60_000, url = broker().url } = {},
    ): Promise<RabbitmqClaimSource> {
      const options = { url, heartbeatS: 10, applicationName: 'test', warn: () => {} }
      const own = new RabbitmqConnection(options)
      const judge = new PostgresMessageJudge(steps.database, { foreignGraceMs: 60_000 })
      const sender = new RabbitmqSender(own, { queues: [] })
      const served = { namespaces, foreignRetryMs: holdMs, window: () => window }
      const source = new RabbitmqClaimSource(own, judge, sender, served)
      await own.start()
      ends.push(async () => {
        await own.stop()
        for (const namespace of namespaces) await channel.deleteQueue(stepQueueOf(namespace))
      })
      return source
    }

    /** The answers of the broker do not come with what it sends next. */
    async function slowUrl(): Promise<string> {
      const url = new URL(broker().url)
      const proxy = new TcpProxy({ host: url.hostname, port: Number(url.port) })
      url.port = String(await proxy.start())
      ends.push(() => proxy.stop())
      proxy.shred(64)
      return url.toString()
    }

    /** Each message wakes once. */
    async function open(source: RabbitmqClaimSource, messages: number): Promise<void> {
      let wakes = 0
      const wake = () => {
        wakes += 1
      }
      ends.push(await source.listen('any', wake))
      await eventually('messages are in hand', () => wakes >= messages)
    }

    interface Limits {
      /** Of the steps of a namespace; default 1. */
      readonly weights?: Record<string, number>
      /** A namespace whose limit is. */
      readonly full?: string
    }

    async function claim(source: RabbitmqClaimSource, free: number, { weights = {}, full }: Limits = {}) {
      const named = await steps.database.query<{ id: string; namespace: string }>({
        text: `SELECT named_task_uuid AS id, ns.name AS namespace
                 FROM tasker.named_tasks JOIN tasker.task_namespaces ns USING (task_namespace_uuid)`,
      })
      const places = named.map(({ namespace }) => {
        const weight = weights[namespace] ?? 1
        return { handler: null, language: null, weight, languageWeight: weight, namespaceWeight: weight }
      })
      const namespaces = new Map(full === undefined ? [] : [[full, { room: 0, ahead: 0 }]])
      const isLimited = full !== undefined || Object.keys(weights).length > 0
      const lanes = isLimited ? { handlers: [], languages: [], namespaces, places } : null
      const runnable = named.map(({ id }) => ({ namedTaskId: id, templateStep: 'work' }))
      const request = { workerId: owner.workerId, claimId: crypto.randomUUID(), free, prefetch: 0, runnable, lanes }
      return source.claim(request as unknown as ClaimRequest)
    }

    /** Of so many messages; what is claimed is gone. */
    async function keptOf(sent: number, namespace: string, claims: readonly Claim[]): Promise<number> {
      const { messageCount } = await channel.checkQueue(stepQueueOf(namespace))
      return sent - messageCount - (count(claims)[namespace] ?? 0)
    }

    function count(claims: readonly Claim[]): Record<string, number> {
      const counts: Record<string, number> = {}
      for (const { steps: claimed } of claims)
        for (const { namespace } of claimed) counts[namespace] = (counts[namespace] ?? 0) + 1
      return counts
    }

    const hasConsumers = async (namespace: string) =>
      (await channel.checkQueue(stepQueueOf(namespace))).consumerCount > 0

    it('get a share of every claim: one with 2,000 steps, and one with ten', async () => {
      const served = await serve(['crowded', 'quiet'], 10)
      await send('crowded', 2_000)
      await send('quiet', 10)
      await open(served, 20)
      for (let nth = 0; nth < 2; nth += 1) expect(count([await claim(served, 10)])).toEqual({ crowded: 5, quiet: 5 })
    }, 60_000)

    it('get the same one by one, also beside one that has nothing', async () => {
      const served = await serve(['north', 'south', 'west'], 10)
      await send('north', 60)
      await send('south', 60)
      await open(served, 20)
      const claims: Claim[] = []
      for (let nth = 0; nth < 30; nth += 1) claims.push(await claim(served, 1))
      const { north = 0, south = 0 } = count(claims)
      expect(north + south).toBe(30)
      expect(Math.abs(north - south)).toBeLessThanOrEqual(2)
    }, 60_000)

    it('get their share also of what had gone back for want of room', async () => {
      const served = await serve(['north', 'south'], 4, { holdMs: 50, url: await slowUrl() })
      await send('north', 60)
      await send('south', 60)
      await open(served, 8)
      for (let nth = 0; nth < 10; nth += 1) {
        for (const namespace of ['north', 'south'])
          await eventually(`${namespace} has gone back`, async () => !(await hasConsumers(namespace)))
        expect(count([await claim(served, 4)])).toEqual({ north: 2, south: 2 })
      }
    }, 60_000)

    it('get their turn with steps that weigh more than a share', async () => {
      const served = await serve(['heavy', 'light'], 10)
      await send('heavy', 60)
      await send('light', 120)
      await open(served, 20)
      const claims: Claim[] = []
      for (let nth = 0; nth < 20; nth += 1) claims.push(await claim(served, 4, { weights: { heavy: 3 } }))
      const { heavy = 0, light = 0 } = count(claims)
      // 80 tokens: of each second claim one has 3, and what is left of it is too little for it.
      expect(heavy).toBeGreaterThanOrEqual(9)
      expect(light).toBeGreaterThanOrEqual(40)
    }, 60_000)

    it('get their turn with heavy steps where tokens come back one by one, and no messages are heaped up meanwhile', async () => {
      const served = await serve(['heavy', 'light'], 10)
      await send('heavy', 1_000)
      await send('light', 200)
      await open(served, 20)
      const claims: Claim[] = []
      let free = 0
      for (let nth = 0; nth < 60; nth += 1) {
        free += 1
        const claimed = await claim(served, free, { weights: { heavy: 3 } })
        claims.push(claimed)
        const { heavy = 0, light = 0 } = count([claimed])
        free -= 3 * heavy + light
        expect(await keptOf(1_000, 'heavy', claims)).toBeLessThanOrEqual(10)
      }
      const { heavy = 0, light = 0 } = count(claims)
      expect(3 * heavy + light + free).toBe(60)
      expect(Math.abs(3 * heavy - light)).toBeLessThanOrEqual(6)
    }, 60_000)

    it('keep at most a window and a thousand messages of one whose limit is full', async () => {
      const served = await serve(['full', 'light'], 10)
      await send('full', 2_500)
      await send('light', 100)
      await open(served, 20)
      const kept: number[] = []
      for (let nth = 0; nth < 15; nth += 1) {
        expect(count([await claim(served, 4, { full: 'full' })])).toEqual({ light: 4 })
        kept.push(await keptOf(2_500, 'full', []))
      }
      expect(Math.max(...kept)).toBeLessThanOrEqual(1_010)
      // They might have been of several kinds: what lies behind them is looked at.
      expect(Math.max(...kept)).toBeGreaterThan(500)
    }, 60_000)

    it('with a step now and then are served next to one that always has thousands, whose steps run long', async () => {
      const served = await serve(['crowded', 'quiet'], 4, { holdMs: 50 })
      const finish: (() => void)[] = []
      const quiet = new Set<StepId>()
      const adapter = new ScriptedAdapter(async (request) => {
        if (!quiet.has(request.stepId)) await new Promise<void>((resolve) => finish.push(resolve))
        return succeed(request)
      })
      await send('crowded', 2_000)
      await send('quiet', 0)
      const worker = await startWorker(steps, adapter, {
        ...{ namespaces: ['crowded', 'quiet'], mode: 'EventDrivenOnly', prefetchMax: 0 },
        ...{ source: served, wakeUps: served },
      })
      ends.push(async () => {
        const stopped = worker.stop()
        for (const end of finish) end()
        await stopped
      })
      for (let round = 1; round <= 5; round += 1) {
        await eventually('all permits are taken, and the rest went back', async () => {
          return finish.length === 4 && !(await hasConsumers('crowded'))
        })
        const begun = adapter.seen.length
        for (const id of await send('quiet', 1)) quiet.add(id)
        for (const end of finish.splice(0, 2)) end()
        await eventually('three more begin', () => adapter.seen.length >= begun + 3)
        const next = adapter.seen.slice(begun, begun + 2).filter(({ stepId }) => quiet.has(stepId))
        expect(next).toHaveLength(1)
      }
    }, 60_000)
  })
}
