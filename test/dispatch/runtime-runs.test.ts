// The order in which prefetched steps stand in line: those of one runtime side by side while calls are short, and no step far from its place.
import { describe, expect, it } from 'vitest'
import type { Handover } from '../../src/dispatch/row-batches.ts'
import { RuntimeRuns } from '../../src/dispatch/runtime-runs.ts'
import type { RuntimeName } from '../../src/model/handler.ts'
import { claimedStep } from './steps.ts'

const runtimes = new Map<string, RuntimeName>([
  ['r', 'ruby'],
  ['p', 'python'],
  ['t', 'typescript'],
])

const nameOf = ([first]: Handover) => first?.step.stepId ?? ''

/** Steps are named by their runtime's first letter and a number. */
function handovers(names: readonly string[], priority = 0): Handover[] {
  return names.map((name) => [{ step: claimedStep(name, { priority }), request: null }])
}

function runsAfter(...callsMs: readonly number[]) {
  const runs = new RuntimeRuns((handover) => runtimes.get(nameOf(handover).charAt(0)) ?? null)
  for (const ms of callsMs) runs.ran(ms, 1)
  return { runs, arrange: (given: readonly Handover[]) => runs.arranged(given).map(nameOf) }
}

const mixed = ['r1', 'p1', 't1', 'p2', 'r2', 't2']

describe('RuntimeRuns', () => {
  it('puts steps of one runtime side by side, each in its own order', () => {
    expect(runsAfter(0).arrange(handovers(mixed))).toEqual(['r1', 'r2', 'p1', 'p2', 't1', 't2'])
  })

  it('keeps the order while nothing has run, and while handlers take a millisecond or longer', () => {
    expect(runsAfter().arrange(handovers(mixed))).toEqual(mixed)
    expect(runsAfter(1).arrange(handovers(mixed))).toEqual(mixed)
    expect(runsAfter(50).arrange(handovers(mixed))).toEqual(mixed)
  })

  it('goes by what handlers took of late, not by a single one', () => {
    const { runs, arrange } = runsAfter(...Array.from({ length: 200 }, () => 0), 3_600_000)
    expect(arrange(handovers(mixed))[1]).toBe('r2')
    for (let calls = 0; calls < 200; calls += 1) runs.ran(5, 1)
    expect(arrange(handovers(mixed))).toEqual(mixed)
    for (let calls = 0; calls < 200; calls += 1) runs.ran(0, 1)
    expect(arrange(handovers(mixed))[1]).toBe('r2')
  })

  it('goes by what each step of a batch took', () => {
    const { runs, arrange } = runsAfter()
    runs.ran(20, 100)
    expect(arrange(handovers(mixed))[1]).toBe('r2')
  })

  it('lets nobody go before a higher priority', () => {
    const given = [...handovers(['r1', 'p1'], 9), ...handovers(['r2', 'p2', 'r3'], 1)]
    expect(runsAfter(0).arrange(given)).toEqual(['r1', 'p1', 'r2', 'r3', 'p2'])
  })

  it('sees the highest priority of a batch', () => {
    const batch = ['p1', 'p2'].map((name, place) => ({
      step: claimedStep(name, { priority: 9 * place }),
      request: null,
    }))
    expect(runsAfter(0).arrange([...handovers(['r1']), batch, ...handovers(['r2'])])).toEqual(['r1', 'p1', 'r2'])
  })

  it('lets nobody be overtaken by more than 128 others', () => {
    const names = Array.from({ length: 400 }, (_, index) => `${index % 2 === 0 ? 'r' : 'p'}${index}`)
    const arranged = runsAfter(0).arrange(handovers(names))
    expect([...arranged].sort()).toEqual([...names].sort())
    for (const [place, name] of arranged.entries()) expect(Math.abs(place - Number(name.slice(1)))).toBeLessThan(128)
    expect(arranged.slice(0, 64).every((name) => name.startsWith('r'))).toBe(true)
  })

  it('counts the steps of a call together, and leaves out none', () => {
    const call = (name: string): Handover =>
      Array.from({ length: 100 }, () => ({ step: claimedStep(name), request: null }))
    expect(runsAfter(0).arrange([call('r1'), call('p1'), call('r2')])).toEqual(['r1', 'p1', 'r2'])
  })
})
