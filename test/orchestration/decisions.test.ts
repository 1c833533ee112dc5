// The pure decisions of orchestration: which steps exist, how long a retry waits, where a task goes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StepId } from '../../src/model/ids.ts'
import type { StoredStep, TaskMove } from '../../src/model/orchestration-store.ts'
import { settledTaskStates, taskStates } from '../../src/model/task-state.ts'
import { type BackoffSettings, backoffDefaults, backoffMs } from '../../src/orchestration/backoff.ts'
import { nextMove } from '../../src/orchestration/finalizer.ts'
import { initialSteps } from '../../src/orchestration/initial-steps.ts'

function step(name: string, dependencies: string[] = [], type: StoredStep['type'] = 'standard'): StoredStep {
  return {
    name,
    type,
    dependencies,
    retryable: true,
    attemptsMax: 3,
    callable: null,
    initialization: null,
    batch: null,
  }
}
const names = (steps: readonly StoredStep[]) => initialSteps(steps).map((one) => one.name)

describe('initial steps', () => {
  it('are all of them without decisions and batches', () => {
    expect(names([step('b', ['a']), step('a')])).toEqual(['b', 'a'])
  })

  it('leave out what descends from a decision, and keep the decision', () => {
    const steps = [step('a'), step('d', ['a'], 'decision'), step('x', ['d']), step('y', ['x', 'a']), step('z', ['a'])]
    expect(names(steps)).toEqual(['a', 'd', 'z'])
    expect(names([...steps, step('d2', ['y'], 'decision'), step('w', ['d2'])])).toEqual(['a', 'd', 'z'])
  })

  it('leave out batch workers, convergences and what depends on them', () => {
    const steps = [
      step('load', [], 'batchable'),
      step('work', ['load'], 'batch_worker'),
      step('sum', ['work'], 'deferred_convergence'),
      step('report', ['sum']),
    ]
    expect(names(steps)).toEqual(['load'])
  })

  it('are found in a chain of ten thousand', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => step(`s${i}`, i === 0 ? [] : [`s${i - 1}`]))
    expect(initialSteps(chain)).toHaveLength(10_000)
    expect(initialSteps([step('d', ['s0'], 'decision'), ...chain, step('last', ['s9999', 'd'])])).toHaveLength(10_001)
  })
})

describe('backoff', () => {
  const settings: BackoffSettings = { ...backoffDefaults, jitterEnabled: false }
  const now = Date.parse('2026-01-01T00:00:00Z')
  const wait = (
    attempts: number,
    changes: {
      retryAfter?: string
      kind?: 'none' | 'linear' | 'exponential' | 'fibonacci'
      baseMs?: number
      maxMs?: number
    } = {},
  ) => {
    const { retryAfter = null, kind = 'exponential', baseMs = null, maxMs = null } = changes
    return backoffMs({ attempts, retryAfter, backoff: { kind, baseMs, maxMs }, nowMs: now }, settings, Math.random)
  }

  it('follows the documented formula without a template', () => {
    expect([1, 2, 3, 4, 20].map((attempts) => wait(attempts))).toEqual([2_000, 4_000, 8_000, 16_000, 3_600_000])
  })

  it('follows the template where it says something', () => {
    const base = { baseMs: 100, maxMs: 450 }
    expect([1, 2, 3, 4].map((attempts) => wait(attempts, base))).toEqual([100, 200, 400, 450])
    expect([1, 2, 3, 5].map((attempts) => wait(attempts, { ...base, kind: 'linear' }))).toEqual([100, 200, 300, 450])
    expect([1, 2, 3, 4, 5].map((attempts) => wait(attempts, { baseMs: 10, kind: 'fibonacci' }))).toEqual([
      10, 10, 20, 30, 50,
    ])
    expect(wait(3, { ...base, kind: 'none' })).toBe(0)
  })

  it('obeys retry-after in seconds or as a date, up to the limit', () => {
    expect(wait(1, { retryAfter: '7' })).toBe(7_000)
    expect(wait(1, { retryAfter: '99999' })).toBe(3_600_000)
    expect(wait(1, { retryAfter: 'Thu, 01 Jan 2026 00:01:30 GMT' })).toBe(90_000)
    expect(wait(1, { retryAfter: 'Wed, 31 Dec 2025 00:00:00 GMT' })).toBe(2_000)
    for (const odd of ['soon', '-1', '1.5', '', 'tomorrow', '1e3']) expect(wait(1, { retryAfter: odd })).toBe(2_000)
  })

  it('jitters by whole seconds within its share', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, random) => {
          const waiting = {
            attempts,
            retryAfter: null,
            backoff: { kind: 'exponential', baseMs: null, maxMs: null },
            nowMs: now,
          } as const
          const plain = backoffMs(waiting, settings, () => random)
          const jittered = backoffMs(waiting, backoffDefaults, () => random)
          expect(Math.abs(jittered - plain)).toBeLessThanOrEqual(plain * 0.15)
          expect(Math.abs(jittered - plain) % 1_000).toBe(0)
        },
      ),
    )
  })
})

