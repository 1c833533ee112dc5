// The queue functions of schema pgmq: the same behaviour that Tasker's workers and orchestrators expect of the extension.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'

interface Message {
  readonly msg_id: string
  readonly read_ct: number
  readonly message: string
  readonly headers: string | null
}

let open: OpenDatabase
let queues = 0

beforeAll(async () => {
  open = await openTestDatabase()
})
afterAll(() => open.close())

async function newQueue(): Promise<string> {
  queues += 1
  const queue = `worker_case${queues}_queue`
  await open.rows('SELECT pgmq.create($1)', queue)
  return queue
}

const send = (queue: string, message: unknown, delayS = 0) =>
  open.value('pgmq.send($1, $2::jsonb, $3::int)', queue, JSON.stringify(message), delayS)
const read = (queue: string, vtS = 30, qty = 10) =>
  open.rows<Message>('SELECT * FROM pgmq.read($1, $2::int, $3::int)', queue, vtS, qty)
const ids = (messages: readonly Message[]) => messages.map((message) => message.msg_id)

describe('queues', () => {
  it('are made once, however often and by however many at a time', async () => {
    await Promise.all(Array.from({ length: 12 }, () => open.rows(`SELECT pgmq.create('worker_raced_queue')`)))
    await open.rows(`SELECT pgmq.create('worker_raced_queue')`)
    const listed = await open.rows(
      `SELECT queue_name, is_partitioned, is_unlogged FROM pgmq.list_queues() WHERE queue_name ~ 'raced'`,
    )
    expect(listed).toEqual([{ queue_name: 'worker_raced_queue', is_partitioned: false, is_unlogged: false }])
  })

  it('have an archive, headers and an index on vt', async () => {
    const queue = await newQueue()
    const columns = await open.rows<{ table: string; columns: string }>(
      `SELECT left(table_name, 1) AS table, string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_name) AS columns
         FROM information_schema.columns WHERE table_schema = 'pgmq' AND table_name IN ('q_' || $1, 'a_' || $1)
        GROUP BY table_name ORDER BY table_name`,
      queue,
    )
    const live =
      'enqueued_at timestamp with time zone, headers jsonb, message jsonb, msg_id bigint, read_ct integer, vt timestamp with time zone'
    expect(columns).toEqual([
      { table: 'a', columns: `archived_at timestamp with time zone, ${live}` },
      { table: 'q', columns: live },
    ])
    expect(
      await open.value(
        `(SELECT count(*)::int FROM pg_indexes WHERE tablename = 'q_' || $1 AND indexdef ~ '\\(vt\\)')`,
        queue,
      ),
    ).toBe(1)
  })

  it.each(['', '1st', 'a-b', 'a;drop table x', 'a"b', 'ä', 'a'.repeat(48)])('refuse the name %j', async (name) => {
    await expect(open.rows('SELECT pgmq.create($1)', name)).rejects.toThrow(/invalid queue name/)
    await expect(send(name, {})).rejects.toThrow(/invalid queue name/)
  })

  it('take a name of 47 characters', async () => {
    const name = `Q_${'x'.repeat(45)}`
    await open.rows('SELECT pgmq.create($1)', name)
    expect(await send(name, { a: 1 })).toBe('1')
  })

  it('go away with all their messages when dropped', async () => {
    const queue = await newQueue()
    await send(queue, {})
    expect(await open.value('pgmq.drop_queue($1)', queue)).toBe(true)
    expect(await open.value('pgmq.drop_queue($1)', queue)).toBe(false)
    await expect(send(queue, {})).rejects.toThrow(/does not exist/)
  })
})

