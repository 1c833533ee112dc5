// Turns at a runtime whose room changes: nobody enters a full one, everybody enters once there is room, in order.
import { afterEach, describe, expect, it } from 'vitest'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'
import { RuntimeTurns } from '../../src/dispatch/runtime-turns.ts'
import { isHostError } from '../../src/model/host-error.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'

const wheels: DeadlineWheel[] = []
afterEach(() => {
  for (const wheel of wheels.splice(0)) wheel.stop()
})

function setUp(inFlightMax: number) {
  const wheel = new DeadlineWheel()
  wheels.push(wheel)
  const turns = new RuntimeTurns(wheel)
  const adapter = new ScriptedAdapter(untilCancelled)
  adapter.inFlightMax = inFlightMax
  const entered: string[] = []
  const refused: string[] = []
  const enter = (...names: string[]) => {
    for (const name of names) {
      turns.enter(adapter).then(
        () => entered.push(name),
        (error: unknown) => refused.push(`${name} ${isHostError(error) ? error.code : 'thrown'}`),
      )
    }
  }
  return { turns, adapter, entered, refused, enter }
}

/** Everything that can happen without a timer has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('RuntimeTurns', () => {
  it('lets in as many as there is room for, and the next when one leaves', async () => {
    const { turns, adapter, entered, enter } = setUp(2)
    enter('a', 'b', 'c', 'd')
    await settled()
    expect(entered).toEqual(['a', 'b'])
    turns.leave(adapter)
    await settled()
    expect(entered).toEqual(['a', 'b', 'c'])
    turns.refuseWaiting('the test ends')
  })

  it('lets nobody in for those who leave a runtime that shrank', async () => {
    const { turns, adapter, entered, enter } = setUp(3)
    enter('a', 'b', 'c', 'd')
    await settled()
    adapter.inFlightMax = 1
    turns.leave(adapter)
    turns.leave(adapter)
    await settled()
    expect(entered).toEqual(['a', 'b', 'c'])
    turns.leave(adapter)
    await settled()
    expect(entered).toEqual(['a', 'b', 'c', 'd'])
  })

  it('wakes those who wait when the runtime grows, though nobody leaves', async () => {
    const { adapter, entered, enter } = setUp(0)
    enter('a', 'b', 'c')
    await settled()
    expect(entered).toEqual([])
    adapter.inFlightMax = 2
    await eventually('two are in', () => entered.length === 2)
    adapter.inFlightMax = 3
    await eventually('the third is in', () => entered.length === 3)
    expect(entered).toEqual(['a', 'b', 'c'])
  })

  it('lets nobody overtake those who wait', async () => {
    const { adapter, entered, enter } = setUp(0)
    enter('first')
    adapter.inFlightMax = 1
    enter('second')
    await settled()
    expect(entered).toEqual(['first'])
    adapter.inFlightMax = 2
    await eventually('the second is in', () => entered.length === 2)
  })

  it('sends those who wait away when the runtime breaks', async () => {
    const { adapter, entered, refused, enter } = setUp(1)
    enter('a', 'b', 'c')
    await settled()
    adapter.status = 'unhealthy'
    await eventually('both are sent away', () => refused.length === 2)
    expect(refused).toEqual(['b RUNTIME_UNAVAILABLE', 'c RUNTIME_UNAVAILABLE'])
    expect(entered).toEqual(['a'])
  })

  it('sends those who wait away when that is called off, and goes on counting those inside', async () => {
    const { turns, adapter, entered, refused, enter } = setUp(1)
    enter('a', 'b')
    await settled()
    turns.refuseWaiting('the worker stops')
    await settled()
    expect(refused).toEqual(['b ADAPTER_STOPPED'])
    enter('c')
    await settled()
    expect(entered).toEqual(['a'])
    turns.leave(adapter)
    await settled()
    expect(entered).toEqual(['a', 'c'])
  })
})
