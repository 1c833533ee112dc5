// The peers of the bench, of which none is installed here: what counts as an offence, what is printed, and how their own senders are heard.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/config/package-root.ts'
import { judge } from '../bench/steps/judgement.ts'
import { cellOfRuns } from '../bench/steps/measures.ts'
import { peerRatios } from '../bench/steps/peer-ratios.ts'
import { peerOffences, peersOf } from '../bench/steps/peers.ts'
import { writeReport } from '../bench/steps/report.ts'
import { withDatabase } from '../bench/steps/scratch-cluster.ts'
import { systemNames } from '../bench/steps/system-names.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'

const facts = {}
const run = (measures: Record<string, number>, exceeded?: Record<string, number>) => ({
  ...{ measures, facts },
  ...(exceeded === undefined ? {} : { exceeded }),
})

const crashCells = [
  cellOfRuns({ workload: 'w6', system: systemNames.killedWorker, count: 100 }, [run({ doneAfterKillS: 15 })], null),
  cellOfRuns(
    { workload: 'w6', system: systemNames.killed('slow'), count: 100 },
    [
      run({ leftJobs: 24 }, { doneAfterKillS: 61 }),
      run({ doneAfterKillS: 60 }),
      run({ leftJobs: 4 }, { doneAfterKillS: 70 }),
    ],
    systemNames.killedWorker,
  ),
  cellOfRuns(
    { workload: 'w6', system: systemNames.killed('quick'), count: 100 },
    [run({ doneAfterKillS: 30, leftJobs: 0 })],
    systemNames.killedWorker,
  ),
]

describe('the offences of a peer', () => {
  const right = { done: 10, locked: 0, waiting: 0, again: 0 }
  const late = { done: 6, locked: 1, waiting: 3, again: 0 }

  it('are none when each job has its result and ran once', () => {
    expect(peerOffences(right, { count: 10, handled: 10, late: false })).toEqual([])
  })

  it('are a lost result, a second start and a run without result', () => {
    expect(peerOffences({ ...right, done: 9 }, { count: 10, handled: 10, late: true })).toEqual([
      '9 jobs of 10 are done with a result or still there',
    ])
    expect(peerOffences({ ...right, again: 2 }, { count: 10, handled: null, late: false })).toEqual([
      '2 jobs were started more than once',
    ])
    expect(peerOffences(right, { count: 10, handled: 11, late: false })).toEqual(['handlers ran 11 times for 10 jobs'])
  })

  it('are jobs that still wait only where none may wait', () => {
    expect(peerOffences(late, { count: 10, handled: 7, late: true })).toEqual([])
    expect(peerOffences(late, { count: 10, handled: 7, late: false })).toEqual(['6 jobs of 10 are done with a result'])
  })
})

describe('a measure whose end was not seen', () => {
  it('has no median, but the least that it had reached', () => {
    expect(crashCells[1]?.spreads).not.toHaveProperty('doneAfterKillS')
    expect(crashCells[1]?.exceeded).toEqual({ doneAfterKillS: 60 })
    expect(crashCells[2]).not.toHaveProperty('exceeded')
  })

  it('bounds the ratio beside ours, which nothing judges', () => {
    expect(peerRatios(crashCells)).toMatchObject([
      { theirs: 'slow, a worker killed', ours: systemNames.killedWorker, ratio: 0.25, below: true },
      { theirs: 'quick, a worker killed', ours: systemNames.killedWorker, ratio: 0.5, below: false },
    ])
    expect(judge(crashCells)).toMatchObject([{ figure: 'w6: all done after the kill of a worker', value: 15 }])
  })

  it('is printed, written and drawn as a bound', async () => {
    const out = await mkdtemp(join(tmpdir(), 'stephost-report-'))
    try {
      const results = { cells: crashCells, judgements: [], postgres: {} }
      const { text, document } = await writeReport(results, { out, runs: 3 })
      expect(text).toMatch(/\| slow, a worker killed +\| 100 × 3 \| > 60\.0 +\| 14 \(4–24\)/)
      expect(text).toMatch(/\| slow, a worker killed +\| > 60\.0 \| < 0\.25 × +\|/)
      expect(JSON.parse(document ?? '').peerRatios).toHaveLength(2)
      expect(await readFile(join(out, 'results.svg'), 'utf8')).toContain('&gt; 60.00')
    } finally {
      await rm(out, { recursive: true })
    }
  })

  it('is n/a where a peer has nothing to measure', async () => {
    const cells = [
      cellOfRuns({ workload: 'w2', system: 'stephost at 200/s', count: 1 }, [run({ startP99Ms: 4 })], null),
      cellOfRuns({ workload: 'w2', system: 'late at 200/s', count: 1 }, [run({ leftJobs: 9 })], 'stephost at 200/s'),
    ]
    const { text } = await writeReport({ cells, judgements: [], postgres: {} }, { out: null, runs: 1 })
    expect(text).toMatch(/\| late at 200\/s +\| 1 × 1 \| n\/a +\| 9 +\|/)
    expect(text).not.toContain('Beside peers')
  })
})

describe('the workloads of peers', () => {
  it.each(['w1', 'w2', 'w3', 'w5', 'w6'] as const)('%s has graphile-worker, pg-boss and BullMQ', (workload) => {
    const scripts = new Set(peersOf(workload).map(({ script }) => script))
    expect(scripts).toEqual(new Set(['graphile-worker', 'pg-boss', 'bullmq']))
    expect(peersOf(workload).map(({ name }) => name)).toEqual(
      expect.arrayContaining([systemNames.graphile, systemNames.graphileDefaults]),
    )
  })
})

interface NotedPool {
  query(text: string, values: readonly unknown[]): Promise<{ rows: { id: string }[] }>
  transactionOf(id: string): string | undefined
  end(): Promise<void>
}

describe('a noted pool', () => {
  let database: TestDatabase
  let pool: NotedPool

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true })
    const { href } = pathToFileURL(join(packageRoot(), 'test/bench/peers/noted-pool.mjs'))
    const { NotedPool } = (await import(href)) as { NotedPool: new (url: string) => NotedPool }
    pool = new NotedPool(database.url)
    await withDatabase(database.url, (one) => one.query({ text: 'CREATE TABLE jobs (id int PRIMARY KEY)' }))
  })

  afterAll(async () => {
    await pool.end()
    await database.drop()
  })

  it('knows the transaction of each job, and asks nothing of one that failed', async () => {
    const add = (id: number) => pool.query('INSERT INTO jobs VALUES ($1) RETURNING id', [id])
    await Promise.all([1, 2, 3, 4, 5].map(add))
    await expect(add(3)).rejects.toThrow('duplicate key')
    await add(6)
    const rows = await withDatabase(database.url, (one) =>
      one.query<{ id: string; xid: string }>({ text: 'SELECT id::text, xmin::text AS xid FROM jobs ORDER BY id' }),
    )
    expect(rows.map(({ id }) => id)).toEqual(['1', '2', '3', '4', '5', '6'])
    for (const { id, xid } of rows) expect(pool.transactionOf(id)).toBe(xid)
    expect(pool.transactionOf('6')).toBeUndefined()
  })
})
