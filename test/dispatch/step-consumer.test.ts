// Permits, prefetch and wake-ups against a scripted source: how much is claimed, and when.
import { afterEach, describe, expect, it } from 'vitest'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'
import { newDispatchCounters } from '../../src/dispatch/dispatch-events.ts'
import { HandlerDirectory } from '../../src/dispatch/handler-directory.ts'
import { HeldSteps } from '../../src/dispatch/held-steps.ts'
import { LoadShedding, type LoadSheddingOptions } from '../../src/dispatch/load-shedding.ts'
import type { PermitLimits } from '../../src/dispatch/permit-views.ts'
import type { BatchPlace, Handover } from '../../src/dispatch/row-batches.ts'
import { RunnableSteps } from '../../src/dispatch/runnable-steps.ts'
import { RuntimeRuns } from '../../src/dispatch/runtime-runs.ts'
import { type Permit, Semaphore } from '../../src/dispatch/semaphore.ts'
import { StepConsumer } from '../../src/dispatch/step-consumer.ts'
import type { StepExecutor } from '../../src/dispatch/step-executor.ts'
import type { Claim, ClaimRequest } from '../../src/model/claim-source.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { WorkerId } from '../../src/model/ids.ts'
import type { ClaimedStep } from '../../src/model/step-request.ts'
import type { StepStore } from '../../src/model/step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { claimedStep, quietEvents, stepRequest } from './steps.ts'

const consumers: StepConsumer[] = []
const wheels: DeadlineWheel[] = []
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()))
  for (const wheel of wheels.splice(0)) wheel.stop()
})

const noShedding = { enabled: false, capacityThresholdPercent: 80, warningThresholdPercent: 70 }

interface Script {
  readonly claims?: (request: ClaimRequest, waiting: ClaimedStep[]) => ClaimedStep[]
  readonly hydrate?: () => void
  /** Why a further queue could not be looked into. */
  readonly unknown?: () => Error | null
  readonly permits?: number
  readonly limits?: PermitLimits
  readonly shedding?: LoadSheddingOptions
  readonly prefetchMax?: number
  /** All steps have a handler that takes batches. */
  readonly place?: BatchPlace
  readonly workerId?: () => WorkerId
}

function setUp(script: Script) {
  const waiting: ClaimedStep[] = []
  const requests: ClaimRequest[] = []
  const running: { steps: ClaimedStep[]; permit: Permit }[] = []
  const deadlines = new DeadlineWheel()
  wheels.push(deadlines)
  const seen = { unknown: 0, room: true, givenBack: [] as string[] }
  const held = new HeldSteps()
  const runs = new RuntimeRuns(([first]) => (first?.step.stepId.startsWith('r') ? 'ruby' : 'python'))
  const directory = new HandlerDirectory([], { namespaceRuntimes: {} })
  const runnable = new RunnableSteps({ load: async () => [] }, directory, {
    namespaces: [],
    rootsByTemplate: new Map(),
    refreshMs: 1_000,
  })
  const semaphore = new Semaphore(script.limits ?? { permitsMax: script.permits ?? 2 }, () => consumer.permitFreed())
  const take = script.claims ?? ((request) => waiting.splice(0, request.free + request.prefetch))
  const consumer: StepConsumer = new StepConsumer(
    { prefetchMax: script.prefetchMax ?? 0, poll: { firstMs: 60_000, idleMaxMs: 60_000, notifiedMaxMs: 60_000 } },
    {
      runnable,
      semaphore,
      deadlines,
      held,
      runs,
      shedding: new LoadShedding(script.shedding ?? noShedding, quietEvents),
      mayWait: () => true,
      giveBack: (steps) => void seen.givenBack.push(...steps.map(({ stepId }) => stepId)),
      events: quietEvents,
      counters: newDispatchCounters(),
      workerId: script.workerId ?? (() => 'w' as WorkerId),
      hasRoom: () => seen.room,
      notified: () => false,
      hidForeign: () => {},
      claimUnknown: () => {
        seen.unknown += 1
      },
      source: {
        claim: async (request): Promise<Claim> => {
          requests.push(request)
          const steps = take(request, waiting)
          const error = script.unknown?.() ?? null
          return {
            ...(error === null ? {} : { unknown: { error } }),
            steps,
            more: false,
            leftBehind: waiting.length > 0,
            foreign: 0,
            setAside: { malformed: 0, gone: 0, stale: 0 },
          }
        },
      },
      store: {
        hydrate: async (steps: readonly ClaimedStep[]) => {
          script.hydrate?.()
          return new Map(steps.map((step) => [step.stepId, stepRequest(step)]))
        },
      } as unknown as StepStore,
      executor: {
        run: async (handover: Handover, permit: Permit) => {
          running.push({ steps: handover.map(({ step }) => step), permit })
        },
        batchPlaceOf: () => script.place ?? null,
      } as unknown as StepExecutor,
    },
  )
  consumers.push(consumer)
  const enqueue = (...names: string[]) => {
    waiting.push(...names.map((name) => claimedStep(name)))
    consumer.wake()
  }
  const finishOne = () => running.shift()?.permit.release()
  const names = () => running.map(({ steps }) => steps.map(({ stepId }) => stepId).join(' '))
  return { consumer, enqueue, finishOne, names, requests, seen, held, semaphore, runs }
}

