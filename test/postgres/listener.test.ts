// Wake-ups through a real server: delivery, quoting, loss of the connection, silence of the connection, and the end.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { Listener, reconnectDelayMs } from '../../src/postgres/listener.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'

const oddChannel = 'pgmq_message_ready.Över "quoted"'

describe('Listener', () => {
  let place: TestDatabase
  let database: Database
  let listener: Listener

  beforeAll(async () => {
    place = await createTestDatabase({ empty: true })
    database = new Database({
      url: place.url,
      applicationName: 'listener test',
      connectionsMax: 2,
      acquireTimeoutMs: 5_000,
    })
    await database.start()
  })
  afterAll(async () => {
    await database.stop()
    await place.drop()
  })
  beforeEach(() => {
    listener = new Listener({ url: place.url, applicationName: 'the listener' })
  })
  afterEach(() => listener.stop())

  const notify = (channel: string) => database.query({ text: 'SELECT pg_notify($1, $2)', values: [channel, 'x'] })
  const count = () => {
    const counter = {
      calls: 0,
      wake: () => {
        counter.calls += 1
      },
    }
    return counter
  }

  it('wakes those who listen to the channel, whatever its name, and nobody else', async () => {
    const [odd, twin, other] = [count(), count(), count()]
    await listener.start()
    await listener.listen(oddChannel, odd.wake)
    await listener.listen(oddChannel, twin.wake)
    await listener.listen('other', other.wake)
    await notify(oddChannel)
    await eventually('both were woken', () => odd.calls === 1 && twin.calls === 1)
    expect(other.calls).toBe(0)
    expect(listener.health()).toMatchObject({ connected: true, reconnects: 0, message: null })
    expect(listener.health().lastNotificationAtMs).toBeTypeOf('number')
  })

  it('listens to channels that were named before the start', async () => {
    const early = count()
    await listener.listen('early', early.wake)
    await listener.start()
    await notify('early')
    await eventually('the early one was woken', () => early.calls === 1)
  })

  it('stops listening when the last one leaves', async () => {
    const [first, second, fence] = [count(), count(), count()]
    await listener.start()
    const leaveFirst = await listener.listen('busy', first.wake)
    const leaveSecond = await listener.listen('busy', second.wake)
    await listener.listen('fence', fence.wake)
    await leaveFirst()
    await leaveFirst()
    await notify('busy')
    await eventually('the second was woken', () => second.calls === 1)
    await leaveSecond()
    await notify('busy')
    await notify('fence')
    await eventually('the fence was woken', () => fence.calls === 1)
    expect([first.calls, second.calls]).toEqual([0, 1])
  })

  it('comes back after its connection was ended, wakes everybody and listens again', async () => {
    const [one, two] = [count(), count()]
    await listener.start()
    await listener.listen('one', one.wake)
    await listener.listen('two', two.wake)
    await database.query({
      text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the listener'`,
    })
    await eventually('it reconnected', () => listener.health().reconnects === 1)
    expect([one.calls, two.calls]).toEqual([1, 1])
    expect(listener.health()).toMatchObject({ connected: true, message: null })
    await notify('two')
    await eventually('it was woken by a notification', () => two.calls === 2)
  })

  it('forgets a channel that PostgreSQL refuses, so that it can be tried again and the reconnect is not refused', async () => {
    const western = await createTestDatabase({ empty: true, encoding: 'LATIN1' })
    const server = new Database({ url: western.url, applicationName: 'x', connectionsMax: 1, acquireTimeoutMs: 5_000 })
    const narrow = new Listener({ url: western.url, applicationName: 'narrow' })
    try {
      await Promise.all([server.start(), narrow.start()])
      const refused = () => expect(narrow.listen('\u6f22', () => {})).rejects.toMatchObject({ code: 'DATABASE_FAULT' })
      await Promise.all([refused(), refused()])
      await refused()
      await server.query({
        text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'narrow'`,
      })
      await eventually('it reconnected', () => narrow.health().reconnects === 1)
    } finally {
      await Promise.all([server.stop(), narrow.stop()])
      await western.drop()
    }
  })

  it('notices a connection that has fallen silent', async () => {
    const server = new URL(place.url)
    const proxy = new TcpProxy({ host: server.hostname, port: Number(server.port) })
    const url = new URL(place.url)
    url.port = String(await proxy.start())
    const distant = new Listener({
      url: url.toString(),
      applicationName: 'distant',
      heartbeatMs: 50,
      answerTimeoutMs: 200,
    })
    try {
      const counter = count()
      await distant.start()
      await distant.listen('quiet', counter.wake)
      proxy.silence()
      await eventually('it reconnected', () => distant.health().reconnects === 1)
      expect(counter.calls).toBe(1)
      await notify('quiet')
      await eventually('it was woken', () => counter.calls === 2)
    } finally {
      await distant.stop()
      await proxy.stop()
    }
  })

  it('judges a connection deaf whose probe does not come back, says so, tries again, and believes it when one does', async () => {
    let deaf = true
    const probed = new Listener({
      url: place.url,
      applicationName: 'probed',
      answerTimeoutMs: 500,
      probeIntervalMs: 50,
      send: async (channel, payload) => {
        if (!deaf) await database.query({ text: 'SELECT pg_notify($1, $2)', values: [channel, payload] })
      },
    })
    const states: boolean[] = []
    probed.watch(() => {
      if (states.at(-1) !== probed.arriving) states.push(probed.arriving)
    })
    try {
      const counter = count()
      await probed.listen('probed', counter.wake)
      await probed.start()
      expect(probed.health()).toMatchObject({ connected: false, arriving: false })
      expect(probed.health().message).toMatch(/^a notification sent through the pool did not reach .* within 500 ms/)
      expect(counter.calls).toBe(0)
      deaf = false
      await eventually('it hears', () => probed.arriving)
      expect(probed.health()).toMatchObject({ connected: true, message: null, lastNotificationAtMs: null })
      expect(counter.calls).toBe(1)
      deaf = true
      await eventually('it is deaf again', () => !probed.arriving)
      expect(states).toEqual([false, true, false])
    } finally {
      await probed.stop()
    }
  })

  it('judges nobody by a probe that could not be sent', async () => {
    let broken = false
    let tries = 0
    const probed = new Listener({
      url: place.url,
      applicationName: 'probed',
      probeIntervalMs: 20,
      send: async (channel, payload) => {
        tries += 1
        if (broken) throw new Error('the pool is exhausted')
        await database.query({ text: 'SELECT pg_notify($1, $2)', values: [channel, payload] })
      },
    })
    try {
      await probed.start()
      broken = true
      const before = tries
      await eventually('some probes failed', () => tries > before + 3)
      expect(probed.health()).toMatchObject({ connected: true, arriving: true, reconnects: 0, message: null })
    } finally {
      await probed.stop()
    }
  })

  it('waits longer from attempt to attempt to reconnect, up to the limit, and never twice the same', () => {
    const longest = [0, 1, 2, 5, 6, 20].map((attempt) =>
      Math.max(...Array.from({ length: 300 }, () => reconnectDelayMs(attempt, 5_000))),
    )
    const limits = [100, 200, 400, 3_200, 5_000, 5_000]
    longest.forEach((waitMs, index) => {
      expect(waitMs).toBeLessThanOrEqual(limits[index] ?? 0)
      expect(waitMs).toBeGreaterThan((limits[index] ?? 0) * 0.9)
    })
    const waits = Array.from({ length: 300 }, () => reconnectDelayMs(3, 5_000))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(400)
    expect(new Set(waits).size).toBeGreaterThan(290)
  })

  it('stops while it tries to reconnect', async () => {
    const server = new URL(place.url)
    const proxy = new TcpProxy({ host: server.hostname, port: Number(server.port) })
    const url = new URL(place.url)
    url.port = String(await proxy.start())
    const distant = new Listener({ url: url.toString(), applicationName: 'distant' })
    await distant.start()
    await proxy.stop()
    await eventually('it noticed', () => distant.health().message?.includes('cannot be reached'))
    await distant.stop()
    expect(distant.health()).toMatchObject({ connected: false, message: 'stopped' })
  })

  it('says which server it cannot reach, and refuses a name that is too long', async () => {
    const nowhere = new Listener({ url: 'postgresql://a:geheim@127.0.0.1:1/x', applicationName: 'nowhere' })
    await expect(nowhere.start()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: 'PostgreSQL at 127.0.0.1:1 cannot be reached: nothing listens there (ECONNREFUSED)',
    })
    await expect(nowhere.listen('x'.repeat(64), () => {})).rejects.toMatchObject({ code: 'DATABASE_FAULT' })
  })
})
