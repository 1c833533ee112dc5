// The schema of results against envelopes that Tasker's server would refuse, and a database that holds one.
import { describe, expect, it } from 'vitest'
import { Database } from '../../src/postgres/database.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { resultProblems } from '../fixtures/stored-results.ts'
import { insertTask, insertTransition } from '../fixtures/tasker-rows.ts'

const step = '0198c0de-0000-7000-8000-000000000001'
const success = {
  step_uuid: step,
  success: true,
  result: { any: 1.5 },
  status: 'completed',
  metadata: {
    ...{ execution_time_ms: 42, handler_version: null, retryable: false, completed_at: '2026-01-10T12:00:01.000Z' },
    ...{
      worker_id: 'worker_1',
      worker_hostname: null,
      started_at: null,
      custom: {},
      error_code: null,
      error_type: null,
    },
    context: {},
  },
  error: null,
  orchestration_metadata: null,
}
const failure = {
  ...success,
  ...{ success: false, result: {}, status: 'failed' },
  metadata: { ...success.metadata, retryable: true, error_type: 'handler_error' },
  error: { message: 'no', retryable: true, error_type: 'handler_error', backtrace: ['a'], context: {} },
  orchestration_metadata: { headers: { 'retry-after': '5' }, error_context: null, backoff_hint: null, custom: {} },
}
const metadata = (more: object) => ({ ...success, metadata: { ...success.metadata, ...more } })
const error = (value: unknown) => ({ ...failure, error: value })
const orchestration = (value: unknown) => ({ ...failure, orchestration_metadata: value })
const hint = (backoff_hint: unknown) => orchestration({ headers: {}, custom: {}, backoff_hint })

describe('the schema of results', () => {
  it.each<[string, object]>([
    ['a success', success],
    ['a failure', failure],
    ['nothing but what has defaults', {}],
    ['keys that nobody knows', { ...metadata({ more: 1 }), more: null }],
    ['any result', { ...success, result: null }],
    ['a status to be derived', { ...success, status: '' }],
    ['an error with the least', error({ message: '', retryable: false })],
    ['an error with all', error({ ...failure.error, status_code: 503, backtrace: null, error_type: null })],
    ['a hint', hint({ backoff_type: 'RateLimit', delay_seconds: 30, context: null })],
  ])('takes %s', (_, document) => {
    expect(resultProblems(JSON.stringify(document))).toEqual([])
  })

  it.each<[string, object]>([
    ['a list', []],
    ['a step that is no uuid', { ...success, step_uuid: 'step-1' }],
    ['a step that is null', { ...success, step_uuid: null }],
    ['success as text', { ...success, success: 'true' }],
    ['success that is null', { ...success, success: null }],
    ['a status that nobody knows', { ...success, status: 'done' }],
    ['a status that is null', { ...success, status: null }],
    ['no metadata', { ...success, metadata: null }],
    ['a part of a millisecond', metadata({ execution_time_ms: 1.5 })],
    ['a time as text', metadata({ execution_time_ms: '42' })],
    ['a time that is null', metadata({ execution_time_ms: null })],
    ['retryable that is null', metadata({ retryable: null })],
    ['an end without a time zone', metadata({ completed_at: '2026-01-10T12:00:01.000' })],
    ['an end that is no time', metadata({ completed_at: '2026-13-10T12:00:01Z' })],
    ['an end that is null', metadata({ completed_at: null })],
    ['a worker that is null', metadata({ worker_id: null })],
    ['a host that is a number', metadata({ worker_hostname: 1 })],
    ['custom that is null', metadata({ custom: null })],
    ['custom that is a list', metadata({ custom: [] })],
    ['a context that is null', metadata({ context: null })],
    ['a code that is a number', metadata({ error_code: 7 })],
    ['an error as text', error('no')],
    ['an error without retryable', error({ message: 'no' })],
    ['an error without a message', error({ retryable: true })],
    ['an error whose message is null', error({ message: null, retryable: true })],
    ['a backtrace as text', error({ ...failure.error, backtrace: 'a' })],
    ['a backtrace with a hole', error({ ...failure.error, backtrace: [null] })],
    ['a status code beyond 65535', error({ ...failure.error, status_code: 65536 })],
    ['an error context that is null', error({ ...failure.error, context: null })],
    ['orchestration metadata without anything', orchestration({})],
    ['orchestration metadata without headers', orchestration({ custom: {} })],
    ['orchestration metadata without custom', orchestration({ headers: {} })],
    ['a header that is a number', orchestration({ headers: { 'retry-after': 5 }, custom: {} })],
    ['a hint without a delay', hint({ backoff_type: 'Custom' })],
    ['a hint of an unknown kind', hint({ backoff_type: 'Soon', delay_seconds: 1 })],
    ['a hint with a delay below zero', hint({ backoff_type: 'Custom', delay_seconds: -1 })],
  ])('refuses %s', (_, document) => {
    expect(resultProblems(JSON.stringify(document))).not.toEqual([])
  })

  it.each(['42.0', '4.2e1', '9223372036854775808'])(
    'refuses %s as a count, which JavaScript would not notice',
    (text) => {
      const document = JSON.stringify(success).replace('"execution_time_ms":42', `"execution_time_ms":${text}`)
      expect(resultProblems(document)).toEqual(['/metadata/execution_time_ms must be integer'])
    },
  )

  it.each<[string, object]>([
    ['a failure that the server loops on', { ...failure, status: 'error' }],
    ['a failure that is tried again at once', { ...failure, orchestration_metadata: null }],
    ['a failure without an error', { ...failure, error: null }],
    ['a failure with a result', { ...failure, result: { a: 1 } }],
    ['a success with an error', { ...success, error: failure.error }],
    ['a success that has failed', { ...success, status: 'failed' }],
    ['a result without its step', { ...success, step_uuid: undefined }],
  ])('lets the host not write %s, though the server reads it', (_, document) => {
    const text = JSON.stringify(document)
    expect(resultProblems(text)).toEqual([])
    expect(resultProblems(text, 'written')).not.toEqual([])
  })

  it.each([success, failure])('lets the host write complete results', (document) => {
    expect(resultProblems(JSON.stringify(document), 'written')).toEqual([])
  })
})

