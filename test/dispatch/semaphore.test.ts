// Permits: never more than any limit says, all or nothing, and each comes back once; also while the limits change.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PermitLimits, PermitUse } from '../../src/dispatch/permit-views.ts'
import { type Permit, Semaphore } from '../../src/dispatch/semaphore.ts'
import { runtimeNames } from '../../src/model/handler.ts'
import { HostError } from '../../src/model/host-error.ts'

function useOf(callable: string, more: Partial<PermitUse> = {}): PermitUse {
  return { namespace: 'shop', language: 'python', names: [callable], batchMax: 1, ...more }
}

/** A permit, or the name of what is full. */
function take(semaphore: Semaphore, use: PermitUse | null = null): Permit | string {
  const taking = semaphore.take(() => use)
  return taking.permit ?? taking.full?.name ?? 'tokens'
}

function taken(semaphore: Semaphore, use: PermitUse | null = null): Permit {
  const permit = take(semaphore, use)
  if (typeof permit === 'string') throw new Error(`full: ${permit}`)
  return permit
}

const used = (semaphore: Semaphore) =>
  Object.fromEntries(semaphore.views().map(({ kind, name, used }) => [`${kind} ${name}`, used]))

describe('Semaphore', () => {
  it('gives what is free and never waits', () => {
    const semaphore = new Semaphore({ permitsMax: 2 })
    taken(semaphore)
    taken(semaphore)
    expect(take(semaphore)).toBe('tokens')
    expect(semaphore.free).toBe(0)
  })

  it('tells of each permit that came back', () => {
    let freed = 0
    const semaphore = new Semaphore({ permitsMax: 2 }, () => {
      freed += 1
    })
    for (const permit of [taken(semaphore), taken(semaphore)]) permit.release()
    expect(freed).toBe(2)
    expect(semaphore.free).toBe(2)
  })

  it('refuses a second release and adds no permit', () => {
    const semaphore = new Semaphore({ permitsMax: 1 })
    const permit = taken(semaphore)
    permit.release()
    expect(() => permit.release()).toThrow(HostError)
    expect(() => permit.release()).toThrow('released twice')
    taken(semaphore)
    expect(take(semaphore)).toBe('tokens')
  })
})

describe('views', () => {
  it('limit a handler, a language and a namespace, each for itself', () => {
    const semaphore = new Semaphore({
      permitsMax: 10,
      languages: { ruby: 1 },
      namespaces: { billing: 1 },
      handlers: { charge: 2 },
    })
    taken(semaphore, useOf('charge'))
    taken(semaphore, useOf('charge'))
    expect(take(semaphore, useOf('charge'))).toBe('charge')
    taken(semaphore, useOf('ship', { language: 'ruby' }))
    expect(take(semaphore, useOf('ship', { language: 'ruby' }))).toBe('ruby')
    taken(semaphore, useOf('ship', { namespace: 'billing' }))
    expect(take(semaphore, useOf('pay', { namespace: 'billing' }))).toBe('billing')
    taken(semaphore, useOf('ship'))
    expect(semaphore.free).toBe(5)
  })

  it('are tried together before anything is taken', () => {
    const limits = { permitsMax: 4, languages: { python: 3 }, handlers: { charge: 1 } }
    const semaphore = new Semaphore(limits)
    taken(semaphore, useOf('charge'))
    expect(take(semaphore, useOf('charge'))).toBe('charge')
    expect(used(semaphore)).toEqual({ 'language python': 1, 'handler charge': 1 })
    expect(semaphore.free).toBe(3)
  })

  it('know a handler by any of its names', () => {
    const semaphore = new Semaphore({ permitsMax: 4, handlers: { 'Payments::Charge': 1 } })
    const charge = useOf('payments.charge', { names: ['payments.charge', 'Payments::Charge'] })
    taken(semaphore, charge)
    expect(take(semaphore, charge)).toBe('Payments::Charge')
  })
})

describe('weights', () => {
  it('take so many tokens or none, of all steps and of the views', () => {
    const semaphore = new Semaphore({ permitsMax: 6, languages: { python: 5 }, weights: { render: 3 } })
    const render = taken(semaphore, useOf('render'))
    expect(semaphore.free).toBe(3)
    expect(take(semaphore, useOf('render'))).toBe('python')
    expect(take(semaphore, useOf('render', { language: 'ruby' }))).not.toBe('tokens')
    expect(take(semaphore, useOf('light', { language: 'ruby' }))).toBe('tokens')
    expect([semaphore.free, used(semaphore)]).toEqual([0, { 'language python': 3 }])
    render.release()
    expect([semaphore.free, used(semaphore)]).toEqual([3, { 'language python': 0 }])
  })

  it('count as one call of a handler, and fill a view that is smaller than the step', () => {
    const limits = { permitsMax: 8, languages: { python: 2 }, handlers: { render: 1 }, weights: { render: 4 } }
    const semaphore = new Semaphore(limits)
    taken(semaphore, useOf('render'))
    expect(used(semaphore)).toEqual({ 'language python': 2, 'handler render': 1 })
    expect(semaphore.free).toBe(4)
  })
})

