// What every adapter must say of decisions, by class and by function.

import { describe, expect, it } from 'vitest'
import type { StepResult } from '../../src/model/step-result.ts'
import { resultValue, type Session } from './session.ts'

export function exerciseDecisions(session: () => Session): void {
  const outcome = (result: StepResult): unknown => {
    if (!result.success || result.outcome === null) throw new Error('There is no outcome.')
    expect(resultValue(result)).toMatchObject({ decision_point_outcome: JSON.parse(result.outcome.document) })
    return { kind: result.outcome.kind, document: JSON.parse(result.outcome.document) }
  }

  describe.each(['conformance.decide', 'conformance.decide_function'])('%s', (callable) => {
    it('is announced as a decision', () => {
      const announced = session().adapter.handlers()
      expect(announced.find((handler) => handler.callable === callable)?.capabilities).toContain('decision')
    })

    it('names branches, or none with a reason', async () => {
      const { run } = session()
      const route = { type: 'create_steps', step_names: ['a', 'b'] }
      expect(outcome(await run(callable, { steps: ['a', 'b'] }))).toEqual({ kind: 'decision', document: route })
      const none = await run(callable)
      expect(outcome(none)).toEqual({ kind: 'decision', document: { type: 'no_branches' } })
      expect(resultValue(none)).toMatchObject({ reason: 'nothing to do' })
    })
  })

  it.each([
    ['a decision without steps', 'conformance.decide', [], 'step names'],
    ['an output that is no decision', 'conformance.decide_function', 'a', 'conformance.decide_function'],
  ])('%s fails the step for good', async (_, callable, steps, words) => {
    const result = await session().run(callable, { steps })
    expect(result).toMatchObject({ success: false, retryable: false, errorCode: 'INVALID_DECISION_OUTCOME' })
    expect(result).toMatchObject({ message: expect.stringContaining(words) })
  })
}