describe('StepConsumer', () => {
  it('never asks for more than the free permits and the prefetch', async () => {
    const { consumer, enqueue, names, requests } = setUp({ permits: 2, prefetchMax: 1 })
    consumer.start()
    enqueue('a', 'b', 'c', 'd')
    await eventually('two run', () => names().length === 2)
    expect(requests.every((request) => request.free <= 2 && request.prefetch <= 1)).toBe(true)
  })

  it('begins what it has claimed where a further queue failed, looks for what may be its own, and claims again by itself', async () => {
    let broken = true
    const { consumer, enqueue, names, requests, seen } = setUp({
      permits: 2,
      unknown: () => (broken ? new Error('cut off') : null),
      claims: (_, waiting) => waiting.splice(0, 1),
    })
    consumer.start()
    // The look that finds nothing fails as a whole, and waits for a wake-up.
    await eventually('a claim has failed', () => consumer.fault === 'cut off')
    const unknown = seen.unknown
    enqueue('a')
    await eventually(
      'the step runs, and another claim has failed',
      () => names()[0] === 'a' && seen.unknown >= unknown + 2,
    )
    expect(consumer.fault).toBe('cut off')
    broken = false
    const before = requests.length
    consumer.databaseAnswered()
    await eventually('it is whole again', () => consumer.fault === null && requests.length > before)
  })

  it('starts a prefetched step when a permit comes back, and claims what was left behind', async () => {
    const { consumer, enqueue, finishOne, names } = setUp({ permits: 1, prefetchMax: 1 })
    consumer.start()
    enqueue('a', 'b', 'c')
    await eventually('the first runs', () => names()[0] === 'a')
    finishOne()
    await eventually('the prefetched one runs', () => names()[0] === 'b')
    finishOne()
    await eventually('the one left behind runs', () => names()[0] === 'c')
  })

  it.each<{ becomes: PermitLimits; order: readonly string[] }>([
    { becomes: { permitsMax: 1 }, order: ['r1', 'r2', 'p1', 'p2'] },
    { becomes: { permitsMax: 1, languages: { ruby: 1 } }, order: ['r1', 'p1', 'r2', 'p2'] },
  ])(
    'starts short steps of one runtime after each other, unless there are limits: $becomes',
    async ({ becomes, order }) => {
      const hydrate = () => rig.semaphore.resize(becomes)
      const rig = setUp({ permits: 1, prefetchMax: 3, hydrate })
      rig.runs.ran(0, 1)
      rig.consumer.start()
      rig.enqueue('r1', 'p1', 'r2', 'p2')
      for (const name of order) {
        await eventually(`${name} runs`, () => rig.names().length === 1)
        expect(rig.names()).toEqual([name])
        rig.finishOne()
      }
    },
  )

  it('gathers steps without a permit, as prefetched ones, and hands a batch over under one', async () => {
    const place = { key: 'rows', limits: { sizeMax: 3, waitMaxMs: 60_000 } }
    const { consumer, enqueue, names, requests, semaphore, held } = setUp({ permits: 2, prefetchMax: 3, place })
    consumer.start()
    enqueue('a', 'b')
    await eventually('two wait', () => held.size === 2)
    enqueue('c')
    await eventually('the batch runs', () => names()[0] === 'a b c')
    expect(semaphore.free).toBe(1)
    expect(requests.map(({ prefetch }) => prefetch)).toContain(1)
  })

  it('hands a batch over that waited its time, and one that no other step can join', async () => {
    const place = { key: 'rows', limits: { sizeMax: 100, waitMaxMs: 20 } }
    const timed = setUp({ permits: 2, prefetchMax: 30, place })
    timed.consumer.start()
    timed.enqueue('a', 'b')
    await eventually('its time is over', () => timed.names()[0] === 'a b')
    const crowded = setUp({
      permits: 2,
      prefetchMax: 1,
      place: { ...place, limits: { sizeMax: 100, waitMaxMs: 60_000 } },
    })
    crowded.consumer.start()
    crowded.enqueue('a', 'b', 'c')
    await eventually('there is no room for more', () => crowded.names()[0] === 'a b c')
  })

  it('hands gathered steps back when it stops', async () => {
    const place = { key: 'rows', limits: { sizeMax: 100, waitMaxMs: 60_000 } }
    const { consumer, enqueue, names, held, semaphore } = setUp({ permits: 2, prefetchMax: 30, place })
    consumer.start()
    enqueue('a', 'b')
    await eventually('both are held', () => held.size === 2)
    expect((await consumer.stop()).map(({ stepId }) => stepId)).toEqual(['a', 'b'])
    expect([names(), semaphore.free]).toEqual([[], 2])
  })

  it('hands back what it never started when it stops', async () => {
    const { consumer, enqueue, names, held } = setUp({ permits: 1, prefetchMax: 3 })
    consumer.start()
    enqueue('a', 'b', 'c')
    await eventually('all are held', () => held.size === 3 && names().length === 1)
    expect((await consumer.stop()).map(({ stepId }) => stepId)).toEqual(['b', 'c'])
  })

  it('goes on after a failed claim, which may have happened', async () => {
    let calls = 0
    const { consumer, enqueue, names, seen } = setUp({
      claims: (request, waiting) => {
        calls += 1
        if (calls === 2) throw new HostError('DATABASE_UNREACHABLE', 'gone')
        return waiting.splice(0, request.free)
      },
    })
    consumer.start()
    await eventually('the first look', () => calls === 1)
    enqueue('a')
    await eventually('the failure is known', () => consumer.fault === 'gone')
    expect(seen.unknown).toBe(1)
    consumer.wake()
    await eventually('the step runs', () => names()[0] === 'a')
    await eventually('the fault is over', () => consumer.fault === null)
  })

  it('lets go of steps that it could not hydrate', async () => {
    let broken = true
    const { consumer, enqueue, seen, held, semaphore } = setUp({
      hydrate: () => {
        if (broken) throw new HostError('DATABASE_UNREACHABLE', 'gone')
      },
    })
    consumer.start()
    enqueue('a')
    await eventually('the failure is known', () => seen.unknown === 1)
    broken = false
    expect(held.size).toBe(0)
    expect(semaphore.free).toBe(2)
  })

  it('starts nothing that was let go of while it was hydrated', async () => {
    let letGo = () => {}
    const { consumer, enqueue, requests, names, held } = setUp({ hydrate: () => letGo() })
    letGo = () => held.letGoOfAll()
    consumer.start()
    enqueue('a')
    await eventually('a claim', () => requests.length > 0)
    await consumer.stop()
    expect(names()).toEqual([])
  })

  it('claims nothing while results pile up', async () => {
    const { consumer, enqueue, names, seen, requests } = setUp({})
    seen.room = false
    consumer.start()
    enqueue('a')
    await new Promise((resolve) => setImmediate(resolve))
    expect(requests).toEqual([])
    seen.room = true
    consumer.permitFreed()
    await eventually('the step runs', () => names()[0] === 'a')
  })

  it('does not run what it claimed under a life that is over', async () => {
    let lives = 0
    const workerId = () => {
      lives += 1
      return `life-${lives}` as WorkerId
    }
    const { consumer, enqueue, requests, names, held } = setUp({ workerId })
    consumer.start()
    enqueue('a')
    await eventually('a claim', () => requests.length > 0)
    await consumer.stop()
    expect(names()).toEqual([])
    expect(held.size).toBe(0)
  })
})