describe('resizing', () => {
  it('keeps tokens back as they return, and adds them at once', () => {
    const semaphore = new Semaphore({ permitsMax: 3 })
    const permits = [taken(semaphore), taken(semaphore), taken(semaphore)]
    semaphore.resize({ permitsMax: 1 })
    permits[0]?.release()
    permits[1]?.release()
    expect(take(semaphore)).toBe('tokens')
    permits[2]?.release()
    taken(semaphore)
    expect(take(semaphore)).toBe('tokens')
    semaphore.resize({ permitsMax: 4 })
    expect(semaphore.free).toBe(3)
    for (let more = 0; more < 3; more += 1) taken(semaphore)
    expect(take(semaphore)).toBe('tokens')
  })

  it('counts steps that run already in a view that is new', () => {
    const semaphore = new Semaphore({ permitsMax: 10 })
    const first = taken(semaphore, useOf('charge'))
    taken(semaphore, useOf('charge'))
    taken(semaphore, useOf('ship'))
    semaphore.resize({ permitsMax: 10, handlers: { charge: 1 } })
    expect(used(semaphore)).toEqual({ 'handler charge': 2 })
    first.release()
    expect(take(semaphore, useOf('charge'))).toBe('charge')
  })

  it('gives back what was taken, whatever was changed meanwhile', () => {
    const limits = { permitsMax: 10, handlers: { render: 2 }, weights: { render: 3 } }
    const semaphore = new Semaphore(limits)
    const render = taken(semaphore, useOf('render'))
    semaphore.resize({ permitsMax: 10, weights: { render: 5 } })
    expect(used(semaphore)).toEqual({ 'handler render': 1 })
    semaphore.resize({ ...limits, weights: {} })
    expect(used(semaphore)).toEqual({ 'handler render': 1 })
    render.release()
    expect([semaphore.free, used(semaphore)]).toEqual([10, { 'handler render': 0 }])
  })
})

const names = ['a', 'b', 'c']
const table = (keys: readonly string[], max: number) =>
  fc.dictionary(fc.constantFrom(...keys), fc.integer({ min: 1, max }), { maxKeys: keys.length })
const limitsArbitrary: fc.Arbitrary<PermitLimits> = fc.record({
  permitsMax: fc.integer({ min: 1, max: 12 }),
  languages: table(runtimeNames, 6),
  namespaces: table(names, 6),
  handlers: table(names, 4),
  weights: table(names, 5),
})
const actionArbitrary = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      take: fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names), fc.constantFrom(...runtimeNames)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ release: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ resize: limitsArbitrary }) },
)

describe('any takes, releases and changes', () => {
  it('never exceed a limit with a new permit, take all or nothing, and lose no token', () => {
    const uses = new Map<string, PermitUse>()
    fc.assert(
      fc.property(limitsArbitrary, fc.array(actionArbitrary, { maxLength: 60 }), (first, actions) => {
        let limits = first
        const semaphore = new Semaphore(limits)
        const held: { permit: Permit; use: PermitUse; weight: number }[] = []
        const sum = (of: (use: PermitUse) => boolean, heavy: boolean) =>
          held.filter(({ use }) => of(use)).reduce((total, { weight }) => total + (heavy ? weight : 1), 0)
        for (const action of actions) {
          if ('resize' in action) {
            limits = action.resize
            semaphore.resize(limits)
          } else if ('release' in action) {
            const [gone] = held.splice(action.release % Math.max(1, held.length), 1)
            gone?.permit.release()
            if (gone !== undefined) expect(() => gone.permit.release()).toThrow(HostError)
          } else {
            const [name, namespace, language] = action.take
            const key = action.take.join()
            const use = uses.get(key) ?? useOf(name, { namespace, language })
            uses.set(key, use)
            const weight = Math.min(limits.weights?.[name] ?? 1, limits.permitsMax)
            const before = [semaphore.taken, used(semaphore)]
            const permit = take(semaphore, use)
            if (typeof permit === 'string') expect([semaphore.taken, used(semaphore)]).toEqual(before)
            else {
              const handlers = sum(({ names: [each] }) => each === name, false)
              expect(handlers + 1).toBeLessThanOrEqual(limits.handlers?.[name] ?? Number.POSITIVE_INFINITY)
              expect(sum(() => true, true) + weight).toBeLessThanOrEqual(limits.permitsMax)
              held.push({ permit, use, weight })
              for (const { view } of semaphore.chargesOf(use)) expect(view.used).toBeLessThanOrEqual(view.limit ?? 0)
              expect(semaphore.taken).toBe(sum(() => true, true))
            }
          }
          const fresh = new Map(semaphore.views().map((view) => [`${view.kind} ${view.name}`, view]))
          for (const [name, limit] of Object.entries(limits.handlers ?? {})) {
            const view = fresh.get(`handler ${name}`)
            expect([view?.limit, view?.used]).toEqual([limit, sum(({ names: [each] }) => each === name, false)])
          }
        }
        for (const { permit } of held.splice(0)) permit.release()
        expect([semaphore.taken, semaphore.free]).toEqual([0, limits.permitsMax])
        expect(semaphore.views().every(({ used }) => used === 0)).toBe(true)
        for (let token = 0; token < limits.permitsMax; token += 1) taken(semaphore)
        expect(take(semaphore)).toBe('tokens')
      }),
      { numRuns: 300 },
    )
  })
})
