// What sending announces on the notification channels, and the functions that handle one message by its id.
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type OpenDatabase, openTestDatabase } from '../fixtures/open-database.ts'

interface Heard {
  readonly channel: string
  readonly payload: Record<string, unknown>
}

const queue = 'worker_billing_queue'
const channels = ['pgmq_message_ready', 'pgmq_message_ready.billing', 'pgmq_queue_created']

let open: OpenDatabase
let listener: pg.Client
const heard: Heard[] = []

beforeAll(async () => {
  open = await openTestDatabase()
  listener = new pg.Client({ connectionString: open.url })
  await listener.connect()
  listener.on('notification', (note) => {
    heard.push({ channel: note.channel, payload: JSON.parse(note.payload ?? '') as Record<string, unknown> })
  })
  for (const channel of channels) await listener.query(`LISTEN "${channel}"`)
  await open.rows('SELECT pgmq.create($1)', queue)
  await settle()
})
afterAll(async () => {
  await listener.end()
  await open.close()
})
beforeEach(() => {
  heard.length = 0
})

/** PostgreSQL hands over what was committed before the next answer on the listening connection. */
async function settle(): Promise<void> {
  await listener.query('SELECT 1')
}

const send = (message: unknown, delayS = 0) =>
  open.value('tasker.pgmq_send_with_notify($1, $2::jsonb, $3::int)', queue, JSON.stringify(message), delayS)

describe('the namespace of a queue', () => {
  it.each([
    ['orchestration_step_results', 'orchestration'],
    ['worker_billing_queue', 'billing'],
    ['worker_a_queue_queue', 'a_queue'],
    ['billing_queue', 'billing'],
    ['worker_queue', 'worker'],
    ['billing_domain_events', 'default'],
    ['_queue', 'default'],
  ])('of %s is %s', async (name, namespace) => {
    expect(await open.value('tasker.extract_queue_namespace($1)', name)).toBe(namespace)
  })
})

describe('sending one message', () => {
  it('carries a small message on both channels', async () => {
    const id = await send({ step: 1 }, 5)
    await settle()
    expect(heard.map((note) => note.channel).sort()).toEqual(['pgmq_message_ready', 'pgmq_message_ready.billing'])
    expect(heard[0]?.payload).toEqual({
      event_type: 'message_with_payload',
      msg_id: Number(id),
      queue_name: queue,
      namespace: 'billing',
      message: { step: 1 },
      ready_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\+00:00$/),
      delay_seconds: 5,
    })
    expect(Object.keys(heard[0]?.payload ?? {})[0]).toBe('event_type')
    expect(heard[1]?.payload).toEqual(heard[0]?.payload)
  })

  it.each([
    ['many characters', 'x'.repeat(7_000)],
    ['many bytes in few characters', 'é'.repeat(5_000)],
    ['a megabyte', '€'.repeat(350_000)],
  ])('announces a message of %s by its id', async (_, text) => {
    const id = await send({ text })
    await settle()
    expect(heard).toHaveLength(2)
    expect(heard[0]?.payload).toEqual({
      event_type: 'message_ready',
      msg_id: Number(id),
      queue_name: queue,
      namespace: 'billing',
      ready_at: expect.any(String),
      delay_seconds: 0,
      payload_omitted: true,
    })
    const stored = `(SELECT message ->> 'text' FROM pgmq.q_${queue} WHERE msg_id = $1)`
    expect(await open.value(stored, id)).toBe(text)
  })

  it('never fails at the border between the two', async () => {
    for (const length of [6_980, 6_985, 6_990, 6_995, 7_000]) await send({ text: 'x'.repeat(length) })
    await settle()
    expect(new Set(heard.map((note) => note.payload['event_type']))).toEqual(
      new Set(['message_with_payload', 'message_ready']),
    )
  })

  it('says nothing when the transaction rolls back', async () => {
    await expect(
      open.database.transaction(async (session) => {
        await session.query({ text: `SELECT tasker.pgmq_send_with_notify($1, '{}', 0)`, values: [queue] })
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    await settle()
    expect(heard).toEqual([])
  })
})

describe('sending many messages', () => {
  it('names every id in payloads that are whole JSON', async () => {
    const sent = await open.rows<{ id: string }>(
      `SELECT tasker.pgmq_send_batch_with_notify($1, (SELECT array_agg(to_jsonb(n)) FROM generate_series(1, 1000) AS n), 0) AS id`,
      queue,
    )
    await settle()
    const batches = heard.filter((note) => note.channel === 'pgmq_message_ready').map((note) => note.payload)
    expect(batches.flatMap((batch) => batch['msg_ids'])).toEqual(sent.map((row) => Number(row.id)))
    expect(batches.map((batch) => batch['message_count'])).toEqual([300, 300, 300, 100])
    expect(batches[0]).toMatchObject({ event_type: 'batch_ready', queue_name: queue, delay_seconds: 0 })
  })

  it('is silent about none', async () => {
    await open.rows(`SELECT tasker.pgmq_send_batch_with_notify($1, '{}'::jsonb[], 0)`, queue)
    await settle()
    expect(heard).toEqual([])
  })
})

describe('one message by its id', () => {
  const readOne = (id: unknown) =>
    open.rows('SELECT read_ct, message FROM tasker.pgmq_read_specific_message($1, $2, 30)', queue, id)

  it('is read while it is visible, then hidden', async () => {
    const id = await send({ a: 1 })
    expect(await readOne(id)).toEqual([{ read_ct: 1, message: '{"a": 1}' }])
    expect(await readOne(id)).toEqual([])
  })

  it('is hidden for longer, and deleted', async () => {
    const id = await send({})
    expect(await open.value('tasker.pgmq_extend_vt_specific_message($1, $2, 60)', queue, id)).toBe(true)
    expect(await readOne(id)).toEqual([])
    expect(await open.value('tasker.pgmq_delete_specific_message($1, $2)', queue, id)).toBe(true)
    expect(await open.value('tasker.pgmq_delete_specific_message($1, $2)', queue, id)).toBe(false)
    expect(await open.value('tasker.pgmq_extend_vt_specific_message($1, $2, 60)', queue, id)).toBe(false)
  })
})

describe('a new queue', () => {
  it('is announced once', async () => {
    for (let n = 0; n < 2; n += 1) await open.rows(`SELECT pgmq.create('worker_shipping_queue')`)
    await settle()
    expect(heard).toEqual([
      {
        channel: 'pgmq_queue_created',
        payload: {
          event_type: 'queue_created',
          queue_name: 'worker_shipping_queue',
          namespace: 'shipping',
          created_at: expect.any(String),
        },
      },
    ])
  })
})
