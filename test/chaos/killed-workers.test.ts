// Workers that are killed with -9 while they drain a queue: of each step one result is committed, and of each of theirs one message is sent anew.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'
import { configText } from './chaos-work.ts'
import { readExecutionLog } from './execution-log.ts'
import { namespace, readHistory, readProgress } from './history.ts'
import { historyProblems } from './history-check.ts'
import { HostProcess } from './host-process.ts'
import { preloadSteps } from './preloaded-steps.ts'

/** Nobody else may be taken for dead here, however busy the machine is with ten workers. */
const leaseMs = 8_000

let db: OpenDatabase
let directory = ''
let workers: HostProcess[] = []
beforeEach(async () => {
  db = await openTestDatabase()
  directory = mkdtempSync(join(tmpdir(), 'stephost-killed-workers-'))
  mkdirSync(join(directory, 'handlers'))
  // One language only, so that ten workers are ten processes.
  for (const file of ['work.ts', 'single.yaml'])
    copyFileSync(join('test/chaos/handlers', file), join(directory, 'handlers', file))
  writeFileSync(join(directory, 'chaos.toml'), configText('Hybrid', leaseMs))
})
afterEach(async () => {
  for (const worker of workers) worker.signalAll('SIGKILL')
  await Promise.all(workers.map((worker) => worker.ended))
  workers = []
  await db.close()
  rmSync(directory, { recursive: true })
})

/** Resolves with the REST address of each. */
async function start(count: number): Promise<readonly string[]> {
  workers = Array.from(
    { length: count },
    (_, index) =>
      new HostProcess({
        ...{ command: 'worker', databaseUrl: db.url, handlers: join(directory, 'handlers') },
        ...{ configFile: join(directory, 'chaos.toml'), dataDir: join(directory, `worker-${index}`) },
        logFile: join(directory, 'workers.log'),
      }),
  )
  const addresses = await Promise.all(workers.map(({ ready }) => ready))
  return addresses.map((address) => address ?? '')
}

const log = () => join(directory, 'executions.log')

async function workerIdAt(address: string): Promise<string> {
  const { worker_id } = (await (await fetch(`${address}/health`)).json()) as { worker_id: string }
  return worker_id.replace(/^worker-/, '')
}

async function problems(accepted: Awaited<ReturnType<typeof preloadSteps>>): Promise<readonly string[]> {
  return historyProblems(await readHistory(db.database), readExecutionLog(log()), { accepted, settledBy: 'worker' })
}

/** Every step has its result. */
async function done(count: number): Promise<void> {
  await eventually('all results are stored', async () => (await readProgress(db.database)).results === count, 120_000)
}

describe('workers killed with -9', () => {
  it('three of ten at once: every step that they held gets exactly one fresh message', async () => {
    const count = 150
    const addresses = await start(10)
    const gate = join(directory, 'gate')
    const context = { log: log(), gate }
    const accepted = await preloadSteps(db.database, { workflow: 'single', step: 'once', count, context })
    const holders = `SELECT DISTINCT metadata ->> 'worker_uuid' AS holder FROM tasker.workflow_step_transitions
                      WHERE most_recent AND to_state = 'in_progress'`
    await eventually('every worker holds steps', async () => (await db.rows(holders)).length === 10, 30_000)
    const dead = await Promise.all(addresses.slice(0, 3).map(workerIdAt))
    for (const worker of workers.slice(0, 3)) worker.signal('SIGKILL')
    await Promise.all(workers.slice(0, 3).map((worker) => worker.ended))
    const held = `SELECT workflow_step_uuid AS id FROM tasker.workflow_step_transitions
                   WHERE to_state = 'in_progress' AND metadata ->> 'worker_uuid' = ANY ($1::text[])`
    const orphans = (await db.rows<{ id: string }>(held, dead)).map(({ id }) => id).toSorted()
    expect(orphans.length).toBeGreaterThan(2)
    const recovered = `SELECT workflow_step_uuid AS id FROM tasker.workflow_step_transitions
                        WHERE metadata ->> 'recovered_from' = ANY ($1::text[]) ORDER BY 1`
    await eventually(
      'the orphans are recovered',
      async () => (await db.rows(recovered, dead)).length >= orphans.length,
      60_000,
    )
    const messages = `SELECT message ->> 'step_uuid' AS id, count(*)::int AS sent
                        FROM (SELECT message FROM pgmq."q_worker_${namespace}_queue"
                               UNION ALL SELECT message FROM pgmq."a_worker_${namespace}_queue") AS all_messages GROUP BY 1`
    const sent = await db.rows<{ id: string; sent: number }>(messages)
    expect(sent.length).toBe(count)
    expect(
      sent
        .filter((step) => step.sent > 1)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(orphans)
    expect(Math.max(...sent.map((step) => step.sent))).toBe(2)
    writeFileSync(gate, '')
    await done(count)
    expect(await problems(accepted)).toEqual([])
  }, 300_000)

  it('one of two at half of a drain: none is lost, and none is committed twice', async () => {
    const count = 600
    await start(2)
    const accepted = await preloadSteps(db.database, {
      workflow: 'single',
      step: 'once',
      count,
      context: { log: log() },
    })
    await eventually('half is done', async () => (await readProgress(db.database)).results >= count / 2, 120_000)
    workers[0]?.signal('SIGKILL')
    await done(count)
    expect(await problems(accepted)).toEqual([])
    const [spent] = await db.rows<{ spent: number }>(
      'SELECT count(*)::int AS spent FROM tasker.workflow_steps WHERE attempts > 1',
    )
    expect(spent?.spent).toBeGreaterThan(0)
  }, 300_000)
})
