// A seed is a schedule: the same each time, within the size asked for, and all kinds of blows come up.
import { describe, expect, it } from 'vitest'
import { actionKinds, droppedStatements, restartKinds, type Schedule, scheduleOf } from './schedule.ts'

const size = { results: 120, actions: 8 }
const schedules = Array.from({ length: 50 }, (_, index) => scheduleOf(index + 1, size))
const actions = schedules.flatMap((schedule) => schedule.actions.map(({ action }) => action))

describe('a schedule', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(scheduleOf(7, size)).toEqual(scheduleOf(7, size))
    expect(new Set(schedules.map(({ actions }) => JSON.stringify(actions))).size).toBe(schedules.length)
  })

  it('stays the one that a printed seed meant', () => {
    expect(scheduleOf(1, { results: 100, actions: 2 })).toMatchInlineSnapshot(`
      {
        "actions": [
          {
            "action": {
              "kind": "kill-orchestrator",
            },
            "afterResults": 18,
          },
          {
            "action": {
              "kind": "drop-answers",
              "statement": "store-checkpoint",
              "worker": 0,
            },
            "afterResults": 54,
          },
        ],
        "mode": "PollingOnly",
        "seed": 1,
        "workers": 2,
      }
    `)
  })

  it('lets its blows fall in order, while there is work, on workers that there are', () => {
    const sound = ({ workers, actions }: Schedule) =>
      actions.length === size.actions &&
      actions.every(({ afterResults }, place) => afterResults >= (actions[place - 1]?.afterResults ?? 0)) &&
      actions.every(({ afterResults }) => afterResults >= 0 && afterResults < size.results) &&
      actions.every(({ action }) => !('worker' in action) || action.worker < workers)
    expect(schedules.filter((schedule) => !sound(schedule))).toEqual([])
  })

  it('has every kind of blow and every mode within fifty seeds, some at the same moment', () => {
    const found = <T>(values: readonly T[]) => [...new Set(values)].toSorted()
    expect(found(actions.map(({ kind }) => kind))).toEqual(actionKinds.toSorted())
    expect(found(actions.flatMap((action) => ('how' in action ? action.how : [])))).toEqual(restartKinds.toSorted())
    const dropped = actions.flatMap((action) => ('statement' in action ? action.statement : []))
    expect(found(dropped)).toEqual(droppedStatements.toSorted())
    expect(found(schedules.map(({ mode }) => mode))).toEqual(['EventDrivenOnly', 'Hybrid', 'PollingOnly'])
    expect(found(schedules.map(({ workers }) => workers))).toEqual([2, 3, 4])
    const together = schedules.filter(
      ({ actions }) => new Set(actions.map((one) => one.afterResults)).size < size.actions,
    )
    expect(together.length).toBeGreaterThan(0)
  })
})