describe('a claim in somebody else’s transaction', () => {
  const claimOf = (...names: string[]): Claim => ({
    ...{ steps: names.map((name) => claimedStep(name)), more: false, leftBehind: false, foreign: 0 },
    setAside: { malformed: 0, gone: 0, stale: 0 },
  })

  it('takes its room from the claims of the loop, and its steps begin as theirs', async () => {
    const { consumer, requests, names, held, enqueue } = setUp({ permits: 3 })
    consumer.start()
    await eventually('the loop rests', () => consumer.lastClaimAtMs)
    const reserved = consumer.reserve(2)
    expect(reserved?.request).toMatchObject({ free: 2, prefetch: 0, lanes: null })
    expect(consumer.reserve(1)).toBeNull()
    enqueue('loop')
    await eventually('the loop claimed', () => requests.length === 2)
    expect(requests[1]?.free).toBe(1)
    reserved?.took(claimOf('a', 'b'))
    await eventually('all run', () => names().length === 3)
    expect(held.size).toBe(3)
  })

  it('is refused without room, and while the loop is about to claim', async () => {
    const idle = setUp({ permits: 1 })
    expect(idle.consumer.reserve(1)).toBeNull()
    idle.consumer.start()
    await eventually('the loop rests', () => idle.consumer.lastClaimAtMs)
    idle.consumer.wake()
    expect(idle.consumer.reserve(1)).toBeNull()
    await eventually('the loop claimed', () => idle.requests.length === 2)
    idle.seen.room = false
    expect(idle.consumer.reserve(1)).toBeNull()
  })

  it('is refused while the worker is busy: its steps come in batches then', async () => {
    const { consumer, enqueue, names, finishOne, requests } = setUp({ permits: 20 })
    consumer.start()
    enqueue(...Array.from({ length: 9 }, (_, index) => `busy-${index}`))
    await eventually('all run', () => names().length === 9)
    await eventually('the queues were looked at', () => requests.length >= 1)
    expect(consumer.reserve(1)).toBeNull()
    finishOne()
  })

  it('gives its room back when it took nothing, and tells that steps may be ours when nobody knows', async () => {
    const { consumer, seen, held, enqueue, names } = setUp({ permits: 1 })
    consumer.start()
    await eventually('the loop rests', () => consumer.lastClaimAtMs)
    consumer.reserve(1)?.tookNothing()
    const second = await eventually('there is room again', () => consumer.reserve(1))
    expect(seen.unknown).toBe(0)
    second.unknown()
    const again = await eventually('there is room again', () => consumer.reserve(1))
    expect([seen.unknown, again.request.free]).toEqual([1, 1])
    // A step came meanwhile, for which there was no room.
    enqueue('waits')
    again.tookNothing()
    await eventually('the step runs', () => names()[0] === 'waits')
    expect(held.isClaiming).toBe(false)
  })

  it('keeps the permits that it reserved: nothing is claimed ahead that could take them', async () => {
    const { consumer, requests, enqueue } = setUp({ permits: 2, prefetchMax: 8 })
    consumer.start()
    await eventually('the loop rests', () => consumer.lastClaimAtMs)
    const reserved = consumer.reserve(1)
    enqueue('a', 'b', 'c')
    await eventually('the loop claimed', () => requests.length === 2)
    expect(requests[1]).toMatchObject({ free: 1, prefetch: 0 })
    consumer.wake()
    reserved?.took(claimOf('d'))
    await eventually('the loop claimed', () => requests.length === 3)
    // Both permits are taken: one more may wait here.
    expect(requests[2]).toMatchObject({ free: 0, prefetch: 8 })
  })

  it('hands its steps to the end of the worker when that came first', async () => {
    const { consumer, names, seen } = setUp({ permits: 1 })
    consumer.start()
    await eventually('the loop rests', () => consumer.lastClaimAtMs)
    const reserved = consumer.reserve(1)
    let given: readonly ClaimedStep[] | null = null
    const stopped = consumer.stop().then((steps) => {
      given = steps
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(given).toBeNull()
    reserved?.took(claimOf('late'))
    await stopped
    expect([...seen.givenBack, ...names()]).toEqual(['late'])
  })
})
