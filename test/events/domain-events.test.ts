// What a stored step publishes: when, where, in which shape, and what happens when publishers, subscribers or the queue fail.

import { describe, expect, it } from 'vitest'
import { HostError } from '../../src/model/host-error.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { failed, finishedStep, openEvents, publisher, subscriber } from './event-parts.ts'

describe('the conditions', () => {
  const all = ['success', 'failure', 'retryable_failure', 'permanent_failure', 'always']
  const declared = all.map((condition) => ({ name: `a.${condition}`, condition }))
  it.each([
    ['a success', {}, ['a.success', 'a.always']],
    ['a failure that may be retried', failed(true), ['a.failure', 'a.retryable_failure', 'a.always']],
    ['a failure for good', failed(false), ['a.failure', 'a.permanent_failure', 'a.always']],
  ])('of %s', async (_, result, names) => {
    const { events, documents } = openEvents()
    events.stored(finishedStep(declared, result))
    await events.drained(1000)
    expect(documents().map((event) => event.event_name)).toEqual(names)
  })
})

describe('an event in the queue', () => {
  it('has Tasker’s shape, and numbers as they were written', async () => {
    const { events, sent } = openEvents()
    events.stored(finishedStep([{ name: 'a.done' }], { result: '{"total":12345678901234567890}' as JsonText }))
    await events.drained(1000)
    expect(sent.map(({ namespace }) => namespace)).toEqual(['billing'])
    const text = sent[0]?.document ?? ''
    expect(text).toContain('"payload":{"total":12345678901234567890}')
    expect(text).toContain('"task":{"n":9223372036854775807}')
    expect(JSON.parse(text)).toMatchObject({
      event_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      event_name: 'a.done',
      event_version: '1.0',
      payload: {
        task_sequence_step: { workflow_step: {}, dependency_results: {}, step_definition: { name: 'a' } },
        execution_result: {
          step_uuid: 'a',
          success: true,
          status: 'completed',
          metadata: { context: { runtime: 'ruby' } },
        },
      },
      metadata: {
        task_uuid: 'task',
        step_uuid: 'a',
        step_name: 'a',
        namespace: 'billing',
        correlation_id: 'correlation',
        fired_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        fired_by: 'DefaultDomainEventPublisher',
      },
    })
  })

  it('is sent again while the queue is away', async () => {
    let tries = 0
    const { events, warnings } = openEvents({
      send: async (batch) => {
        tries += 1
        if (tries === 1) throw new HostError('DATABASE_UNREACHABLE', 'away')
        return batch.map(() => null)
      },
    })
    events.stored(finishedStep([{ name: 'a.done' }]))
    await events.drained(5000)
    expect(tries).toBe(2)
    expect(warnings).toEqual([])
    expect(events.counts()).toMatchObject({ routed: 1, durable: 1, routingErrors: 0 })
  })

  it('is given up, counted and told of, when the grace ends', async () => {
    const send = () => Promise.reject(new HostError('DATABASE_UNREACHABLE', 'away'))
    const { events, warnings } = openEvents({ send })
    events.stored(finishedStep([{ name: 'a.done' }]))
    await events.drained(0)
    expect(warnings).toEqual([expect.stringContaining('"a.done" was not published: away')])
    expect(events.counts()).toMatchObject({ routed: 0, routingErrors: 1 })
  })

  it('fits its schema, or is left out with the reason', async () => {
    const schema = { type: 'object', required: ['total'], properties: { total: { type: 'number' } } }
    const { events, documents, warnings } = openEvents()
    events.stored(finishedStep([{ name: 'a.done', schema }], { result: '{"total":"1"}' as JsonText }))
    events.stored(finishedStep([{ name: 'a.done', schema }], { result: '{"total":1}' as JsonText }))
    await events.drained(1000)
    expect(documents()).toHaveLength(1)
    expect(warnings).toEqual([expect.stringMatching(/"a.done" was not published: .*payload.total must be number/)])
  })
})

describe('the delivery', () => {
  const heard = subscriber('audit', 'a.*')

  it.each([
    ['durable', 1, []],
    ['fast', 0, ['audit']],
    ['broadcast', 1, ['audit']],
  ])('%s', async (delivery_mode, queued, subscribers) => {
    const { events, sent, calls } = openEvents({ subscribers: [heard, subscriber('other', 'b.*')] })
    events.stored(finishedStep([{ name: 'a.done', delivery_mode }]))
    await events.drained(1000)
    expect(sent).toHaveLength(queued)
    expect(calls.map(({ target }) => target)).toEqual(subscribers)
    expect(events.counts()).toMatchObject({ routed: 1, [delivery_mode]: 1, subscriberCalls: subscribers.length })
  })

  it('broadcasts under two ids', async () => {
    const { events, documents, calls } = openEvents({ subscribers: [heard] })
    events.stored(finishedStep([{ name: 'a.done', delivery_mode: 'broadcast' }], { result: '{"n":1}' as JsonText }))
    await events.drained(1000)
    const [queued] = documents()
    expect(calls).toMatchObject([{ mode: 'deliver', event: { event_name: 'a.done', business_payload: { n: 1 } } }])
    expect(calls).not.toMatchObject([{ event: { event_id: queued.event_id } }])
  })

  it.each([
    ['*', true],
    ['a.done', true],
    ['a.*', true],
    ['*.done', true],
    ['a', false],
    ['axdone', false],
    ['b.*', false],
  ])('of a.done to subscribers of %s: %s', async (pattern, hears) => {
    const { events, calls } = openEvents({ subscribers: [subscriber('s', pattern)] })
    events.stored(finishedStep([{ name: 'a.done', delivery_mode: 'fast' }]))
    await events.drained(1000)
    expect(calls).toHaveLength(hears ? 1 : 0)
  })

  it('tells of subscribers that fail, and goes on', async () => {
    const { events, warnings, calls } = openEvents({ subscribers: [heard], answer: () => new Error('no audit') })
    events.stored(
      finishedStep([
        { name: 'a.one', delivery_mode: 'fast' },
        { name: 'a.two', delivery_mode: 'fast' },
      ]),
    )
    await events.drained(1000)
    expect(calls).toHaveLength(2)
    expect(warnings).toEqual(
      Array(2).fill(expect.stringContaining('"audit" (events.rb) did not take an event: no audit')),
    )
    expect(events.counts()).toMatchObject({ fastErrors: 2 })
  })

  it('drops and counts what a slow subscriber cannot take', async () => {
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    const { events } = openEvents({ subscribers: [heard], answer: () => held })
    for (let n = 0; n < 1010; n += 1) events.stored(finishedStep([{ name: 'a.done', delivery_mode: 'fast' }]))
    while (events.counts().dispatched < 1010) await new Promise((resolve) => setImmediate(resolve))
    expect(events.counts().dropped).toBe(9)
    go()
    await events.drained(1000)
    expect(events.counts().subscriberCalls).toBe(1001)
  })
})

