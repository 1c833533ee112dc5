// A task of 200 steps is cancelled while two workers claim and complete and two orchestrators judge: nothing is left open, nothing runs on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../fixtures/database.ts'
import { ModelPlace } from './model-place.ts'
import { type PlannedTask, plannedStep } from './plan.ts'
import type { Blow, Schedule } from './schedule.ts'

let database: TestDatabase
let place: ModelPlace
beforeAll(async () => {
  database = await createTestDatabase()
  place = new ModelPlace(database.url)
  await place.start()
})
afterAll(async () => {
  await place.stop()
  await database.drop()
})

/** Fifty chains of four, so that steps are in every state at any moment. */
const task: PlannedTask = {
  name: 't0',
  steps: Array.from({ length: 200 }, (_, i) =>
    plannedStep(`t0_s${i}`, {
      after: i % 4 === 0 ? [] : [`t0_s${i - 1}`],
      lastsMs: i % 3 === 0 ? 4 : 0,
      endings: i % 7 === 0 ? ['retry'] : [],
    }),
  ),
}

function scheduleWith(afterStatements: number, ...blows: readonly Blow[]): Schedule {
  return {
    ...{ orchestrators: 2, workers: 2, wakeUps: true, history: 'full', large: true, tasks: [task] },
    blows: blows.map((blow) => ({ afterStatements, blow })),
  }
}

const cancel = (by: number): Blow => ({ kind: 'cancel', task: 0, by })

describe('a cancel', () => {
  it('of 200 steps against claims and completions ends them all, whenever it comes', async () => {
    const seen = new Set<string>()
    for (const afterStatements of [0, 30, 60, 90, 120, 160, 200]) {
      const { problems, history } = await place.run(scheduleWith(afterStatements, cancel(0)))
      expect(problems).toEqual([])
      const [end] = history.tasks
      expect(end?.transitions.at(-1)?.to).toBe('cancelled')
      for (const step of end?.steps ?? []) seen.add(step.transitions.map(({ to }) => to).join(' '))
    }
    // Steps that had not begun, that waited for a worker, that ran, and that were done.
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'pending cancelled',
        'pending enqueued cancelled',
        'pending enqueued in_progress cancelled',
        'pending enqueued in_progress enqueued_for_orchestration complete',
      ]),
    )
  }, 120_000)

  it('that two ask for at once happens once, with messages that come twice', async () => {
    const duplicate: Blow = { kind: 'duplicate', queue: 'results' }
    const { problems, history } = await place.run(scheduleWith(80, duplicate, cancel(0), duplicate, cancel(1)))
    expect(problems).toEqual([])
    expect(history.tasks.map(({ transitions }) => transitions.filter(({ to }) => to === 'cancelled').length)).toEqual([
      1,
    ])
  }, 60_000)
})