describe('a test that stored a bad result', () => {
  const storeIn = async (work: (database: Database) => Promise<void>): Promise<unknown> => {
    const place = await createTestDatabase()
    const database = new Database({
      url: place.url,
      applicationName: 'test',
      connectionsMax: 1,
      acquireTimeoutMs: 5_000,
    })
    await database.start()
    await work(database).finally(() => database.stop())
    return place.drop().then(
      () => 'dropped',
      (error: Error) => error.message,
    )
  }

  it('fails when its database goes', async () => {
    const results = { ...success, metadata: { custom: null } }
    expect(
      await storeIn(async (database) => void (await insertTask(database, { steps: { only: { results } } }))),
    ).toMatch(/cannot decode: workflow_steps\.results of step .*\/metadata\/custom must be object/)
  })

  it('fails when an event of the host has a result of another step', async () => {
    const insert = async (database: Database) => {
      const { steps } = await insertTask(database, { steps: { only: { state: 'in_progress' } } })
      const event = JSON.stringify({ type: 'EnqueueForOrchestration', data: success })
      const id = await insertTransition(database, steps['only'] ?? '', 'enqueued_for_orchestration', {
        metadata: { event, timestamp: 'now' },
      })
      const text = `UPDATE tasker.workflow_step_transitions SET from_state = 'in_progress' WHERE workflow_step_transition_uuid = $1`
      await database.query({ text, values: [id] })
    }
    expect(await storeIn(insert)).toMatch(new RegExp(`it names the step ${step}`))
  })

  it('passes when all can be decoded', async () => {
    const work = async (database: Database) =>
      void (await insertTask(database, { steps: { only: { results: success } } }))
    expect(await storeIn(work)).toBe('dropped')
  })
})
