// The pace of polls: waits double up to their limit, begin anew after a find, and lose up to a quarter by jitter.
import { describe, expect, it } from 'vitest'
import { PollPace } from '../../src/dispatch/poll-pace.ts'

const options = { firstMs: 20, idleMaxMs: 1_000, notifiedMaxMs: 5_000 }

function waits(pace: PollPace, count: number, notified = false): number[] {
  return Array.from({ length: count }, () => pace.nextMs({ notified }))
}

describe('PollPace', () => {
  it('doubles its waits up to the limit, and begins anew after a find', () => {
    const pace = new PollPace(options, () => 0)
    expect(waits(pace, 8)).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000])
    expect(waits(pace, 1_100).at(-1)).toBe(1_000)
    pace.found()
    expect(waits(pace, 2)).toEqual([20, 40])
  })

  it('is rare while notifications arrive, and quick again when they do not', () => {
    const pace = new PollPace(options, () => 0)
    expect(waits(pace, 2, true)).toEqual([5_000, 5_000])
    pace.found()
    expect(waits(pace, 1)).toEqual([20])
  })

  it('takes up to a quarter off each wait, another part each time', () => {
    const pace = new PollPace({ firstMs: 1_000, idleMaxMs: 1_000, notifiedMaxMs: 1_000 })
    const seen = waits(pace, 1_000)
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(750)
    expect(Math.max(...seen)).toBeLessThanOrEqual(1_000)
    expect(new Set(seen).size).toBeGreaterThan(900)
    expect(Math.max(...seen) - Math.min(...seen)).toBeGreaterThan(150)
  })
})
