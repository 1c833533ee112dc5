// Results on their way to a store that answers late, wrongly or not at all.
import { afterEach, describe, expect, it } from 'vitest'
import { type DispatchEvents, newDispatchCounters } from '../../src/dispatch/dispatch-events.ts'
import { HeldSteps } from '../../src/dispatch/held-steps.ts'
import { StepCompleter } from '../../src/dispatch/step-completer.ts'
import { CircuitOpenError } from '../../src/model/circuit-breaker.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { WorkerId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import type { CompletionAnswer, FinishedStep, StepStore } from '../../src/model/step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { claimedStep, quietEvents, success } from './steps.ts'

type Complete = StepStore['complete']
let completer: StepCompleter | null = null
afterEach(() => completer?.abandon())

function setUp(complete: Complete, events: DispatchEvents = quietEvents) {
  const held = new HeldSteps()
  const counters = newDispatchCounters()
  const store = { complete } as StepStore
  const workerId = () => 'w' as WorkerId
  completer = new StepCompleter(
    { batchMax: 100, waitingMax: 1_000, waitingBytesMax: 1_000_000 },
    { store, held, counters, workerId, events, storedSteps: null, stored: () => {} },
  )
  const accept = (...names: string[]) => {
    for (const name of names) {
      const step = claimedStep(name)
      held.claimEnds(step.claimId, [step])
      completer?.accept({ step, result: success(step), runtime: 'ruby', request: null })
    }
  }
  return { held, counters, accept, completer }
}

function answers(finished: readonly FinishedStep[], status: CompletionAnswer['status']): CompletionAnswer[] {
  return finished.map(({ step }) => ({ stepId: step.stepId, status, reason: null }))
}

describe('StepCompleter', () => {
  it('stores the first result at once and gathers those that finish meanwhile', async () => {
    const batches: number[] = []
    const { accept, completer } = setUp(async (_worker, finished) => {
      batches.push(finished.length)
      if (batches.length === 1) accept('b', 'c', 'd')
      return answers(finished, 'stored')
    })
    accept('a')
    await completer.drained()
    expect(batches).toEqual([1, 3])
  })

  it('repeats the same batch until it is answered, and then lets go', async () => {
    let calls = 0
    const { accept, held, counters, completer } = setUp(async (_worker, finished) => {
      calls += 1
      if (calls < 3) throw new HostError('DATABASE_UNREACHABLE', 'gone')
      return answers(finished, 'already')
    })
    accept('a')
    await completer.drained()
    expect(calls).toBe(3)
    expect(counters.completed).toBe(1)
    expect(held.size).toBe(0)
  })

  it('has no room while results that wait are too many or too large, and tells when it has again', async () => {
    const gates: (() => void)[] = []
    const { held, completer, accept } = setUp(async (_worker, finished) => {
      await new Promise<void>((resolve) => gates.push(resolve))
      return answers(finished, 'stored')
    })
    const hasRoomOnceStored = () => {
      for (const open of gates.splice(0)) open()
      return completer.hasRoom
    }
    const step = claimedStep('large')
    held.claimEnds(step.claimId, [step])
    const result = { ...success(step), result: `"${'é'.repeat(500_000)}"` as JsonText } as StepResult
    completer.accept({ step, result, runtime: null, request: null })
    expect(completer.hasRoom).toBe(false)
    await eventually('the large one is stored', hasRoomOnceStored)
    accept(...Array.from({ length: 1_000 }, (_, index) => `small-${index}`))
    expect(completer.hasRoom).toBe(false)
    await eventually('some of the small ones are stored', hasRoomOnceStored)
  })

  it('waits for an open circuit as long as it says, without a word', async () => {
    let calls = 0
    const warnings: string[] = []
    const { accept, completer } = setUp(
      async (_worker, finished) => {
        calls += 1
        if (calls < 3) throw new CircuitOpenError('open', 1)
        return answers(finished, 'stored')
      },
      { ...quietEvents, warning: (message) => warnings.push(message) },
    )
    accept('a')
    await completer.drained()
    expect(calls).toBe(3)
    expect(warnings).toEqual([])
  })

  it('counts what the database refuses', async () => {
    const { accept, counters, completer } = setUp(async (_worker, finished) => answers(finished, 'refused'))
    accept('a')
    await completer.drained()
    expect(counters.dropped.refused).toBe(1)
    expect(counters.completed).toBe(0)
  })

  it('turns an unstorable result into the failure invalid_result of that step alone', async () => {
    const stored: FinishedStep[] = []
    const { accept, completer } = setUp(async (_worker, finished) =>
      finished.map((item) => {
        const bad = item.step.stepId === 'b' && item.result.success
        if (!bad) stored.push(item)
        return { stepId: item.step.stepId, status: bad ? 'invalid' : 'stored', reason: bad ? 'NUL' : null }
      }),
    )
    accept('a', 'b', 'c')
    await completer.drained()
    const results = new Map(stored.map(({ step, result }) => [step.stepId as string, result]))
    expect(results.get('a')?.success).toBe(true)
    expect(results.get('c')?.success).toBe(true)
    expect(results.get('b')).toMatchObject({ success: false, errorType: 'invalid_result', retryable: false })
  })

  it('gives up on a step whose replaced result cannot be stored either', async () => {
    const { accept, held, counters, completer } = setUp(async (_worker, finished) => answers(finished, 'invalid'))
    accept('a')
    await completer.drained()
    expect(held.size).toBe(0)
    expect(counters.dropped.refused).toBe(1)
  })

  it('cuts a batch of large results by their size', async () => {
    const batches: number[] = []
    const { held, completer } = setUp(async (_worker, finished) => {
      batches.push(finished.length)
      return answers(finished, 'stored')
    })
    const large = `"${'x'.repeat(12 * 1024 * 1024)}"` as JsonText
    for (const name of ['a', 'b', 'c', 'd']) {
      const step = claimedStep(name)
      held.claimEnds(step.claimId, [step])
      completer.accept({
        step,
        result: { ...success(step), result: large } as StepResult,
        runtime: null,
        request: null,
      })
    }
    await completer.drained()
    expect(batches).toEqual([2, 2])
  })

  it('drops the result of a step that is no longer held', async () => {
    const { held, counters, completer } = setUp(async (_worker, finished) => answers(finished, 'stored'))
    const step = claimedStep('a')
    held.letGoOfAll()
    completer.accept({ step, result: success(step), runtime: null, request: null })
    await completer.drained()
    expect(counters.dropped.lease_lost).toBe(1)
  })

  it('ends when abandoned although the store never answers', async () => {
    const { accept, counters, completer } = setUp(async () => {
      completer.abandon()
      throw new HostError('DATABASE_UNREACHABLE', 'gone')
    })
    accept('a')
    await completer.drained()
    expect(counters.dropped.stopped).toBe(1)
  })
})