/** The task transition table. Source: orchestration-semantics §2.2. */
const allowed = new Set([
  'pending→initializing',
  'initializing→enqueuing_steps',
  'initializing→complete',
  'enqueuing_steps→steps_in_process',
  'steps_in_process→evaluating_results',
  'evaluating_results→complete',
  'evaluating_results→enqueuing_steps',
  'evaluating_results→waiting_for_dependencies',
  'evaluating_results→blocked_by_failures',
  'waiting_for_dependencies→evaluating_results',
  'waiting_for_retry→enqueuing_steps',
])

describe('the next states of a task', () => {
  const count = fc.integer({ min: 0, max: 3 })
  const task = fc
    .record({
      state: fc.constantFrom(...taskStates),
      pending: count,
      inProgress: count,
      completed: count,
      failed: count,
      enqueued: count,
      waiting: count,
    })
    .chain((drawn) => fc.record({ drawn: fc.constant(drawn), ready: fc.integer({ min: 0, max: drawn.pending }) }))
    .map(({ drawn: { state, waiting, ...counts }, ready }) => {
      const total = counts.pending + counts.inProgress + counts.completed + counts.failed + counts.enqueued + waiting
      const steps = Array.from({ length: ready }, (_, index) => `${index}` as StepId)
      return {
        ...{ taskId: 't' as TaskMove['taskId'], state, counts: { ...counts, ready, total } },
        ready: { namespace: 'shop', correlationId: 'c', steps },
      }
    })

  it('follow the table, end where the steps say, and stay put when nothing changes', () => {
    fc.assert(
      fc.property(task, (drawn) => {
        const move = nextMove(drawn)
        if (settledTaskStates.has(drawn.state)) {
          expect(move).toBeNull()
          return
        }
        const path = [drawn.state, ...(move?.path ?? [])]
        path.slice(1).forEach((to, index) => {
          expect(allowed).toContain(`${path[index]}→${to}`)
        })
        const { counts } = drawn
        const end = path.at(-1)
        if (counts.failed > 0) expect(end).toBe('blocked_by_failures')
        else if (counts.ready > 0) expect([end, move?.enqueue]).toEqual(['steps_in_process', drawn.ready])
        else if (counts.inProgress + counts.enqueued > 0) expect(end).toBe('steps_in_process')
        else if (counts.completed === counts.total) expect(end).toBe('complete')
        else expect(end).toBe('waiting_for_dependencies')
        // Deciding twice changes nothing more, once the ready steps are enqueued.
        const after = {
          ...counts,
          enqueued: counts.enqueued + counts.ready,
          pending: counts.pending - counts.ready,
          ready: 0,
        }
        if (end !== undefined) expect(nextMove({ ...drawn, state: end, counts: after })).toBeNull()
      }),
    )
  })
})
