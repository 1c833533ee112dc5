// The wheel expires in order, once, and not what was cleared. The clock is the test's own.
import { describe, expect, it } from 'vitest'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'

function wheelAt(start: number) {
  let now = start
  const wheel = new DeadlineWheel(() => now)
  const expired: string[] = []
  return {
    expired,
    set: (at: number, name: string) => wheel.set(at, () => expired.push(name)),
    goTo: (at: number) => {
      now = at
      wheel.advance()
    },
    stop: () => wheel.stop(),
  }
}

describe('DeadlineWheel', () => {
  it('expires nothing early and everything within a tick', () => {
    const wheel = wheelAt(1_000)
    wheel.set(1_050, 'a')
    wheel.goTo(1_049)
    expect(wheel.expired).toEqual([])
    wheel.goTo(1_060)
    expect(wheel.expired).toEqual(['a'])
    wheel.stop()
  })

  it('expires in order after a long pause, each once', () => {
    const wheel = wheelAt(0)
    wheel.set(300, 'late')
    wheel.set(20, 'early')
    wheel.goTo(60_000)
    wheel.goTo(120_000)
    expect(wheel.expired).toEqual(['early', 'late'])
    wheel.stop()
  })

  it('forgets what was cleared, also twice', () => {
    const wheel = wheelAt(0)
    const deadline = wheel.set(20, 'cleared')
    wheel.set(20, 'kept')
    deadline.clear()
    deadline.clear()
    wheel.goTo(40)
    expect(wheel.expired).toEqual(['kept'])
    wheel.stop()
  })

  it('takes a deadline that is already past', () => {
    const wheel = wheelAt(5_000)
    wheel.set(10, 'past')
    wheel.goTo(5_011)
    expect(wheel.expired).toEqual(['past'])
    wheel.stop()
  })

  it('starts afresh after it was empty for long', () => {
    const wheel = wheelAt(0)
    wheel.set(10, 'first')
    wheel.goTo(30)
    wheel.goTo(1_000_000)
    wheel.set(1_000_020, 'second')
    wheel.goTo(1_000_040)
    expect(wheel.expired).toEqual(['first', 'second'])
    wheel.stop()
  })
})
