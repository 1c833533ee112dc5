// A worker's own view of its lease: when it may judge others, when it may start anything, and how often it begins again.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { type Beat, Lease } from '../../src/dispatch/lease.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { Heartbeat, WorkerRegistration, WorkerRegistry } from '../../src/model/step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { quietEvents } from './steps.ts'

const leaseMs = 200
const leases: Lease[] = []
afterEach(async () => {
  await Promise.all(leases.splice(0).map((lease) => lease.stop()))
})

function setUp({ heartbeatMs = 10 } = {}) {
  const said: string[] = []
  const beats: Beat[] = []
  const registered: WorkerRegistration[] = []
  const left: boolean[] = []
  let runnable: WorkerRegistration['runnable'] = []
  const told: (WorkerRegistration['runnable'] | null)[] = []
  const server = {
    heartbeat: async (): Promise<Heartbeat | null> => ({ gapMs: heartbeatMs, recoveryDue: false }),
    register: async (): Promise<void> => {},
  }
  const registry: WorkerRegistry = {
    register: async (registration) => {
      await server.register()
      registered.push(registration)
    },
    heartbeat: (_id, options) => {
      told.push(options.runnable)
      return server.heartbeat()
    },
    ownSteps: async () => [],
    recover: async () => ({ declaredDead: [], requeued: 0, failed: 0 }),
    leave: async (_id, { unknownClaims }) => void left.push(unknownClaims),
  }
  const counts = { lost: 0, certain: 0 }
  const lease = new Lease(
    { namespaces: ['shop'], leaseMs, heartbeatMs },
    {
      registry,
      events: { ...quietEvents, warning: (message) => said.push(message) },
      runnable: () => runnable,
      lost: () => {
        counts.lost += 1
      },
      certain: () => {
        counts.certain += 1
      },
      beat: async (beat) => void beats.push(beat),
    },
  )
  leases.push(lease)
  const change = (steps: WorkerRegistration['runnable']) => {
    runnable = steps
  }
  return { lease, server, said, beats, registered, left, counts, told, change }
}

const away = async () => {
  throw new HostError('DATABASE_UNREACHABLE', 'away')
}

describe('a lease', () => {
  it('lets its worker judge others only after a whole lease of heartbeats', async () => {
    const { lease, beats } = setUp()
    await lease.start()
    await eventually('a steady beat', () => beats.some(({ steady }) => steady))
    expect(beats[0]?.steady).toBe(false)
    expect(beats.length).toBeGreaterThan(1)
  })

  it('counts a heartbeat as a gap that PostgreSQL saw come late, as after a pause of the machine', async () => {
    const { lease, server, beats } = setUp()
    await lease.start()
    await eventually('a steady beat', () => beats.at(-1)?.steady)
    const inTime = server.heartbeat
    server.heartbeat = async () => {
      server.heartbeat = inTime
      return { gapMs: leaseMs, recoveryDue: true }
    }
    const { length } = beats
    await eventually('the late heartbeat and one more', () => beats.length >= length + 2)
    expect(beats.find(({ recoveryDue }) => recoveryDue)?.steady).toBe(false)
    await eventually('steady again', () => beats.at(-1)?.steady)
  })

  it('counts a heartbeat as a gap that this process sent late, as after SIGSTOP', async () => {
    const { lease, beats } = setUp()
    await lease.start()
    await eventually('a steady beat', () => beats.at(-1)?.steady)
    const { length } = beats
    // The event loop stands still, as it does in a process that is stopped.
    const until = performance.now() + leaseMs
    while (performance.now() < until) {}
    expect(lease.isCertain).toBe(false)
    await eventually('the next beat', () => beats.length > length)
    expect(beats[length]?.steady).toBe(false)
  })

  it('is not certain any more when no heartbeat succeeds for a lease, and tells when it is again', async () => {
    const { lease, server, said, counts, registered } = setUp()
    await lease.start()
    expect(lease.isCertain).toBe(true)
    const answering = server.heartbeat
    server.heartbeat = away
    await eventually('uncertainty', () => !lease.isCertain)
    await eventually('it is said', () => said.some((line) => line.includes('no heartbeat for a whole lease')))
    expect([counts.certain, counts.lost]).toEqual([0, 0])
    server.heartbeat = answering
    await eventually('certainty', () => counts.certain === 1)
    expect([lease.isCertain, registered.length]).toEqual([true, 1])
  })

  it('lets go once when it was declared dead, and registers under another id as soon as it can (field note 3)', async () => {
    const { lease, server, counts, registered } = setUp()
    await lease.start()
    const first = lease.workerId
    const answering = server.heartbeat
    server.register = away
    server.heartbeat = async () => null
    await eventually('the end of the first life', () => counts.lost === 1)
    await delay(50)
    expect(lease.isCertain).toBe(false)
    server.register = async () => {}
    server.heartbeat = answering
    await eventually('the second life', () => lease.isCertain)
    expect(lease.workerId).not.toBe(first)
    expect(registered.map(({ workerId }) => workerId)).toEqual([first, lease.workerId])
    expect(counts.lost).toBe(1)
  })

  it('tells what it can run at the registration and when that has changed, not with each heartbeat', async () => {
    const { lease, told, change, registered } = setUp()
    await lease.start()
    await eventually('two heartbeats', () => told.length >= 2)
    const steps = [{ namedTaskId: 'a' as never, templateStep: 'b' }]
    change(steps)
    await eventually('it is told', () => told.includes(steps))
    const { length } = told
    await eventually('two more', () => told.length >= length + 2)
    expect(told.filter((given) => given !== null)).toEqual([steps])
    expect(registered[0]?.runnable).toEqual([])
  })

  it('ends although PostgreSQL answers nothing', async () => {
    const { lease, server, said, left } = setUp()
    await lease.start()
    server.heartbeat = () => new Promise(() => {})
    await delay(20)
    await lease.stop({ unknownClaims: true })
    expect(left).toEqual([true])
    expect(said).toEqual([])
  })
})