describe('sending and reading', () => {
  it('keeps order, message and headers, counts reads and hides what was read', async () => {
    const queue = await newQueue()
    expect(await send(queue, { n: 1 })).toBe('1')
    await open.rows(`SELECT pgmq.send($1, '{"n":2}', '{"trace":"t"}'::jsonb)`, queue)
    const batch = await open.rows<{ id: string }>(
      `SELECT pgmq.send_batch($1, ARRAY['3','4','5']::jsonb[]) AS id`,
      queue,
    )
    expect(batch.map((row) => row.id)).toEqual(['3', '4', '5'])
    const first = await read(queue, 30, 2)
    expect(first).toMatchObject([
      { msg_id: '1', read_ct: 1, message: '{"n": 1}', headers: null },
      { msg_id: '2', read_ct: 1, message: '{"n": 2}', headers: '{"trace": "t"}' },
    ])
    expect(ids(await read(queue))).toEqual(['3', '4', '5'])
    expect(await read(queue)).toEqual([])
  })

  it('shows a message again when its time is over, or when set_vt gives it back', async () => {
    const queue = await newQueue()
    await send(queue, {})
    await read(queue, 0)
    expect(await read(queue, 30)).toMatchObject([{ read_ct: 2 }])
    expect(ids(await open.rows('SELECT * FROM pgmq.set_vt($1, 1, 0)', queue))).toEqual(['1'])
    expect(await read(queue, 30)).toMatchObject([{ read_ct: 3 }])
    expect(await open.rows('SELECT * FROM pgmq.set_vt($1, 99, 0)', queue)).toEqual([])
  })

  it('holds a delayed message back', async () => {
    const queue = await newQueue()
    await send(queue, {}, 60)
    await open.rows(`SELECT pgmq.send_batch($1, ARRAY['1']::jsonb[], 60)`, queue)
    expect(await read(queue)).toEqual([])
  })

  it('never gives one message to two readers at a time', async () => {
    const queue = await newQueue()
    await open.rows(`SELECT pgmq.send_batch($1, array_agg(to_jsonb(n))) FROM generate_series(1, 40) AS n`, queue)
    const read = await Promise.all(
      Array.from({ length: 8 }, () => open.rows<Message>('SELECT * FROM pgmq.read($1, 30, 10)', queue)),
    )
    const seen = read.flatMap(ids)
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('polls until a message comes, and no longer than asked', async () => {
    const queue = await newQueue()
    expect(await open.rows('SELECT * FROM pgmq.read_with_poll($1, 30, 1, 0)', queue)).toEqual([])
    const polled = open.rows<Message>('SELECT * FROM pgmq.read_with_poll($1, 30, 1, 20, 10)', queue)
    await send(queue, { late: true })
    expect(await polled).toMatchObject([{ message: '{"late": true}' }])
  })
})

describe('taking messages away', () => {
  it('archives by id and by list, once', async () => {
    const queue = await newQueue()
    for (const n of [1, 2, 3]) await send(queue, { n })
    expect(await open.value('pgmq.archive($1::text, 1::bigint)', queue)).toBe(true)
    expect(await open.value('pgmq.archive($1::text, 1::bigint)', queue)).toBe(false)
    const archived = await open.rows<{ id: string }>(
      'SELECT pgmq.archive($1::text, ARRAY[2, 1, 99]::bigint[]) AS id',
      queue,
    )
    expect(archived).toEqual([{ id: '2' }])
    expect(await open.value(`(SELECT count(*)::int FROM pgmq.a_${queue} WHERE archived_at IS NOT NULL)`)).toBe(2)
    expect(ids(await read(queue))).toEqual(['3'])
  })

  it('deletes by id and by list, pops and purges', async () => {
    const queue = await newQueue()
    for (const n of [1, 2, 3, 4, 5]) await send(queue, { n })
    expect(await open.value('pgmq.delete($1::text, 1::bigint)', queue)).toBe(true)
    expect(await open.value('pgmq.delete($1::text, 1::bigint)', queue)).toBe(false)
    expect(await open.rows('SELECT pgmq.delete($1::text, ARRAY[2, 99]::bigint[]) AS id', queue)).toEqual([{ id: '2' }])
    expect(ids(await open.rows('SELECT * FROM pgmq.pop($1)', queue))).toEqual(['3'])
    expect(await open.value('pgmq.purge_queue($1)', queue)).toBe('2')
    expect(await open.value(`(SELECT count(*)::int FROM pgmq.a_${queue})`)).toBe(0)
  })

  it('measures what is left and what ever was', async () => {
    const queue = await newQueue()
    const measured = () =>
      open.rows('SELECT queue_length, queue_visible_length, total_messages FROM pgmq.metrics($1)', queue)
    expect(await measured()).toEqual([{ queue_length: '0', queue_visible_length: '0', total_messages: '0' }])
    for (const n of [1, 2, 3]) await send(queue, { n })
    await read(queue, 30, 1)
    await open.rows('SELECT * FROM pgmq.delete($1::text, 3::bigint)', queue)
    expect(await measured()).toEqual([{ queue_length: '2', queue_visible_length: '1', total_messages: '3' }])
    expect(await open.value('(SELECT count(*)::int FROM pgmq.metrics_all() WHERE queue_name = $1)', queue)).toBe(1)
  })
})
