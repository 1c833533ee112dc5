// Shares of namespaces: never more than the room, all of it handed out, and in the long run the same for each that has enough.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NamespaceShares, type ShareUse } from '../../src/model/namespace-shares.ts'

const sum = (values: Iterable<number>) => [...values].reduce((all, value) => all + value, 0)

const allUsed = (shares: ReadonlyMap<string, number>) =>
  new Map([...shares].map(([namespace, used]): [string, ShareUse] => [namespace, { used, waits: true }]))

describe('namespace shares', () => {
  it('hand out all of the room and no more', () => {
    const room = fc.integer({ min: 1, max: 500 })
    const ready = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(fc.tuple(room, ready), { minLength: 1, maxLength: 20 }), (rounds) => {
        const shares = new NamespaceShares()
        for (const [room, ready] of rounds) {
          const divided = shares.divide(room, ready)
          expect([...divided.keys()].toSorted()).toEqual(ready.toSorted())
          expect(sum(divided.values())).toBe(room)
          expect(Math.min(...divided.values())).toBeGreaterThanOrEqual(0)
          shares.settle(allUsed(divided), room)
        }
      }),
    )
  })

  it.each([1, 2, 5, 7, 24])('give three full queues the same, %i steps at a time', (room) => {
    const shares = new NamespaceShares()
    const got = new Map([
      ['a', 0],
      ['b', 0],
      ['c', 0],
    ])
    for (let round = 0; round < 300; round += 1) {
      const divided = shares.divide(room, ['a', 'b', 'c'])
      for (const [namespace, share] of divided) got.set(namespace, (got.get(namespace) ?? 0) + share)
      shares.settle(allUsed(divided), room)
    }
    const [least = 0, most = 0] = [Math.min(...got.values()), Math.max(...got.values())]
    expect(most - least).toBeLessThanOrEqual(2 * room)
  })

  it('make a heavy step due as soon as it would be the share of as much room as it needs', () => {
    const shares = new NamespaceShares()
    const due = { weight: 3, room: 1, used: 0 }
    for (let round = 0; round < 3; round += 1) {
      shares.divide(1, ['heavy', 'light'])
      expect(shares.isDue('heavy', due)).toBe(false)
      const uses = { heavy: { used: 0, waits: true }, light: { used: 1, waits: true } }
      shares.settle(new Map(Object.entries(uses)), 1)
    }
    expect(shares.isDue('heavy', due)).toBe(true)
    expect(shares.isDue('heavy', { ...due, used: 1 })).toBe(false)
  })

  it('owe nobody more than two shares of the next claims', () => {
    const shares = new NamespaceShares()
    shares.divide(2, ['a', 'b'])
    const uses = { a: { used: 1_000, waits: true }, b: { used: 0, waits: true } }
    shares.settle(new Map(Object.entries(uses)), 2)
    shares.settle(new Map([['b', { used: 0, waits: false }]]), 2)
    expect(Object.fromEntries(shares.divide(20, ['a', 'b']))).toEqual({ a: 9, b: 11 })
  })

  it('let nobody save up who has nothing to run', () => {
    const shares = new NamespaceShares()
    for (let round = 0; round < 100; round += 1) {
      shares.divide(10, ['a', 'b'])
      const uses = { a: { used: 10, waits: true }, b: { used: 0, waits: false } }
      shares.settle(new Map(Object.entries(uses)), 10)
    }
    expect([...shares.divide(10, ['a', 'b']).values()]).toEqual([5, 5])
  })
})
