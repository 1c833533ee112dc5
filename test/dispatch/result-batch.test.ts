// One bad result between 199 good ones that are stored together: it harms only itself, whatever is bad about it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { StepId, WorkerId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { hostFailure, type StepFailure, type StepResult, type StepSuccess } from '../../src/model/step-result.ts'
import type { CompletionAnswer, FinishedStep } from '../../src/model/step-store.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { enqueueMany, sendMany, stateCounts } from './bulk-steps.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { startWorker } from './workers.ts'

const count = 200

let steps: StepDatabase
let worker: Worker
let store: CountingStore
/** What the handlers answer in the test that runs. */
let answer: (stepId: StepId) => Promise<StepResult>
beforeAll(async () => {
  steps = await openStepDatabase()
  store = new CountingStore(steps.database, { leaseMs: 2_000 })
  const adapter = new ScriptedAdapter(({ stepId }) => answer(stepId))
  adapter.inFlightMax = count
  worker = await startWorker(steps, adapter, { store, concurrentHandlersMax: count })
})
afterEach(async () => {
  await steps.database.query({ text: `SELECT pgmq.purge_queue('orchestration_step_results')` })
})
afterAll(async () => {
  await worker.stop()
  await steps.close()
})

/** Notes how many results each statement was asked to store. */
class CountingStore extends PostgresStepStore {
  batches: number[] = []
  finished: FinishedStep[] = []
  override complete(
    ...[worker, finished]: Parameters<PostgresStepStore['complete']>
  ): Promise<readonly CompletionAnswer[]> {
    this.batches.push(finished.length)
    this.finished.push(...finished)
    return super.complete(worker, finished)
  }
}

const good = (stepId: StepId): StepResult => ({
  ...(success({ stepId } as never) as StepSuccess),
  result: '{"ok":true}' as JsonText,
})
const succeeds = (more: object) => (stepId: StepId) => ({ ...good(stepId), ...more }) as StepResult
const returns = (text: string) => succeeds({ result: text })
const fails =
  (more: Partial<StepFailure>) =>
  (stepId: StepId): StepResult => ({ ...hostFailure(stepId, 'handler_error', 'no'), ...more })
const text = (value: string) => value as JsonText

/** All 200 results are there before the first is stored. Resolves with the step that had the other result. */
async function storeTogether(
  other: (stepId: StepId) => StepResult,
): Promise<{ odd: StepId; rest: StepId[]; batches: number[] }> {
  let open: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const running: StepId[] = []
  answer = async (stepId) => {
    running.push(stepId)
    if (running.length === count) open()
    await gate
    return stepId === odd ? other(stepId) : good(stepId)
  }
  store.batches = []
  const ids = await enqueueMany(steps, count)
  const odd = ids[count / 2] as StepId
  const rest = ids.filter((id) => id !== odd)
  await eventually('all are stored', async () => {
    const counts = await stateCounts(steps, ids)
    return (counts['enqueued_for_orchestration'] ?? 0) + (counts['enqueued_as_error_for_orchestration'] ?? 0) === count
  })
  expect(running).toHaveLength(count)
  return { odd, rest, batches: store.batches }
}

async function toldOnceEach(ids: readonly StepId[]): Promise<void> {
  const told = await steps.database.query<{ step: string }>({
    text: `SELECT message ->> 'step_uuid' AS step FROM pgmq.q_orchestration_step_results`,
  })
  expect(told.map(({ step }) => step).toSorted()).toEqual([...ids].toSorted())
}

describe('a bad result between good ones', () => {
  it.each<[string, (stepId: StepId) => StepResult]>([
    ['a NUL character', returns('{"a":"\\u0000"}')],
    ['a raw lone surrogate', returns('{"a":"\ud800"}')],
    ['an escaped lone surrogate', returns('{"a":"\\udc00"}')],
    ['NaN', returns('{"a":NaN}')],
    ['a number out of range', returns('{"a":1e200000}')],
    ['more digits than a number may have', returns(`{"a":${'9'.repeat(140_000)}}`)],
    ['deep nesting', returns(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)],
    ['two values', returns('{} {}')],
    ['no value', returns('')],
    ['a text over its limit', returns(`"${'x'.repeat(1_000_001)}"`)],
    ['a text that would turn success around if it were pasted', returns('{"a":1},"success":false,"x":{}')],
    ['metadata that is no object', succeeds({ metadata: '[1]' })],
    ['metadata with a NUL character', succeeds({ metadata: '{"a":"\\u0000"}' })],
    ['an error context that is no object', fails({ context: text('"text"') })],
    ['an error context with a number out of range', fails({ context: text('{"a":1e200000}') })],
  ])('%s harms only itself', async (_, other) => {
    const { odd, rest } = await storeTogether(other)
    expect(JSON.parse((await steps.row(odd)).results ?? '')).toMatchObject({
      ...{ success: false, status: 'failed', result: {} },
      metadata: { retryable: false, error_type: 'invalid_result' },
      error: { retryable: false, error_type: 'invalid_result' },
    })
    await toldOnceEach([odd, ...rest])
    const audited =
      'SELECT success, count(*)::int AS rows FROM tasker.workflow_step_result_audit WHERE workflow_step_uuid = ANY ($1) GROUP BY 1 ORDER BY 1'
    expect(await steps.database.query({ text: audited, values: [[odd, ...rest]] })).toEqual([
      { success: false, rows: 1 },
      { success: true, rows: count - 1 },
    ])
    const sound = `SELECT count(*)::int FROM tasker.workflow_steps WHERE workflow_step_uuid = ANY ($1) AND results -> 'result' = '{"ok":true}' AND NOT in_process`
    expect(await steps.scalar(sound, [rest])).toBe(count - 1)
  })
})

