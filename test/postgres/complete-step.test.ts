// One success by the function of the schema and by the statement for many: the same rows, messages and answers, whatever the result holds.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import type { StepSuccess } from '../../src/model/step-result.ts'
import type { FinishedStep } from '../../src/model/step-store.ts'
import { sqlStateOf } from '../../src/postgres/database.ts'
import { completeSteps } from '../../src/postgres/queries/complete-steps.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { storedResultProblems } from '../fixtures/stored-results.ts'
import { createTaskerMadeDatabase } from '../fixtures/tasker-made.ts'
import { insertTransition } from '../fixtures/tasker-rows.ts'
import {
  alone,
  answerFor,
  beside,
  channels,
  expectSame,
  hows,
  leaseMs,
  Noted,
  Place,
  workerId,
} from './both-completions.ts'

let place: Place
let orchestrator: (seen: boolean) => Promise<unknown>
beforeAll(async () => {
  place = await Place.open(await createTestDatabase())
  orchestrator = (seen) =>
    place.rows(
      seen
        ? `INSERT INTO stephost.orchestrators (orchestrator_uuid, host, heartbeat_at) VALUES (gen_random_uuid(), 'test', clock_timestamp())`
        : 'DELETE FROM stephost.orchestrators',
    )
})
afterAll(() => place.close())

