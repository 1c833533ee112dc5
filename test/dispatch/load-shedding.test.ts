// When a worker claims nothing ahead, and how seldom it says so.
import { expect, it } from 'vitest'
import { LoadShedding } from '../../src/dispatch/load-shedding.ts'
import { quietEvents } from './steps.ts'

const options = { enabled: true, capacityThresholdPercent: 80, warningThresholdPercent: 70 }
const load = (taken: number, waiting: number) => ({ taken, waiting, capacity: 20 })

it('refuses from the threshold on, warns below it, and says each once a minute', () => {
  const said: string[] = []
  const shedding = new LoadShedding(options, { ...quietEvents, warning: (message) => said.push(message) })
  expect(shedding.refusesAhead(load(10, 3))).toBe(false)
  expect([shedding.stateAt(load(10, 4)), shedding.stateAt(load(10, 6))]).toEqual(['warning', 'shedding'])
  for (let round = 0; round < 5; round += 1) {
    expect(shedding.refusesAhead(load(10, 4))).toBe(false)
    expect(shedding.refusesAhead(load(10, 6))).toBe(true)
  }
  expect([said.length, shedding.times]).toEqual([2, 5])
})

it('never refuses when it is off, nor an idle worker, and follows changed thresholds', () => {
  const shedding = new LoadShedding({ ...options, enabled: false }, quietEvents)
  expect(shedding.refusesAhead(load(20, 0))).toBe(false)
  shedding.change({ ...options, capacityThresholdPercent: 0 })
  expect([shedding.refusesAhead(load(0, 0)), shedding.refusesAhead(load(1, 0))]).toEqual([false, true])
})
