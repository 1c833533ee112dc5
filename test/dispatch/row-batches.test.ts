// Gathering by hand: what starts, what waits, and what a step with its last attempt does.
import { afterEach, describe, expect, it } from 'vitest'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'
import { type Handover, RowBatches } from '../../src/dispatch/row-batches.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { ClaimedStep } from '../../src/model/step-request.ts'
import { eventually } from '../fixtures/eventually.ts'
import { claimedStep, stepRequest } from './steps.ts'

const wheels: DeadlineWheel[] = []
afterEach(() => {
  for (const wheel of wheels.splice(0)) wheel.stop()
})

/** Steps named `single…` run by themselves; the first letter of the others says which of them belong together. */
function setUp(limits = { sizeMax: 3, waitMaxMs: 60_000 }) {
  const deadlines = new DeadlineWheel()
  wheels.push(deadlines)
  const late: string[] = []
  const batches = new RowBatches({
    deadlines,
    placeOf: ({ step }) => (step.stepId.startsWith('single') ? null : { key: step.stepId.slice(0, 1), limits }),
    ready: (handover) => late.push(names(handover)),
  })
  const add = (...steps: ClaimedStep[]) =>
    batches.add(steps.map((step) => ({ step, request: stepRequest(step) }))).map(names)
  return { batches, add, late }
}

function names(handover: Handover): string {
  return handover.map(({ step }) => step.stepId).join(' ')
}

const step = (name: string) => claimedStep(name)

describe('RowBatches', () => {
  it('lets single steps pass and full batches go; the rest waits', () => {
    const { add, batches } = setUp()
    expect(add(step('single'), ...['a1', 'a2', 'b1', 'a3', 'a4'].map(step))).toEqual(['single', 'a1 a2 a3'])
    expect(batches.waiting).toBe(2)
    expect(add(step('b2'), step('b3'))).toEqual(['b1 b2 b3'])
    expect(batches.flush().map(names)).toEqual(['a4'])
    expect(batches.waiting).toBe(0)
  })

  it('sends a step with its last attempt at once, first of all, with those that wait already', () => {
    const { add } = setUp()
    expect(add(step('a1'))).toEqual([])
    expect(add(step('single'), claimedStep('a2', { attemptsMax: 1 }))).toEqual(['a1 a2', 'single'])
    expect(add(claimedStep('a3', { retryable: false }))).toEqual(['a3'])
  })

  it('sends what waited its time, once', async () => {
    const { add, late, batches } = setUp({ sizeMax: 3, waitMaxMs: 20 })
    add(step('a1'), step('a2'), step('b1'), step('b2'), step('b3'))
    await eventually('the first batch goes', () => late.length === 1)
    expect([late, batches.waiting]).toEqual([['a1 a2'], 0])
    expect(batches.flush()).toEqual([])
  })

  it('keeps a batch small enough for a frame', () => {
    const { batches } = setUp()
    const large = `"${'x'.repeat(3_000_000)}"` as JsonText
    const hydrated = ['a1', 'a2'].map((name) => ({
      step: step(name),
      request: stepRequest(step(name), { task: large }),
    }))
    expect(batches.add(hydrated).map(names)).toEqual(['a1'])
    expect(batches.flush().map(names)).toEqual(['a2'])
  })
})
