// Statements and transactions against a real server: exact values, retried conflicts, limits, and what faults say.
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostError } from '../../src/model/host-error.ts'
import { Database, type DatabaseOptions, sqlStateOf } from '../../src/postgres/database.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'

let place: TestDatabase
let database: Database

function connect(options: Partial<DatabaseOptions> = {}): Database {
  return new Database({
    url: place.url,
    applicationName: 'database test',
    connectionsMax: 4,
    acquireTimeoutMs: 5_000,
    ...options,
  })
}

function barrier(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

beforeAll(async () => {
  place = await createTestDatabase({ empty: true })
  database = connect()
  await database.start()
  await database.query({ text: 'CREATE TABLE accounts (name text PRIMARY KEY, amount int8 NOT NULL)' })
})
afterAll(async () => {
  await database.stop()
  await place.drop()
})

describe('values', () => {
  it('leaves as text what JavaScript would round, shift or lose', async () => {
    const [row] = await database.query({
      text: `SELECT 9223372036854775807 AS big, 1.10::numeric AS decimal, '{"a": 1.0, "b": 9223372036854775807}'::jsonb AS document,
                    '{"a":1.0}'::json AS plain, timestamp '2025-01-02 03:04:05.123456' AS naive,
                    timestamptz '2025-01-02 03:04:05.123456+02' AS zoned, date '2025-01-02' AS day,
                    '0190c0de-0000-7000-8000-000000000001'::uuid AS id, ARRAY[1, 9223372036854775807]::int8[] AS bigs,
                    ARRAY['{"x": 1.0}']::jsonb[] AS documents, ARRAY['a,b', NULL] AS texts, true AS yes, 7 AS small, 0.5::float8 AS half`,
    })
    expect(row).toEqual({
      big: '9223372036854775807',
      decimal: '1.10',
      document: '{"a": 1.0, "b": 9223372036854775807}',
      plain: '{"a":1.0}',
      naive: '2025-01-02 03:04:05.123456',
      zoned: '2025-01-02 01:04:05.123456+00',
      day: '2025-01-02',
      id: '0190c0de-0000-7000-8000-000000000001',
      bigs: ['1', '9223372036854775807'],
      documents: ['{"x": 1.0}'],
      texts: ['a,b', null],
      yes: true,
      small: 7,
      half: 0.5,
    })
  })

  it('sees the same through a prepared statement', async () => {
    const statement = {
      name: 'echo',
      text: 'SELECT $1::jsonb AS document, $2::int8 AS big',
      values: ['{"n": 1.50}', '9007199254740993'],
    }
    for (let run = 0; run < 2; run += 1) {
      expect(await database.query(statement)).toEqual([{ document: '{"n": 1.50}', big: '9007199254740993' }])
    }
  })

  it('opens every session on schema tasker and in UTC, beside options of the URL', async () => {
    const url = new URL(place.url)
    url.searchParams.set('options', '-c work_mem=5MB')
    const own = connect({ url: url.toString() })
    await own.start()
    const text = `SELECT current_setting('search_path') AS path, current_setting('timezone') AS zone, current_setting('work_mem') AS memory,
                         current_setting('stephost.keeps_keys') AS keys`
    expect(await own.query({ text }).finally(() => own.stop())).toEqual([
      { path: 'tasker,public', zone: 'UTC', memory: '5MB', keys: 'on' },
    ])
  })
})

describe('transactions', () => {
  it('commits what succeeds and rolls back what throws', async () => {
    await database.transaction((q) => q.query({ text: `INSERT INTO accounts VALUES ('kept', 1)` }))
    const reason = new HostError('TASK_INVALID', 'no')
    const failed = database.transaction(async (q) => {
      await q.query({ text: `INSERT INTO accounts VALUES ('lost', 1)` })
      throw reason
    })
    await expect(failed).rejects.toBe(reason)
    const rows = await database.query({ text: `SELECT name FROM accounts WHERE name IN ('kept', 'lost')` })
    expect(rows).toEqual([{ name: 'kept' }])
  })

  it('ends with its last statement, or takes everything back with it', async () => {
    await database.query({ text: `CREATE TABLE IF NOT EXISTS ends (name text PRIMARY KEY)` })
    const answer = await database.transaction(async (transaction) => {
      await transaction.query({ text: `INSERT INTO ends VALUES ('first')` })
      return transaction.finish<{ name: string }>({ text: `INSERT INTO ends VALUES ('last') RETURNING name` })
    })
    expect(answer).toEqual([{ name: 'last' }])
    const failed = database.transaction(async (transaction) => {
      await transaction.query({ text: `INSERT INTO ends VALUES ('lost')` })
      await transaction.finish({ text: `INSERT INTO ends VALUES ('last')` })
    })
    expect(sqlStateOf(await failed.catch((thrown: unknown) => thrown))).toBe('23505')
    expect(await database.query({ text: 'SELECT name FROM ends ORDER BY name' })).toEqual([
      { name: 'first' },
      { name: 'last' },
    ])
  })

  it('sends statements together, in their order, and names the fault of the first that fails', async () => {
    const seen = await database.transaction((transaction) =>
      Promise.all([
        transaction.query({ text: `INSERT INTO accounts VALUES ('together', 7)` }),
        transaction.query<{ amount: string }>({ text: `SELECT amount FROM accounts WHERE name = 'together'` }),
      ]),
    )
    expect(seen[1]).toEqual([{ amount: '7' }])
    const failed = database.transaction((transaction) =>
      Promise.all([
        transaction.query({ text: `UPDATE accounts SET amount = 8 WHERE name = 'together'` }),
        transaction.query({ text: 'SELECT 1/0' }),
        transaction.query({ text: `UPDATE accounts SET amount = 9 WHERE name = 'together'` }),
      ]),
    )
    expect(sqlStateOf(await failed.catch((thrown: unknown) => thrown))).toBe('22012')
    const rows = await database.query({ text: `SELECT amount FROM accounts WHERE name = 'together'` })
    expect(rows).toEqual([{ amount: '7' }])
  })

  it('tells of the fault itself, however late its caller hears of it', async () => {
    const failed = database.transaction((transaction) =>
      Promise.all([
        Promise.resolve(transaction.query({ text: 'SELECT 1/0' })).then((rows) => Promise.resolve(rows)),
        transaction.query({ text: 'SELECT 1' }),
      ]),
    )
    expect(sqlStateOf(await failed.catch((thrown: unknown) => thrown))).toBe('22012')
  })

  it('runs again after a deadlock, and counts it', async () => {
    await database.query({ text: `INSERT INTO accounts VALUES ('a', 0), ('b', 0)` })
    const before = database.conflictRetries
    let arrived = 0
    const both = barrier()
    const move = (first: string, second: string) =>
      database.transaction(async (q) => {
        await q.query({ text: 'UPDATE accounts SET amount = amount + 1 WHERE name = $1', values: [first] })
        arrived += 1
        if (arrived >= 2) both.open()
        await both.opened
        await q.query({ text: 'UPDATE accounts SET amount = amount + 1 WHERE name = $1', values: [second] })
      })
    await Promise.all([move('a', 'b'), move('b', 'a')])
    const rows = await database.query({ text: `SELECT amount FROM accounts WHERE name IN ('a', 'b')` })
    expect(rows).toEqual([{ amount: '2' }, { amount: '2' }])
    expect(database.conflictRetries).toBeGreaterThan(before)
  })

  it('gives up after a bounded number of conflicts', async () => {
    let runs = 0
    const always = database.transaction(async (q) => {
      runs += 1
      await q.query({ text: `DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$` })
    })
    const error: unknown = await always.catch((thrown: unknown) => thrown)
    expect(sqlStateOf(error)).toBe('40001')
    expect(runs).toBe(6)
  })
})

describe('faults', () => {
  it('keeps the SQLSTATE within reach', async () => {
    const error: unknown = await database.query({ text: 'SELECT 1/0' }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'DATABASE_FAULT', message: 'division by zero (SQLSTATE 22012)' })
    expect(sqlStateOf(error)).toBe('22012')
    expect(sqlStateOf(new Error('EPIPE'))).toBeNull()
  })

  it('names the server that is not there', async () => {
    const nobody = connect({ url: 'postgresql://u:geheim@127.0.0.1:1/d' })
    await expect(nobody.start()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: 'PostgreSQL at 127.0.0.1:1 cannot be reached: nothing listens there (ECONNREFUSED)',
    })
    const unknown = connect({ url: 'postgresql://u:geheim@no-such-host.invalid/d' })
    await expect(unknown.start()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining('no-such-host.invalid:5432'),
    })
  })

  it('gives up on a server that accepts and says nothing', async () => {
    const mute = createServer((client) => void client.resume())
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as { port: number }
    const waiting = connect({ url: `postgresql://u:geheim@127.0.0.1:${port}/d`, acquireTimeoutMs: 100 })
    await expect(waiting.start()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    await new Promise((resolve) => mute.close(resolve))
  })

  it('names user and database that are denied, never the password', async () => {
    const wrong = new URL(place.url)
    wrong.password = 'geheim'
    const error: unknown = await connect({ url: wrong.toString() })
      .start()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'DATABASE_DENIED', message: expect.stringContaining('user "postgres"') })
    expect(String(error)).not.toContain('geheim')
    const absent = new URL(place.url)
    absent.pathname = '/absent'
    await expect(connect({ url: absent.toString() }).start()).rejects.toMatchObject({
      code: 'DATABASE_DENIED',
      message: expect.stringContaining('database "absent" does not exist'),
    })
  })

  it('does not quote a URL that it cannot read', () => {
    expect(() => connect({ url: 'geheim://nowhere' })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: 'DATABASE_URL is not of the form postgresql://user:password@host:port/database',
      }),
    )
  })

  it('refuses work before the start and after the end', async () => {
    const closed = connect()
    await closed.stop()
    await expect(closed.query({ text: 'SELECT 1' })).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  })
})