const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`

const documents: readonly (readonly [string, string])[] = [
  ['an empty object', '{}'],
  ['null', 'null'],
  ['characters of all planes', '{"n\\u00efve \\ud83d\\ude00":"日本語 😀 \\u202e \\" \\\\ \\n"}'],
  [
    'numbers beyond those of JavaScript',
    '[123456789012345678901234567890, 1.10, -0, 1e-400, 2.5e30, 9007199254740993]',
  ],
  ['one key twice, and keys in another order', '{"bb":1,"a":2,"bb":3}'],
  ['the keys of the envelope', '{"success":false,"status":"failed","error":{},"metadata":{}}'],
  ['a text that would end the event', '{"a":"}\\"}, \\"type\\": \\"Complete\\""}'],
  ['many levels', `${'['.repeat(190)}1${']'.repeat(190)}`],
  ['much text', JSON.stringify({ text: 'x'.repeat(300_000), more: '\u00e9'.repeat(50_000) })],
]

describe('a success that is stored alone', () => {
  it.each(documents)('has the rows that it has beside others, with %s', async (_, document) => {
    const answer = await expectSame(place, 'judged', () => place.finished({ result: document as JsonText }))
    expect(answer).toEqual({ status: 'stored', reason: null, completes: false })
  })

  it.each<[string, Partial<StepSuccess>, string | null]>([
    [
      'metadata of the handler',
      { metadata: '{"b":[1.0,"\\u00e9"],"a":{"n":12345678901234567890}}' as JsonText },
      'ruby',
    ],
    ['no runtime', {}, null],
    ['a runtime of an odd name', {}, 'a"b\\c'],
    ['a time beyond all limits', { executionTimeMs: 1e300 }, 'python'],
    ['a time that is none', { executionTimeMs: Number.NaN }, 'python'],
  ])('and with %s', async (_, more, runtime) => {
    expect(await expectSame(place, 'judged', () => place.finished(more, runtime))).toMatchObject({ status: 'stored' })
  })

  it.each<[string, Partial<StepSuccess>]>([
    ['a NUL character', { result: '{"a":"\\u0000"}' as JsonText }],
    ['a lone surrogate', { result: '{"a":"\\ud800"}' as JsonText }],
    ['a number out of range', { result: '{"a":1e200000}' as JsonText }],
    ['no value', { result: '' as JsonText }],
    ['what stands between two results', { result: '{"a":"\u001f"}' as JsonText, metadata: '\u001f' as JsonText }],
    ['two values', { result: '{} {}' as JsonText }],
    ['a text that would turn success around', { result: '{"a":1},"success":false,"x":{}' as JsonText }],
    ['metadata that are none', { metadata: '{"a":NaN}' as JsonText }],
    ['two faults', { result: '{"a":"\\u0000"}' as JsonText, metadata: '{' as JsonText }],
  ])('is refused as invalid with %s, for the same reason and with nothing stored', async (_, more) => {
    const answer = await expectSame(place, 'judged', () => place.finished(more))
    expect(answer).toEqual({ status: 'invalid', reason: expect.stringMatching(/./), completes: false })
  })

  it('leaves each of the others its own result where one has what stands between them', async () => {
    const given = ['1', '"\u001f\u001f"', '', '2', '{"ok":true}'] as readonly string[] as readonly JsonText[]
    const all = await Promise.all(given.map((result) => place.finished({ result })))
    const answers = await completeSteps(place.database, all, { workerId, how: 'silent' })
    const statuses = all.map((one) => answerFor(answers, one).status)
    expect(statuses).toEqual(['stored', 'invalid', 'invalid', 'stored', 'stored'])
    const text = `SELECT results ->> 'result' AS result FROM tasker.workflow_steps WHERE workflow_step_uuid = $1`
    const results = await Promise.all(
      all.map(async ({ step }) => (await place.rows<{ result: string | null }>(text, step.stepId))[0]),
    )
    expect(results.map((row) => row?.result)).toEqual(['1', null, null, '2', '{"ok": true}'])
  })

  describe.each(hows)('%s', (how) => {
    it('has the rows that it has beside others', async () => {
      expect(await expectSame(place, how, () => place.finished())).toMatchObject({ status: 'stored' })
    })

    it('is told to nobody when it is invalid', async () => {
      const answer = await expectSame(place, how, () => place.finished({ result: '{' as JsonText }))
      expect(answer).toMatchObject({ status: 'invalid' })
    })

    it('fails with the same fault where the database cannot look at it', async () => {
      const result = `${'['.repeat(20_000)}${']'.repeat(20_000)}` as JsonText
      for (const complete of [alone, beside]) {
        const one = await place.finished({ result })
        const error = await complete(place, one, how).catch((fault: unknown) => fault)
        expect(sqlStateOf(error)).toBe('54001')
      }
    })

    it('is already stored when the answer got lost, and nothing is stored or sent twice', async () => {
      for (const [first, second] of [
        [alone, alone],
        [alone, beside],
        [beside, alone],
      ] as const) {
        const one = await place.finished()
        await first(place, one, how)
        const rows = await place.stored(one)
        const answer = { status: 'already', reason: null, completes: false }
        expect(await second(place, one, how, await place.version(one))).toEqual(answer)
        expect((await place.stored(one)).filter((row) => !row.includes('"channel"'))).toEqual(
          rows.filter((row) => !row.includes('"channel"')),
        )
      }
    })

    it('is refused when the claim is over, and nothing changes', async () => {
      const over = async (): Promise<FinishedStep> => {
        const one = await place.finished()
        await insertTransition(place.database, one.step.stepId, 'cancelled')
        return one
      }
      expect(await expectSame(place, how, over)).toEqual({ status: 'refused', reason: null, completes: false })
    })

    it('waits for who holds the claim, and looks again', async () => {
      for (const complete of [alone, beside]) {
        const one = await place.finished()
        const text = `UPDATE tasker.workflow_step_transitions SET to_state = 'cancelled' WHERE workflow_step_transition_uuid = $1`
        const [answer] = await place.database.transaction(async (q) => {
          await q.query({ text, values: [one.step.token] })
          const completed = complete(place, one, how)
          await eventually('it waits', async () => (await place.rows(waiting)).length === 1)
          return [completed]
        })
        expect(await answer).toMatchObject({ status: 'refused' })
      }
    })
  })
})

describe('a success that is judged as it is stored', () => {
  it.each([
    ['completes where the template is the one that is known', (version: string) => version, true],
    ['does not where it is another', () => '1', false],
    ['does not where nobody knows', () => null, false],
  ])('%s', async (_, known, completes) => {
    const seen = []
    for (const complete of [alone, beside]) {
      const one = await place.finished()
      const answer = await complete(place, one, 'judged', known(await place.version(one)))
      expect(answer).toEqual({ status: 'stored', reason: null, completes })
      const rows = await place.stored(one)
      expect(rows.join().includes('"to_state": "complete"')).toBe(completes)
      seen.push(rows)
    }
    expect(seen[0]).toEqual(seen[1])
  })

  it('is busy at once when its task is held, unless it is invalid', async () => {
    for (const complete of [alone, beside]) {
      const one = await place.finished()
      const bad = { ...one, result: { ...one.result, result: '{' as JsonText } as StepSuccess }
      await place.database.transaction(async (q) => {
        await q.query({ text: 'SELECT FROM tasker.tasks WHERE task_uuid = $1 FOR UPDATE', values: [one.step.taskId] })
        const busy = { status: 'busy', reason: null, completes: false }
        expect(await complete(place, one, 'judged', await place.version(one))).toEqual(busy)
        expect(await complete(place, bad, 'judged')).toMatchObject({ status: 'invalid' })
      })
      expect(await complete(place, one, 'judged')).toMatchObject({ status: 'stored' })
    }
  })

  it('keeps its task until the end of the transaction', async () => {
    const one = await place.finished()
    const text = 'SELECT task_uuid FROM tasker.tasks WHERE task_uuid = $1 FOR NO KEY UPDATE SKIP LOCKED'
    await place.database.transaction(async (q) => {
      await completeSteps(q, [one], { workerId, how: 'judged' })
      expect(await place.rows(text, one.step.taskId)).toEqual([])
    })
    expect(await place.rows(text, one.step.taskId)).toHaveLength(1)
  })
})

describe('a success that is told', () => {
  it('wakes an orchestrator of ours once', async () => {
    await orchestrator(true)
    await expectSame(place, 'messages', () => place.finished())
    const one = await place.finished()
    place.forget()
    await alone(place, one, 'messages')
    const heard = (await place.stored(one)).filter((row) => row.includes('"channel"'))
    expect(heard).toEqual(['{"channel":"pgmq_message_ready.orchestration","payload":{"event_type":"wake_up"}}'])
    await orchestrator(false)
  })

  it('is announced with its message to anybody else', async () => {
    const one = await place.finished()
    place.forget()
    await alone(place, one, 'messages')
    const heard = (await place.stored(one)).filter((row) => row.includes('message_with_payload'))
    expect(heard).toHaveLength(channels.length)
    const sent = 'SELECT count(*)::int AS n FROM pgmq.q_orchestration_step_results WHERE message ->> $1 = $2'
    expect(await place.rows(sent, 'step_uuid', one.step.stepId)).toEqual([{ n: 1 }])
  })

  it('sends nothing when it is silent or judged', async () => {
    for (const how of ['silent', 'judged'] as const) {
      const one = await place.finished()
      await alone(place, one, how)
      expect((await place.stored(one)).join()).not.toContain('"vt"')
    }
  })
})

describe('an invalid result', () => {
  it.each(hows)('harms no neighbour, %s', async (how) => {
    const [bad, good] = [await place.finished({ result: '{' as JsonText }), await place.finished()]
    const answers = await completeSteps(place.database, [bad, good], { workerId, how, leaseMs, plainIn: [null, null] })
    expect(answerFor(answers, bad).status).toBe('invalid')
    expect(answerFor(answers, good).status).toBe('stored')
  })
})

describe('a failure', () => {
  it('is stored by the statement, alone too', async () => {
    const { result, ...one } = await place.finished()
    const failure = {
      ...{ ...result, success: false as const, message: 'no', errorType: 'Oops', errorCode: null, retryable: true },
      ...{ retryAfterS: null, backtrace: [], context: emptyObject },
    }
    const noted = new Noted(place.database)
    await completeSteps(noted, [{ ...one, result: failure }], { workerId, how: 'silent' })
    expect(noted.names).toEqual(['complete-steps:silent'])
  })
})

describe('in a database that Tasker made', () => {
  it('the audit row is left to its trigger', async () => {
    const made = await Place.open(await createTaskerMadeDatabase())
    try {
      for (const how of hows) {
        expect(await expectSame(made, how, () => made.finished())).toMatchObject({ status: 'stored' })
        const one = await made.finished()
        await alone(made, one, how)
        const audit = 'SELECT execution_time_ms FROM tasker.workflow_step_result_audit WHERE workflow_step_uuid = $1'
        expect(await made.rows(audit, one.step.stepId)).toHaveLength(1)
      }
      expect(await storedResultProblems(made.database)).toEqual([])
    } finally {
      await made.close()
    }
  })
})
