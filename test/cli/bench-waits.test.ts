// What the bench waits for: it always ends, what is missing then is named, and a run that measured something else has no figure.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/config/package-root.ts'
import { Database } from '../../src/postgres/database.ts'
import { inRounds } from '../bench/steps/alternation.ts'
import type { Bench } from '../bench/steps/bench-options.ts'
import { requireHeldWork } from '../bench/steps/kill-timing.ts'
import { latencies } from '../bench/steps/latencies.ts'
import { LineProcess } from '../bench/steps/line-process.ts'
import { noteSent } from '../bench/steps/message-sender.ts'
import { allStored } from '../bench/steps/our-drain.ts'
import { patienceFor, waitUntilDone } from '../bench/steps/patience.ts'
import { besides } from '../bench/steps/steady.ts'
import { stepOffences } from '../bench/steps/step-verification.ts'
import { settingsFacts } from '../bench/steps/worker-process.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { type OwnServer, openOwnServer } from '../fixtures/own-server.ts'
import { testDirectory } from '../fixtures/test-directories.ts'

const working = { name: 'worker', ended: false }
const impatient = { stillMaxS: 0.05, totalMaxS: 10 }

describe('waiting for work', () => {
  const watch = (done: readonly number[]) => {
    let looks = 0
    return {
      worker: working,
      patience: impatient,
      look: async () => done[looks++] ?? done.at(-1) ?? 0,
      restMs: () => 1,
    }
  }

  it('ends when all is done, when nothing more is done, and when the worker ends', async () => {
    expect(await waitUntilDone(3, watch([0, 1, 3]))).toBe(3)
    expect(await waitUntilDone(3, watch([0, 2]))).toBe(2)
    await expect(waitUntilDone(3, { ...watch([2]), worker: { ...working, ended: true } })).rejects.toThrow(
      'worker ended before 3 were done',
    )
  })

  it('ends although a little is done again and again', async () => {
    let done = 0
    const look = async () => ++done
    const patience = { stillMaxS: 10, totalMaxS: 0.05 }
    expect(await waitUntilDone(1e9, { worker: working, patience, look, restMs: () => 1 })).toBeLessThan(1e9)
  })
})

describe('our results', () => {
  let test: TestDatabase
  let database: Database

  beforeAll(async () => {
    test = await createTestDatabase()
    database = new Database({ url: test.url, applicationName: 'test', connectionsMax: 1, acquireTimeoutMs: 10_000 })
    await database.start()
  })

  afterAll(async () => {
    await database.stop()
    await test.drop()
  })

  it('are waited for no longer than those of a peer, and counted as missing', async () => {
    await database.query({ text: `SELECT pgmq.create('orchestration_step_results')` })
    const result = `SELECT pgmq.send('orchestration_step_results', '{}')`
    await database.query({ text: result })
    expect(await allStored(database, 3, working, impatient)).toBe(2)
    // Of a transaction that took a number and did not commit.
    await expect(database.query({ text: `${result}, 1 / (random() * 0)::int` })).rejects.toThrow()
    expect(await allStored(database, 2, working, impatient)).toBe(1)
    await database.query({ text: result })
    expect(await allStored(database, 2, working, impatient)).toBe(0)
    await database.query({ text: 'TRUNCATE pgmq.q_orchestration_step_results' })
    expect(await stepOffences(database, { count: 3, recovered: false })).toEqual(['0 steps instead of 3'])
  })
})

describe('two at once', () => {
  it('are both over when one of them failed', async () => {
    const main = delay(5_000, 'sent', { ref: false })
    await expect(besides(main, () => Promise.reject(new Error('no sender')))).rejects.toThrow('no sender')
    let stopped = false
    const other = (signal: AbortSignal) =>
      delay(60_000, undefined, { signal }).finally(() => {
        stopped = true
      })
    await expect(besides(Promise.reject(new Error('no producer')), other)).rejects.toThrow('no producer')
    expect(stopped).toBe(true)
    await besides(Promise.resolve(), async () => {})
  })
})

describe('a kill', () => {
  it('that came too early or hit nothing has no figure', () => {
    expect(() => requireHeldWork('one', { count: 10, doneBefore: 4, held: true })).toThrow(
      'one: only 4 of 10 were done before the kill',
    )
    expect(() => requireHeldWork('one', { count: 10, doneBefore: 9, held: false })).toThrow(
      'one: the kill hit no work after 9 of 10 were done',
    )
    expect(() => requireHeldWork('one', { count: 10, doneBefore: 5, held: true })).not.toThrow()
  })
})