describe('connections', () => {
  it('survives the loss of idle and of busy connections', async () => {
    const own = connect({ applicationName: 'victim', connectionsMax: 2 })
    await own.start()
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'`
    try {
      await database.query({ text: end })
      await eventually('an idle connection was replaced', () =>
        own.query({ text: 'SELECT 1' }).then(
          () => true,
          () => false,
        ),
      )
      const busy = own.transaction(async (q) => {
        await q.query({ text: 'SELECT 1' })
        await database.query({ text: end })
        await q.query({ text: 'SELECT 2' })
      })
      await expect(busy).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
      expect(await own.query({ text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }])
    } finally {
      await own.stop()
    }
  })

  it('closes idle ones down to the minimum', async () => {
    const own = connect({ connectionsMin: 1, idleTimeoutMs: 50 })
    await own.start()
    const busy = Promise.all([1, 2, 3].map(() => own.query({ text: 'SELECT pg_sleep(0.5)' })))
    await eventually('three are busy', () => own.poolUse?.active === 3)
    await busy
    await eventually('one is left', () => own.poolUse?.idle === 1)
    await own.stop()
  })

  it('replaces those that are too old', async () => {
    const own = connect({ lifetimeMaxMs: 200 })
    await own.start()
    const pid = async () => (await own.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' }))[0]?.pid
    const first = await pid()
    await eventually('it was replaced', async () => (await pid()) !== first)
    await own.stop()
  })

  it('counts and tells that connections are waited for', async () => {
    const told: number[] = []
    const narrow = connect({
      ...{ connectionsMax: 1, slowAcquireMs: 20 },
      onSlowAcquire: ({ slowAcquires }) => told.push(slowAcquires),
    })
    await narrow.start()
    const before = narrow.poolUse
    await Promise.all([1, 2, 3].map(() => narrow.query({ text: 'SELECT pg_sleep(0.05)' })))
    const use = narrow.poolUse
    expect((use?.acquires ?? 0) - (before?.acquires ?? 0)).toBe(3)
    expect((use?.slowAcquires ?? 0) - (before?.slowAcquires ?? 0)).toBeGreaterThanOrEqual(2)
    expect(use?.acquireMaxMs).toBeGreaterThanOrEqual(50)
    // One in ten seconds.
    expect(told).toHaveLength(1)
    await narrow.stop()
  })

  it('waits for a connection no longer than it may', async () => {
    const narrow = connect({ connectionsMax: 1, acquireTimeoutMs: 100 })
    await narrow.start()
    const held = barrier()
    const holder = narrow.transaction(() => held.opened)
    await expect(narrow.query({ text: 'SELECT 1' })).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringMatching(/^No connection to .* became free within 100 ms \(limit 1\)$/),
    })
    held.open()
    await holder
    await narrow.stop()
  })

  it('ends a transaction that falls silent: its locks are free, and what it did is undone', async () => {
    const paused = connect({ statementTimeoutMs: 200 })
    await paused.start()
    await database.query({ text: `INSERT INTO accounts VALUES ('paused', 1)` })
    const { opened: resumed, open: resume } = barrier()
    const { opened: holds, open: hold } = barrier()
    const transaction = paused.transaction(async (held) => {
      await held.query({ text: `UPDATE accounts SET amount = 2 WHERE name = 'paused'` })
      hold()
      await resumed
      await held.query({ text: 'SELECT 1' })
    })
    await holds
    await database.query({ text: `UPDATE accounts SET amount = amount + 10 WHERE name = 'paused'` })
    resume()
    await expect(transaction).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(await database.query({ text: `SELECT amount FROM accounts WHERE name = 'paused'` })).toEqual([
      { amount: '11' },
    ])
    expect(await paused.query({ text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }])
    await paused.stop()
  })

  it('ends a statement that takes too long, and the connection serves on', async () => {
    const hasty = connect({ statementTimeoutMs: 50, connectionsMax: 1 })
    await hasty.start()
    const error: unknown = await hasty.query({ text: 'SELECT pg_sleep(60)' }).catch((thrown: unknown) => thrown)
    expect(sqlStateOf(error)).toBe('57014')
    expect(await hasty.query({ text: 'SELECT 1 AS one' }).finally(() => hasty.stop())).toEqual([{ one: 1 }])
  })
})
