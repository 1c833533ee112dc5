// Circuits that open after outages in a row, try after a while, and close again; by a clock of the test's own.
import { describe, expect, it } from 'vitest'
import { Breaker, type BreakerLimits } from '../../src/dispatch/circuit-breaker.ts'
import { CircuitBreakers } from '../../src/dispatch/circuit-breakers.ts'
import { CircuitOpenError } from '../../src/model/circuit-breaker.ts'
import { HostError } from '../../src/model/host-error.ts'

const limits: BreakerLimits = { failureThreshold: 3, openMs: 1_000, successThreshold: 2, changeIntervalMinMs: 0 }
const away = new HostError('DATABASE_UNREACHABLE', 'nothing listens there')
const dataFault = new HostError('DATABASE_FAULT', 'division by zero')

function setUp(more: Partial<BreakerLimits> = {}) {
  let nowMs = 0
  const changes: string[] = []
  const breaker = new Breaker(
    'claims',
    { ...limits, ...more },
    { now: () => nowMs, changed: ({ from, to }) => changes.push(`${from} → ${to}`) },
  )
  const fail = (error: Error = away) => breaker.run(() => Promise.reject(error)).catch((thrown: unknown) => thrown)
  const succeed = () => breaker.run(async () => 'done').catch((thrown: unknown) => thrown)
  const open = async () => {
    for (let failure = 0; failure < limits.failureThreshold; failure += 1) await fail()
  }
  return { breaker, changes, fail, succeed, open, pass: (ms: number) => (nowMs += ms) }
}

/** A call that ends when the test says so. */
function pending(breaker: Breaker): { settled: Promise<unknown>; succeed: () => void; fail: () => void } {
  let succeed = () => {}
  let fail = () => {}
  const call = new Promise<void>((resolve, reject) => {
    succeed = resolve
    fail = () => reject(away)
  })
  return { settled: breaker.run(() => call).catch(() => {}), succeed: () => succeed(), fail: () => fail() }
}

describe('a circuit', () => {
  it('passes results and errors through while it is closed', async () => {
    const { succeed, fail, breaker } = setUp()
    expect(await succeed()).toBe('done')
    expect(await fail()).toBe(away)
    expect(breaker.report()).toMatchObject({ state: 'closed', calls: 2, failures: 1, refused: 0, failuresInARow: 1 })
  })

  it('opens after so many outages in a row, and then makes no call', async () => {
    const { breaker, fail, succeed, open, changes } = setUp()
    await fail()
    await fail()
    await succeed()
    expect(breaker.report().state).toBe('closed')
    await open()
    expect(changes).toEqual(['closed → open'])
    let made = false
    const refused: unknown = await breaker
      .run(async () => {
        made = true
      })
      .catch((thrown: unknown) => thrown)
    expect(made).toBe(false)
    expect(refused).toBeInstanceOf(CircuitOpenError)
    expect(refused).toMatchObject({
      code: 'CIRCUIT_OPEN',
      message: 'The circuit "claims" is open: nothing listens there',
      retryInMs: 1_000,
    })
    expect(breaker.report()).toMatchObject({
      state: 'open',
      opened: 1,
      refused: 1,
      lastFailure: 'nothing listens there',
    })
  })

  it('counts no fault of the data, which shows that somebody answers', async () => {
    const { breaker, fail } = setUp()
    for (let n = 0; n < 10; n += 1) await fail(dataFault)
    await fail()
    await fail()
    await fail(dataFault)
    await fail()
    expect(breaker.report()).toMatchObject({ state: 'closed', failures: 3, failuresInARow: 1 })
  })

  it('is half-open after its time, and closes after so many successes', async () => {
    const { breaker, open, succeed, pass, changes } = setUp()
    await open()
    pass(999)
    expect(breaker.report().state).toBe('open')
    pass(1)
    expect(breaker.report()).toMatchObject({ state: 'half_open', retryInMs: 0 })
    await succeed()
    expect(breaker.report().state).toBe('half_open')
    await succeed()
    expect(changes).toEqual(['closed → open', 'open → half_open', 'half_open → closed'])
  })

  it('opens again at the first failed try, for its whole time', async () => {
    const { breaker, open, succeed, fail, pass } = setUp()
    await open()
    pass(1_000)
    await succeed()
    await fail()
    expect(breaker.report()).toMatchObject({ state: 'open', opened: 2, retryInMs: 1_000 })
  })

  it('lets no more calls try at once than it needs successes', async () => {
    const { breaker, open, pass, succeed } = setUp()
    await open()
    pass(1_000)
    const tries = [pending(breaker), pending(breaker)]
    expect(await succeed()).toMatchObject({ code: 'CIRCUIT_OPEN' })
    for (const one of tries) one.succeed()
    await Promise.all(tries.map(({ settled }) => settled))
    expect(breaker.report().state).toBe('closed')
  })

  it('does not judge by calls from before its last change', async () => {
    const { breaker, open, pass, succeed } = setUp()
    const old = pending(breaker)
    await open()
    pass(1_000)
    await succeed()
    old.fail()
    await old.settled
    expect(breaker.report()).toMatchObject({ state: 'half_open', failures: 4 })
    await succeed()
    expect(breaker.report().state).toBe('closed')
  })

  it('changes no more often than it may, but a failed try opens it at once', async () => {
    const { breaker, open, succeed, fail, pass } = setUp({ changeIntervalMinMs: 5_000 })
    await open()
    pass(4_999)
    expect(breaker.report().state).toBe('open')
    pass(1)
    await fail()
    expect(breaker.report().state).toBe('open')
    pass(5_000)
    for (let n = 0; n < 5; n += 1) await succeed()
    expect(breaker.report().state).toBe('half_open')
    pass(5_000)
    await succeed()
    expect(breaker.report().state).toBe('closed')
    await open()
    expect(breaker.report().state).toBe('closed')
    pass(5_000)
    await fail()
    expect(breaker.report().state).toBe('open')
  })
})

describe('the circuits of a host', () => {
  const quick = { ...limits, failureThreshold: 1 }
  const all = { messaging: quick, taskReadiness: { ...quick, openMs: 0 }, web: limits }

  it('are healthy when there are none, degraded with one half-open, unhealthy with one open', async () => {
    const circuits = new CircuitBreakers(all)
    expect(circuits.check().status).toBe('healthy')
    const claims = circuits.make('claims', 'messaging')
    const readiness = circuits.make('orchestration', 'taskReadiness')
    expect(circuits.check()).toMatchObject({ status: 'healthy', message: null })
    await readiness.run(() => Promise.reject(away)).catch(() => {})
    expect(circuits.check()).toMatchObject({
      status: 'degraded',
      message: 'orchestration is half-open: nothing listens there',
    })
    await claims.run(() => Promise.reject(away)).catch(() => {})
    expect(circuits.check()).toMatchObject({
      status: 'unhealthy',
      message: 'claims is open: nothing listens there; orchestration is half-open: nothing listens there',
    })
    expect(circuits.facts()).toMatchObject({ claims: { state: 'open', calls: 1, failures: 1, opened: 1 } })
  })

  it('take what is an outage from who uses them', async () => {
    const broker = new CircuitBreakers(all).make('publish', 'messaging', (error) => error instanceof TypeError)
    await broker.run(() => Promise.reject(away)).catch(() => {})
    expect(broker.report().state).toBe('closed')
    await broker.run(() => Promise.reject(new TypeError('no broker'))).catch(() => {})
    expect(broker.report().state).toBe('open')
  })
})