describe('a result that only looks bad', () => {
  it.each<[string, (stepId: StepId) => StepResult, object]>([
    [
      'texts that PostgreSQL cannot hold, in a failure',
      fails({
        message: 'a\u0000b',
        errorType: 'x\ud800',
        errorCode: '\udc00',
        backtrace: ['\u0000', 'caf\ud83d'],
        retryAfterS: 3,
      }),
      {
        error: { message: 'a\ufffdb', error_type: 'x\ufffd', backtrace: ['\ufffd', 'caf\ufffd'], retryable: true },
        metadata: { error_code: '\ufffd' },
      },
    ],
    ['a quote and a backslash', returns('"\\"},\\\\"'), { success: true, result: '"},\\' }],
    [
      'the keys of the envelope',
      returns('{"success":false,"status":"failed","error":{}}'),
      { success: true, error: null, result: { success: false } },
    ],
    ['one key twice', returns('{"a":1,"a":2}'), { success: true, result: { a: 2 } }],
    [
      'a time beyond all limits',
      succeeds({ executionTimeMs: 1e300 }),
      { metadata: { execution_time_ms: Number.MAX_SAFE_INTEGER } },
    ],
    [
      'a time that is none',
      succeeds({ executionTimeMs: Number.NaN }),
      { metadata: { execution_time_ms: expect.any(Number) } },
    ],
    ['a part of a millisecond', succeeds({ executionTimeMs: 1.5 }), { metadata: { execution_time_ms: 2 } }],
    ['a time below zero', succeeds({ executionTimeMs: -1 }), { metadata: { execution_time_ms: 0 } }],
    [
      'a wish for a part of a second',
      fails({ retryAfterS: 0.5 }),
      { metadata: { retryable: true }, orchestration_metadata: { headers: { 'retry-after': '1' } } },
    ],
  ])('%s is stored as it is meant, in the same statement as the others', async (_, other, expected) => {
    const { odd, rest, batches } = await storeTogether(other)
    expect(JSON.parse((await steps.row(odd)).results ?? '')).toMatchObject(expected)
    await toldOnceEach([odd, ...rest])
    expect(batches.reduce((sum, size) => sum + size, 0)).toBe(count)
  })
})

describe('a statement that fails on data that nobody foresaw', () => {
  it('is halved until the offender stands alone', async () => {
    answer = async (stepId) => good(stepId)
    const ids = await enqueueMany(steps, count, { send: false })
    const odd = ids[7] as StepId
    // A rule of the database that no check of ours knows.
    await steps.database.query({
      text: `CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN IF NEW.workflow_step_uuid = '${odd}' AND NEW.results ->> 'success' = 'true' THEN RAISE division_by_zero; END IF; RETURN NEW; END $$;
             CREATE TRIGGER refuse_one BEFORE UPDATE ON tasker.workflow_steps FOR EACH ROW EXECUTE FUNCTION refuse_one()`,
    })
    await sendMany(
      steps,
      ids.map((step_uuid) => JSON.stringify({ step_uuid })),
    )
    await eventually('all are stored', async () => {
      const counts = await stateCounts(steps, ids)
      return counts['enqueued_for_orchestration'] === count - 1 && counts['enqueued_as_error_for_orchestration'] === 1
    })
    expect(JSON.parse((await steps.row(odd)).results ?? '').error.error_type).toBe('invalid_result')
    await toldOnceEach(ids)
    await steps.database.query({ text: 'DROP TRIGGER refuse_one ON tasker.workflow_steps' })
  })
})

describe('repeating a statement', () => {
  it('stores nothing twice, and says so of each result', async () => {
    answer = async (stepId) => good(stepId)
    store.finished = []
    const ids = await enqueueMany(steps, 3)
    await eventually('all are stored', async () => (await stateCounts(steps, ids))['enqueued_for_orchestration'] === 3)
    const again = await store.complete(worker.workerId as WorkerId, [...store.finished])
    expect(again.map(({ status }) => status)).toEqual(['already', 'already', 'already'])
    await toldOnceEach(ids)
    const rows = 'SELECT count(*)::int FROM tasker.workflow_step_result_audit WHERE workflow_step_uuid = ANY ($1)'
    expect(await steps.scalar(rows, [ids])).toBe(3)
  })
})
