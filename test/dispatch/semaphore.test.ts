// Permits: never more than there are, and each comes back once.
import { describe, expect, it } from 'vitest'
import { Semaphore } from '../../src/dispatch/semaphore.ts'
import { HostError } from '../../src/model/host-error.ts'

describe('Semaphore', () => {
  it('gives what is free and never waits', () => {
    const semaphore = new Semaphore(3)
    expect(semaphore.take(2)).toHaveLength(2)
    expect(semaphore.take()).toHaveLength(1)
    expect(semaphore.take()).toHaveLength(0)
    expect(semaphore.free).toBe(0)
  })

  it('tells of each permit that came back', () => {
    let freed = 0
    const semaphore = new Semaphore(2, () => {
      freed += 1
    })
    for (const permit of semaphore.take()) permit.release()
    expect(freed).toBe(2)
    expect(semaphore.free).toBe(2)
  })

  it('refuses a second release and adds no permit', () => {
    const semaphore = new Semaphore(1)
    const [permit] = semaphore.take()
    permit?.release()
    expect(() => permit?.release()).toThrow(HostError)
    expect(semaphore.take(5)).toHaveLength(1)
  })
})