describe('an author’s publisher', () => {
  const receipts = publisher('receipts')
  const declared = [{ name: 'a.done', publisher: 'receipts' }]

  it('shapes the events, and hears what became of them', async () => {
    const answer =
      '{"events":[{"event_name":"a.done","payload":{"n":12345678901234567890},"metadata":{"channel":"email"}}]}'
    const { events, sent, calls } = openEvents({ publishers: [receipts], answer: () => answer })
    events.stored(finishedStep(declared))
    await events.drained(1000)
    expect(sent[0]?.document).toContain('"payload":{"n":12345678901234567890}')
    expect(JSON.parse(sent[0]?.document ?? '')).toMatchObject({ metadata: { channel: 'email', namespace: 'billing' } })
    expect(calls).toMatchObject([
      { mode: 'publish', event: { declaration: { name: 'a.done' }, execution_result: { success: true } } },
      { mode: 'published', event: { event_name: 'a.done', metadata: { channel: 'email' }, error: null } },
    ])
  })

  it('keeps an event to itself', async () => {
    const { events, sent, warnings } = openEvents({ publishers: [receipts], answer: () => ({ events: [] }) })
    events.stored(finishedStep(declared))
    await events.drained(1000)
    expect([sent, warnings]).toEqual([[], []])
  })

  it('hears that its event was not sent', async () => {
    const given = { events: [{ event_name: 'a.done', payload: 1 }] }
    const { events, calls } = openEvents({
      publishers: [receipts],
      answer: () => given,
      send: async () => ['no jsonb can hold it'],
    })
    events.stored(finishedStep(declared))
    await events.drained(1000)
    expect(calls[1]).toMatchObject({ mode: 'published', event: { error: 'no jsonb can hold it' } })
  })

  it.each([
    ['that fails', new Error('boom'), 'published nothing: boom'],
    ['that answers nonsense', { event: 1 }, 'it must give {"events": [...]}'],
    ['whose event has no name', { events: [{ payload: 1 }] }, 'has no "event_name"'],
  ])('%s publishes nothing and is named', async (_, answered, words) => {
    const { events, sent, warnings } = openEvents({ publishers: [receipts], answer: () => answered })
    events.stored(finishedStep(declared))
    await events.drained(1000)
    expect(sent).toEqual([])
    expect(warnings).toEqual([expect.stringContaining(words)])
    expect(warnings[0]).toContain('"receipts" (events.rb)')
  })

  it('that nobody has is replaced by the result, and named once', async () => {
    const { events, sent, warnings } = openEvents()
    events.stored(finishedStep(declared))
    events.stored(finishedStep(declared))
    await events.drained(1000)
    expect(sent).toHaveLength(2)
    expect(warnings).toEqual([expect.stringContaining('names the publisher "receipts"')])
  })

  it('may publish another event of the step, under that one’s rules', async () => {
    const answer = { events: [{ event_name: 'a.other', payload: { n: 1 } }] }
    const { events, sent, warnings } = openEvents({ publishers: [receipts], answer: () => answer })
    const other = { name: 'a.other', condition: 'failure', schema: { required: ['m'] } }
    events.stored(finishedStep([...declared, other]))
    await events.drained(1000)
    expect(sent).toEqual([])
    expect(warnings).toEqual([expect.stringContaining("must have required property 'm'")])
  })
})

describe('the end', () => {
  it('does not wait for code of authors that hangs', async () => {
    const { events, calls } = openEvents({
      publishers: [publisher('stuck')],
      subscribers: [subscriber('deaf', '*')],
      answer: () => new Promise(() => {}),
    })
    events.stored(finishedStep([{ name: 'a.done', delivery_mode: 'fast' }]))
    events.stored(finishedStep([{ name: 'a.held', publisher: 'stuck' }]))
    await events.drained(10)
    expect(calls.map(({ mode }) => mode).toSorted()).toEqual(['deliver', 'publish'])
  })

  it('survives a fault of its own, and goes on', async () => {
    const { events, sent, warnings } = openEvents({ publishers: [publisher('odd')], answer: () => 'no JSON' })
    events.stored(finishedStep([{ name: 'a.odd', publisher: 'odd' }]))
    events.stored(finishedStep([{ name: 'a.done' }]))
    await events.drained(1000)
    expect(warnings).toEqual(['events of a step were lost'])
    expect(sent).toHaveLength(1)
  })
})
