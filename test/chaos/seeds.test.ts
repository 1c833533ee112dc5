// A short schedule with every kind of blow on a PostgreSQL of its own; `npm run chaos` runs many, and longer ones.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ChaosCluster } from './chaos-cluster.ts'
import { ChaosRun } from './chaos-run.ts'
import { resultsAtLeast } from './chaos-work.ts'
import { scheduleOf, scheduleText } from './schedule.ts'

const root = mkdtempSync(join(tmpdir(), 'stephost-chaos-'))
const cluster = new ChaosCluster(join(root, 'postgres'))
beforeAll(() => cluster.start(), 60_000)
afterAll(async () => {
  await cluster.stop()
  rmSync(root, { recursive: true, force: true })
}, 60_000)

const work = { mixed: 5, refused: 1, single: 9 }
/** Seeds whose seven blows are of seven kinds; each Node version that the tests run on has its own. */
const seed = process.versions.node.startsWith('20.') ? 337 : 11_504
const schedule = scheduleOf(seed, { results: resultsAtLeast(work), actions: 7 })

describe('a short run', () => {
  it(`proves that every step got exactly one result: seed ${seed}`, async () => {
    expect(new Set(schedule.actions.map(({ action }) => action.kind)).size).toBe(7)
    await cluster.createDatabase('chaos')
    const report = await ChaosRun.perform({ cluster, databaseName: 'chaos', schedule, work, directory: root })
    const told = [...report.problems, scheduleText(schedule), ...report.evidence].join('\n')
    expect(report.problems, told).toEqual([])
    // The last ones may find nothing left to hit.
    expect(report.summary).toMatch(/^[5-7] of 7 blows, 15 tasks/)
  }, 400_000)
})
