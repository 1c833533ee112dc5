// The three modes: each test fails if the mode were another one (design D4).
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { notifyChannels } from '../../src/postgres/queries/notify-channels.ts'
import { eventually } from '../fixtures/eventually.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import {
  done,
  type ListeningWorker,
  type ListeningWorkerOptions,
  notify,
  silentStep,
  startListeningWorker,
} from './listening-worker.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, queue, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'

let steps: StepDatabase
const running: ListeningWorker[] = []
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()))
})
afterAll(() => steps.close())

async function start(options: ListeningWorkerOptions): Promise<ListeningWorker> {
  const started = await startListeningWorker(steps, options)
  running.push(started)
  return started
}

function listeningBackends(): Promise<number> {
  return steps.scalar(
    `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'modes test listener'`,
  )
}

describe('EventDrivenOnly', () => {
  it('leaves a step that nobody told of where it is, asks nothing meanwhile, and takes it when told', async () => {
    const { step, appear } = await silentStep(steps)
    // A poll of this pace would come many times within what the test waits for.
    const { source, store } = await start({ mode: 'EventDrivenOnly', pollIntervalMs: 20, notifiedPollIntervalMs: 20 })
    const { looks } = source
    await appear()
    await store.afterBeats(10)
    expect([source.looks, await steps.state(step)]).toEqual([looks, 'enqueued'])
    await notify(steps)
    await done(steps, step)
    await store.afterBeats(5)
    // One look found it, and one more at most saw that nothing else is there.
    expect(source.looks - looks).toBeLessThanOrEqual(2)
  })

  it('reads at the start', async () => {
    const { step, appear } = await silentStep(steps)
    await appear()
    await start({ mode: 'EventDrivenOnly' })
    await done(steps, step)
  })

  it('reads again when a permit is free after a full read', async () => {
    const silent = [await silentStep(steps), await silentStep(steps), await silentStep(steps)]
    const { source } = await start({ mode: 'EventDrivenOnly', concurrentHandlersMax: 1 })
    for (const { appear } of silent) await appear()
    await notify(steps)
    for (const { step } of silent) await done(steps, step)
    expect(source.looks).toBeGreaterThanOrEqual(4)
  })

  it('reads after a reconnect what was told while it could not hear', async () => {
    const proxy = new TcpProxy({ host: new URL(steps.url).hostname, port: Number(new URL(steps.url).port) })
    const url = new URL(steps.url)
    url.port = String(await proxy.start())
    try {
      const { step, appear } = await silentStep(steps)
      const { listener, source, store } = await start({
        mode: 'EventDrivenOnly',
        listen: { url: url.toString(), heartbeatMs: 300, answerTimeoutMs: 300 },
      })
      proxy.silence()
      const { looks } = source
      await appear()
      await notify(steps)
      await store.afterBeats(2)
      expect(source.looks).toBe(looks)
      await done(steps, step)
      expect(listener?.health()).toMatchObject({ arriving: true, reconnects: 1 })
    } finally {
      await Promise.all(running.splice(0).map((each) => each.stop()))
      await proxy.stop()
    }
  })

  it('tries a failed claim again when the database answers, without a timer', async () => {
    const { step, appear } = await silentStep(steps)
    const { source, worker } = await start({ mode: 'EventDrivenOnly' })
    await appear()
    source.failures = 3
    await notify(steps)
    await done(steps, step)
    expect([source.failures, worker.claimFault]).toEqual([0, null])
  })

  it('tells the others when a message is visible again that it hid', async () => {
    const { step, appear } = await silentStep(steps)
    const stranger = new ScriptedAdapter(async (request) => success(request))
    stranger.announced = []
    const able = await start({ mode: 'EventDrivenOnly' })
    const unable = await start({ mode: 'EventDrivenOnly', adapter: stranger })
    const looks = able.source.looks
    await appear()
    // Only this one looks, finds a step that it cannot run, and hides it.
    unable.worker.handlersChanged()
    await done(steps, step)
    expect(able.adapter.seen.map(({ stepId }) => stepId)).toEqual([step])
    expect(able.source.looks).toBeGreaterThan(looks)
  })
})

describe('PollingOnly', () => {
  // That the host opens no LISTEN connection is a test of the host: test/host/modes.test.ts.
  it('finds a step that nobody told of, without a connection that listens', async () => {
    const { step, appear } = await silentStep(steps)
    const before = await listeningBackends()
    await start({ mode: 'PollingOnly', pollIntervalMs: 50 })
    expect(await listeningBackends()).toBe(before)
    await appear()
    await done(steps, step)
  })
})

describe('Hybrid', () => {
  it('finds a step by its notification, with a poll that never comes', async () => {
    const { step, appear } = await silentStep(steps)
    const { source, store } = await start({ mode: 'Hybrid' })
    const { looks } = source
    await appear()
    await store.afterBeats(5)
    expect(source.looks).toBe(looks)
    await notify(steps)
    await done(steps, step)
  })

  it('finds a step that nobody told of by its poll, beside a connection that listens', async () => {
    const { step, appear } = await silentStep(steps)
    await start({ mode: 'Hybrid', notifiedPollIntervalMs: 50 })
    expect(await listeningBackends()).toBe(1)
    await appear()
    await done(steps, step)
  })

  it('polls at its busy pace from the moment at which notifications are lost', async () => {
    const { step, appear } = await silentStep(steps)
    let deaf = false
    const { listener } = await start({
      mode: 'Hybrid',
      pollIntervalMs: 50,
      listen: {
        probeIntervalMs: 100,
        answerTimeoutMs: 200,
        // As behind a pooler: the sender is told that all is well, and nothing arrives.
        send: (channel, payload) => (deaf ? Promise.resolve() : notifyChannels(steps.database, [channel], payload)),
      },
    })
    expect(listener?.arriving).toBe(true)
    deaf = true
    await eventually('the listener is judged deaf', () => listener?.health().message?.includes('did not reach'))
    await appear()
    await done(steps, step)
    expect(listener?.arriving).toBe(false)
    deaf = false
    await eventually('notifications arrive again', () => listener?.arriving)
  })
})

describe('a namespace that is new', () => {
  it('is listened to, claimed from and written into the worker’s row without a restart', async () => {
    const { worker, source } = await start({ mode: 'EventDrivenOnly', namespaces: [] })
    const step = await steps.enqueue()
    await worker.serveNamespaces(['shop'])
    await done(steps, step)
    expect(worker.namespaces).toEqual(['shop'])
    expect(
      await steps.scalar('SELECT namespaces FROM stephost.workers WHERE worker_uuid = $1', [worker.workerId]),
    ).toEqual(['shop'])
    const { looks } = source
    const told = await steps.enqueue()
    await done(steps, told)
    expect(source.looks).toBeGreaterThan(looks)
    expect(await steps.queued(queue)).toBe(0)
  })
})
