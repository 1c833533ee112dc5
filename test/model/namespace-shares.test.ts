// Shares of namespaces: never more than the room, all of it handed out, and in the long run the same for each that has enough.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NamespaceShares } from '../../src/model/namespace-shares.ts'

const sum = (values: Iterable<number>) => [...values].reduce((all, value) => all + value, 0)

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
          for (const [namespace, share] of divided) shares.took(namespace, { used: share, hasMore: true })
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
      for (const [namespace, share] of shares.divide(room, ['a', 'b', 'c'])) {
        got.set(namespace, (got.get(namespace) ?? 0) + share)
        shares.took(namespace, { used: share, hasMore: true })
      }
    }
    const [least = 0, most = 0] = [Math.min(...got.values()), Math.max(...got.values())]
    expect(most - least).toBeLessThanOrEqual(2 * room)
  })

  it('let one save up whose next step weighs more than a share, until it fits', () => {
    const shares = new NamespaceShares()
    const names = ['heavy', 'b', 'c', 'd']
    let started = 0
    for (let round = 0; round < 40; round += 1) {
      for (const [namespace, share] of shares.divide(4, names, 4)) {
        const used = namespace === 'heavy' ? 4 * Math.floor(share / 4) : share
        if (namespace === 'heavy') started += used / 4
        shares.took(namespace, { used, hasMore: true })
      }
    }
    expect(started).toBeGreaterThanOrEqual(9)
  })

  it('let nobody save up who has nothing to run', () => {
    const shares = new NamespaceShares()
    for (let round = 0; round < 100; round += 1) {
      for (const [namespace, share] of shares.divide(10, ['a', 'b'])) {
        shares.took(namespace, { used: namespace === 'a' ? share : 0, hasMore: namespace === 'a' })
      }
    }
    expect([...shares.divide(10, ['a', 'b']).values()]).toEqual([5, 5])
  })
})
