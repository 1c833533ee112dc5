// Checkpoints on a real database: Tasker's stored shape, the claim as the fence, and data that no column can hold.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClaimToken, StepId } from '../../src/model/ids.ts'
import { type JsonText, toJsonText } from '../../src/model/json-text.ts'
import type { CheckpointAck } from '../../src/model/runtime-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { storeOf } from './workers.ts'

let steps: StepDatabase
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterAll(() => steps.close())

/** A step in progress, as its owner knows it. */
async function claimed(): Promise<{ stepId: StepId; token: ClaimToken }> {
  const stepId = await steps.enqueue()
  await steps.database.query({
    text: `UPDATE tasker.workflow_step_transitions SET to_state = 'in_progress' WHERE workflow_step_uuid = $1 AND most_recent`,
    values: [stepId],
  })
  const current =
    'SELECT workflow_step_transition_uuid FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1 AND most_recent'
  return { stepId, token: await steps.scalar<ClaimToken>(current, [stepId]) }
}

function write(step: { stepId: StepId; token: ClaimToken }, data: string): Promise<CheckpointAck> {
  return storeOf(steps).checkpoint(step, data as JsonText)
}

function stored(step: StepId): Promise<string | null> {
  return steps.scalar('SELECT checkpoint FROM tasker.workflow_steps WHERE workflow_step_uuid = $1', [step])
}

interface StoredCheckpoint {
  readonly cursor: unknown
  readonly timestamp: string
  readonly history: readonly { readonly cursor: unknown; readonly timestamp: string }[]
}

async function history(step: StepId): Promise<StoredCheckpoint['history']> {
  return (JSON.parse((await stored(step)) ?? '') as StoredCheckpoint).history
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/

describe('checkpoints', () => {
  it('are stored in Tasker’s shape, with exact numbers, and touch nothing else', async () => {
    const step = await claimed()
    const before = await steps.states(step.stepId)
    const data =
      '{"cursor":{"id":12345678901234567890.50},"items_processed":200,"accumulated_results":{"sum":1.0},"more":1}'
    expect(await write(step, data)).toEqual({ stored: true, message: null })
    const text = (await stored(step.stepId)) ?? ''
    expect(text).toContain('"cursor": {"id": 12345678901234567890.50}')
    expect(text).toContain('"accumulated_results": {"sum": 1.0}')
    const { timestamp, cursor, ...rest } = JSON.parse(text) as StoredCheckpoint
    expect(timestamp).toMatch(rfc3339)
    expect(rest).toEqual({
      items_processed: 200,
      accumulated_results: { sum: 1 },
      history: [{ cursor, timestamp }],
    })
    expect(await steps.states(step.stepId)).toEqual(before)
  })

  it('add to the history, oldest first, and say null for results that are not given', async () => {
    const step = await claimed()
    for (const at of [1, 2, 3]) await write(step, `{"cursor":${at},"items_processed":${at}}`)
    expect((await history(step.stepId)).map(({ cursor }) => cursor)).toEqual([1, 2, 3])
    expect(JSON.parse((await stored(step.stepId)) ?? '')).toMatchObject({ cursor: 3, accumulated_results: null })
  })

  it('keep the newest hundred entries of the history', async () => {
    const step = await claimed()
    for (let at = 1; at <= 103; at += 1) await write(step, `{"cursor":${at},"items_processed":${at}}`)
    const cursors = (await history(step.stepId)).map(({ cursor }) => cursor)
    expect(cursors).toEqual(Array.from({ length: 100 }, (_, index) => index + 4))
  })

  it('keep no more history than its bytes allow, however large a cursor is', async () => {
    const step = await claimed()
    const wide = (at: number) => toJsonText({ cursor: { at, pad: 'x'.repeat(30_000) }, items_processed: at })
    for (const at of [1, 2, 3]) expect(await write(step, wide(at))).toMatchObject({ stored: true })
    expect(await history(step.stepId)).toMatchObject([{ cursor: { at: 2 } }, { cursor: { at: 3 } }])
    const huge = toJsonText({ cursor: 'x'.repeat(70_000), items_processed: 4 })
    expect(await write(step, huge)).toEqual({ stored: true, message: null })
    expect(await history(step.stepId)).toEqual([])
  })

  it('go on from whatever was stored before', async () => {
    const step = await claimed()
    for (const before of ['[]', '"text"', '{"history":5}', '{"history":[{"cursor":0}]}']) {
      await steps.database.query({
        text: 'UPDATE tasker.workflow_steps SET checkpoint = $2::jsonb WHERE workflow_step_uuid = $1',
        values: [step.stepId, before],
      })
      expect(await write(step, '{"cursor":1,"items_processed":1}')).toMatchObject({ stored: true })
    }
    expect(await history(step.stepId)).toMatchObject([{ cursor: 0 }, { cursor: 1 }])
  })

  it.each([
    ['a NUL character', '{"cursor":"\\u0000","items_processed":1}', 'database cannot store'],
    ['a lone surrogate', '{"cursor":"\\ud800","items_processed":1}', 'database cannot store'],
    ['a number out of range', '{"cursor":1e200000,"items_processed":1}', 'database cannot store'],
    ['no JSON at all', 'nonsense', 'database cannot store'],
    ['an empty text', '', 'database cannot store'],
    ['a list', '["cursor","items_processed"]', 'must be an object'],
    ['null', 'null', 'must be an object'],
    ['no cursor', '{"items_processed":1}', 'must be an object'],
    ['no count', '{"cursor":1}', 'must be an object'],
    ['a count as text', '{"cursor":1,"items_processed":"1"}', 'must be an object'],
    ['a part of an item', '{"cursor":1,"items_processed":1.5}', 'must be an object'],
    ['less than nothing', '{"cursor":1,"items_processed":-1}', 'must be an object'],
    ['a count beyond every limit', '{"cursor":1,"items_processed":99999999999999999999}', 'must be an object'],
  ])('answer %s with the reason and store nothing', async (_, data, reason) => {
    const step = await claimed()
    expect(await write(step, data)).toEqual({ stored: false, message: expect.stringContaining(reason) })
    expect(await stored(step.stepId)).toBeNull()
  })

  it('take any cursor, also null', async () => {
    const step = await claimed()
    expect(await write(step, '{"cursor":null,"items_processed":0}')).toMatchObject({ stored: true })
    expect(JSON.parse((await stored(step.stepId)) ?? '')).toMatchObject({ cursor: null, items_processed: 0 })
  })

  it('are refused for a claim that is not the step’s any more', async () => {
    const step = await claimed()
    await storeOf(steps).release([step], { delayMs: 0, reason: 'test' })
    expect(await write(step, '{"cursor":1,"items_processed":1}')).toEqual({
      stored: false,
      message: expect.stringContaining('not this claim’s any more'),
    })
    const unknown = { ...step, token: crypto.randomUUID() as string as ClaimToken }
    expect(await write(unknown, '{"cursor":1,"items_processed":1}')).toMatchObject({ stored: false })
    expect(await stored(step.stepId)).toBeNull()
    await steps.database.query({ text: 'SELECT pgmq.purge_queue($1)', values: ['worker_shop_queue'] })
  })
})
