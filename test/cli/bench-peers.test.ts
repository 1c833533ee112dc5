// The peers of the bench, of which none is installed here: what counts as an offence, what is printed, and how their own senders are heard.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/config/package-root.ts'
import type { Workload } from '../bench/steps/bench-options.ts'
import { judge } from '../bench/steps/judgement.ts'
import { cellOfRuns } from '../bench/steps/measures.ts'
import { peerRatios } from '../bench/steps/peer-ratios.ts'
import { peerOffences, peersIn, peersOf } from '../bench/steps/peers.ts'
import { writeReport } from '../bench/steps/report.ts'
import { withDatabase } from '../bench/steps/scratch-cluster.ts'
import { systemNames } from '../bench/steps/system-names.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { testDirectory } from '../fixtures/test-directories.ts'

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
      run({ doneAfterKillS: 60, leftJobs: 0 }),
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
    expect(peerOffences({ ...right, done: 9 }, { count: 10, handled: null, late: true })).toEqual([
      '9 jobs of 10 are done with a result or still there',
    ])
    expect(peerOffences({ ...right, again: 2 }, { count: 10, handled: null, late: false })).toEqual([
      '2 jobs were started more than once',
    ])
    expect(peerOffences(right, { count: 10, handled: 11, late: false })).toEqual([
      'handlers ran 11 times, for 10 results',
    ])
  })

  it('are runs without result of jobs that nobody holds, also where some still wait', () => {
    expect(peerOffences(late, { count: 10, handled: 8, late: true })).toEqual(['handlers ran 8 times, for 6 results'])
    expect(peerOffences(late, { count: 10, handled: 5, late: true })).toEqual(['handlers ran 5 times, for 6 results'])
  })

  it('are jobs that still wait only where none may wait', () => {
    expect(peerOffences(late, { count: 10, handled: 7, late: true })).toEqual([])
    expect(peerOffences(late, { count: 10, handled: 6, late: false })).toEqual(['6 jobs of 10 are done with a result'])
  })
})

describe('a measure whose end was not seen', () => {
  it('has no median, but a bound of it: the median of what each run had reached', () => {
    expect(crashCells[1]?.spreads).not.toHaveProperty('doneAfterKillS')
    expect(crashCells[1]?.exceeded).toEqual({ doneAfterKillS: 61 })
    expect(crashCells[2]).not.toHaveProperty('exceeded')
  })

  it('bounds the ratio beside ours, which nothing judges', () => {
    expect(peerRatios(crashCells)).toMatchObject([
      { theirs: 'slow, a worker killed', ours: systemNames.killedWorker, ratio: 15 / 61, atMost: true },
      { theirs: 'quick, a worker killed', ours: systemNames.killedWorker, ratio: 0.5, atMost: false },
    ])
    expect(judge(crashCells)).toMatchObject([{ figure: 'w6: all done after the kill of a worker', value: 15 }])
  })

  it('is printed, written and drawn as a bound', async () => {
    const out = testDirectory('stephost-report-')
    const results = { cells: crashCells, judgements: [], postgres: {} }
    const { text, document } = await writeReport(results, { out, runs: 3 })
    expect(text).toMatch(/\| slow, a worker killed +\| 100 × 3 \| ≥ 61\.0 +\| 4 \(0–24\)/)
    expect(text).toMatch(/\| slow, a worker killed +\| ≥ 61\.0 \| ≤ 0\.25 × +\|/)
    expect(JSON.parse(document ?? '').peerRatios).toHaveLength(2)
    expect(await readFile(join(out, 'results.svg'), 'utf8')).toContain('≥ 61.00')
  })

  it('is n/a where not every run has it, and drawn as what was left', async () => {
    const beside = 'stephost at 200/s'
    const good = run({ startP99Ms: 5, leftJobs: 0 })
    const cells = [
      cellOfRuns({ workload: 'w2', system: beside, count: 1 }, [run({ startP99Ms: 4 })], null),
      cellOfRuns({ workload: 'w2', system: 'late at 200/s', count: 1 }, [good, run({ leftJobs: 9 }), good], beside),
    ]
    const out = testDirectory('stephost-report-')
    const { text } = await writeReport({ cells, judgements: [], postgres: {} }, { out, runs: 1 })
    expect(text).toMatch(/\| late at 200\/s +\| 1 × 3 \| n\/a +\| 0 \(0–9\) +\|/)
    expect(text).not.toContain('Beside peers')
    expect(await readFile(join(out, 'results.svg'), 'utf8')).toContain('does not keep up: 9 left')
  })
})

describe('the ratios beside peers', () => {
  const drain = (system: string, beside: string | null) =>
    cellOfRuns({ workload: 'w1', system, count: 1 }, [run({ stepsPerS: 100 })], beside)
  const cells = [
    drain(systemNames.ours, null),
    ...[systemNames.graphile, systemNames.graphileDefaults, 'bullmq'].map((name) => drain(name, systemNames.ours)),
  ]

  it('are those that nothing judges, and say what is better', async () => {
    expect(peerRatios(cells).map(({ theirs }) => theirs)).toEqual(['bullmq'])
    expect(judge(cells).map(({ figure }) => figure)).toEqual([
      'w1: stephost ÷ graphile-worker tuned',
      'w1: stephost ÷ graphile-worker defaults',
    ])
    const { text } = await writeReport({ cells, judgements: [], postgres: {} }, { out: null, runs: 1 })
    expect(text).toContain('steps/s, more is better')
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

describe('those who take part', () => {
  it('are judged ones alone when nothing else is asked for', () => {
    const names = (workload: Workload, judged: boolean) =>
      peersIn({ peers: true, judged }, workload).map(({ name }) => name)
    expect(names('w1', true)).toEqual([systemNames.graphile, systemNames.graphileDefaults])
    expect(names('w6', true)).toEqual([])
    expect(names('w6', false)).toContain('bullmq')
    expect(peersIn({ peers: false, judged: false }, 'w1')).toEqual([])
  })
})

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