describe('latencies', () => {
  const source = { system: 'one', results: 'SELECT key, started_us, xmin AS xid FROM results' }
  let server: OwnServer
  let database: Database

  beforeAll(async () => {
    server = await openOwnServer({ track_commit_timestamp: 'on' })
    database = new Database({ url: server.url, applicationName: 'test', connectionsMax: 1, acquireTimeoutMs: 10_000 })
    await database.start()
    const sent = []
    for (const key of ['a', 'b', 'c']) {
      const [row] = await database.query<{ xid: string }>({ text: 'SELECT pg_current_xact_id()::text AS xid' })
      sent.push({ key, xid: row?.xid ?? '' })
    }
    await noteSent(database, sent)
    await database.query({ text: 'CREATE TABLE results (key text, started_us float8)' })
    const text = `INSERT INTO results SELECT key, extract(epoch FROM clock_timestamp()) * 1e6 FROM unnest($1::text[]) AS key`
    await database.query({ text, values: [['a', 'b', 'c', 'not sent here']] })
  })

  afterAll(async () => {
    await database.stop()
    await server.end()
  })

  it('are those of messages that have one result each', async () => {
    const measures = await latencies(database, source, 1)
    expect(measures['startP50Ms']).toBeGreaterThan(0)
    expect(measures['resultP50Ms']).toBeGreaterThanOrEqual(measures['startP50Ms'] ?? Number.NaN)
    await expect(latencies(database, source, 3)).rejects.toThrow('one: only 3 messages were sent')
  })

  it('are refused where one was lost and another one ran twice, be it while warming up', async () => {
    await database.query({ text: `UPDATE results SET key = 'c' WHERE key = 'a'` })
    await expect(latencies(database, source, 1)).rejects.toThrow(
      'one: 1 of 4 messages have no result whose times are known; 1 messages have a second result',
    )
  })
})

describe('rounds', () => {
  it('begin with another system each time', async () => {
    const order: string[] = []
    const contender = (name: string) => ({
      ...{ name, count: 1, beside: null },
      run: async () => {
        order.push(name)
        return { measures: {}, facts: {} }
      },
    })
    const bench = { options: { say: () => {} } } as unknown as Bench
    const contenders = ['a', 'b', 'c'].map(contender)
    const cells = await inRounds(bench, { workload: 'w3', runs: 4, contenders, told: () => '' })
    expect(order.join('')).toBe('abcbcacababc')
    expect(cells.map(({ system, runs }) => [system, runs.length])).toEqual([
      ['a', 4],
      ['b', 4],
      ['c', 4],
    ])
  })
})

describe('facts', () => {
  it('name the file of the user, or what the bench has set', () => {
    expect(settingsFacts({ config: 'my.toml' }, { 'runtimes.typescript.threads': 2 })).toEqual({
      settings: { config: 'my.toml' },
    })
    expect(settingsFacts({ config: null }, { 'runtimes.typescript.threads': 2 })).toMatchObject({
      settings: { 'runtimes.typescript.threads': 2, 'dispatch.prefetch_max': 500 },
    })
  })
})

describe('the process of a peer', () => {
  let file = ''

  beforeAll(() => {
    file = join(testDirectory('stephost-peer-'), 'fake.mjs')
    const protocol = pathToFileURL(join(packageRoot(), 'test/bench/peers/peer.mjs')).href
    writeFileSync(
      file,
      `import { handle, servePeer } from '${protocol}'
       const end = async () => { handle(); handle() }
       const work = async () => { handle(); return end }
       // Its version is that of the repository's own package.
       await servePeer({ packageName: '../../../..', preload: async () => {}, open: async () => ({ settings: {}, work }) })`,
    )
  })

  it('says how often handlers ran once its end is over, in which some may still run', async () => {
    const env = { PATH: process.env['PATH'] ?? '' }
    const child = new LineProcess({ command: process.execPath, args: [file, 'run', 'url', '9'], env })
    await child.line('ready', 30_000)
    child.order('go')
    await child.line('working', 30_000)
    child.order('stop')
    expect(await child.line('stopped', 30_000)).toMatchObject({ handled: 3 })
    await child.stop(null)
  })

  it('ends when the bench is gone', async () => {
    const child = spawn(process.execPath, [file, 'run', 'url', '9'], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    child.stdin.end()
    expect(await once(child, 'exit')).toEqual([1, null])
  })
})

it('waits for nothing longer than a quarter of an hour', () => {
  for (const { stillMaxS, totalMaxS } of Object.values(patienceFor)) {
    expect(stillMaxS).toBeLessThanOrEqual(totalMaxS)
    expect(totalMaxS).toBeLessThanOrEqual(900)
  }
})
