// Which schedules are run again, how many may be, and that a lock that nobody lets go of is told from a machine that stood still.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../../src/postgres/database.ts'
import { createTestDatabase, type TestDatabase } from '../../fixtures/database.ts'
import { until } from '../fake-worker.ts'
import { type LockWait, LockWatch } from './lock-watch.ts'
import { acquireTimeoutMs } from './model-place.ts'
import { type RunnerPlace, runSchedules } from './schedule-runner.ts'

const timeOut = 'timeout exceeded when trying to connect'

/** A place on which the runs end as listed, over and over; null: nothing is wrong. */
function place(ends: readonly (string | null)[], waits: readonly LockWait[] = []): RunnerPlace & { runs: number } {
  const made = {
    runs: 0,
    locks: { forget: () => {}, seen: () => ({ waits, failedLooks: 0 }) },
    run: async () => {
      const end = ends[made.runs % ends.length] ?? null
      made.runs += 1
      if (end !== null) throw new Error(end)
      return { problems: [] }
    },
  }
  return made
}
async function run(where: RunnerPlace, schedules: number) {
  const notes: string[] = []
  const onRepeat = (text: string) => notes.push(text)
  return { ...(await runSchedules({ places: [where], firstSeed: 1, schedules, shrink: false, onRepeat })), notes }
}

describe('the runner', () => {
  it('counts what it runs again, says who waited for locks, and allows two', async () => {
    const short = { looks: 3, text: '12 waits for tuple behind {13}' }
    const { failures, summary, excess, notes } = await run(place([timeOut, null], [short]), 2)
    expect({ failures, excess }).toEqual({ failures: [], excess: null })
    expect(summary).toBe('2 schedules repeated after a connection time-out')
    expect(notes).toHaveLength(2)
    expect(notes[0]).toMatch(
      /^seed 1 runs again after a connection time-out; .*: 1; looks that failed: 0\n {2}3 s: 12 waits/,
    )
  })

  it('fails the whole when more than that were repeated', async () => {
    const { failures, excess } = await run(place(['Query read timeout', null]), 3)
    expect(failures).toEqual([])
    expect(excess).toBe('3 schedules repeated after a connection time-out; 2 may be')
  })

  it('gives up a schedule that times out three times, and runs none again that fails for another reason', async () => {
    const silent = place([timeOut])
    expect((await run(silent, 1)).failures).toEqual([expect.stringContaining(timeOut)])
    expect(silent.runs).toBe(3)
    const broken = place(['it is blocked'])
    expect(await run(broken, 1)).toMatchObject({ failures: [expect.stringContaining('it is blocked')], repeated: 0 })
    expect(broken.runs).toBe(1)
  })

  it('takes a time-out beside a lock that was waited for as long for a failure', async () => {
    const held = place(
      [timeOut, null],
      [{ looks: (2 * acquireTimeoutMs) / 3_000, text: '12 waits for tuple behind {13}' }],
    )
    const { failures, repeated } = await run(held, 1)
    expect(failures).toEqual([expect.stringContaining('20 s: 12 waits for tuple behind {13}')])
    expect([repeated, held.runs]).toEqual([0, 1])
  })
})

describe('the watch of locks', () => {
  let testDatabase: TestDatabase
  let database: Database
  let watch: LockWatch
  beforeAll(async () => {
    testDatabase = await createTestDatabase()
    const { url } = testDatabase
    database = new Database({ url, applicationName: 'test', connectionsMax: 2, acquireTimeoutMs: 5_000 })
    watch = new LockWatch(url)
    await database.start()
    await watch.start()
  })
  afterAll(async () => {
    await watch.stop()
    await database.stop()
    await testDatabase.drop()
  })

  it('sees a statement that waits, again and again, until it is told to forget', async () => {
    const lock = 'LOCK TABLE stephost.sweeps IN ACCESS EXCLUSIVE MODE'
    let waiting: Promise<unknown> = Promise.resolve()
    await database.transaction(async (q) => {
      await q.query({ text: lock })
      waiting = database.query({ text: 'SELECT FROM stephost.sweeps' })
      await until(async () => (watch.seen().waits[0]?.looks ?? 0) >= 2)
      expect(watch.seen()).toEqual({
        waits: [
          {
            looks: expect.any(Number),
            text: expect.stringMatching(/^\d+ waits for relation stephost.sweeps behind \{\d+\}: SELECT/),
          },
        ],
        failedLooks: 0,
      })
    })
    await waiting
    watch.forget()
    expect(watch.seen().waits).toEqual([])
  })
})
