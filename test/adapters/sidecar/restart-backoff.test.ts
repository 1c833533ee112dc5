// The wait before a restart grows, is capped, is jittered, and starts anew after a stable life.

import { describe, expect, it } from 'vitest'
import { RestartBackoff } from '../../../src/adapters/sidecar/restart-backoff.ts'

const limits = { baseMs: 100, maxMs: 1000, stableMs: 10_000 }

describe('RestartBackoff', () => {
  it('doubles up to the cap', () => {
    const backoff = new RestartBackoff({ ...limits, random: () => 1 })
    expect([1, 2, 3, 4, 5, 6].map(() => backoff.nextDelayMs(0))).toEqual([100, 200, 400, 800, 1000, 1000])
    expect(backoff.deaths).toBe(6)
  })

  it('starts anew after a stable life', () => {
    const backoff = new RestartBackoff({ ...limits, random: () => 1 })
    backoff.nextDelayMs(0)
    backoff.nextDelayMs(9_999)
    expect(backoff.nextDelayMs(10_000)).toBe(100)
    expect(backoff.deaths).toBe(1)
  })

  it('jitters between half and the whole', () => {
    expect(new RestartBackoff({ ...limits, random: () => 0 }).nextDelayMs(0)).toBe(50)
    expect(new RestartBackoff({ ...limits, random: () => 0.5 }).nextDelayMs(0)).toBe(75)
  })
})
