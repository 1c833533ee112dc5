// Checkpoints between a handler and a store that is slow or away.
import { describe, expect, it } from 'vitest'
import { StepCheckpoints } from '../../src/dispatch/step-checkpoints.ts'
import { HostError } from '../../src/model/host-error.ts'
import { type JsonText, toJsonText } from '../../src/model/json-text.ts'
import type { StepStore } from '../../src/model/step-store.ts'
import { claimedStep } from './steps.ts'

const limits = { bytesMax: 100, depthMax: 5 }
const step = claimedStep('a')
const cursor = (at: number) => toJsonText({ cursor: at, items_processed: at })
const stored = { stored: true, message: null } as const

function writer(checkpoint: StepStore['checkpoint']): StepCheckpoints {
  return new StepCheckpoints({ checkpoint }, limits)
}

describe('StepCheckpoints', () => {
  it('stores those of one step in order, whatever the store’s pace', async () => {
    const begun: JsonText[] = []
    let answer = () => {}
    const checkpoints = writer((_step, data) => {
      begun.push(data)
      return new Promise((resolve) => {
        answer = () => resolve(stored)
      })
    })
    const acks = [1, 2].map((at) => checkpoints.write(step, cursor(at)))
    await new Promise((resolve) => setImmediate(resolve))
    expect(begun).toEqual([cursor(1)])
    answer()
    await acks[0]
    await new Promise((resolve) => setImmediate(resolve))
    expect(begun).toEqual([cursor(1), cursor(2)])
    answer()
    expect(await Promise.all(acks)).toEqual([stored, stored])
  })

  it('refuses a flood, and goes on when it is over', async () => {
    let answer = () => {}
    const gate = new Promise<void>((resolve) => {
      answer = resolve
    })
    const checkpoints = writer(async () => {
      await gate
      return stored
    })
    const acks = Array.from({ length: 17 }, (_, at) => checkpoints.write(step, cursor(at)))
    expect(await acks[16]).toEqual({ stored: false, message: expect.stringContaining('16 checkpoints') })
    answer()
    expect((await Promise.all(acks)).filter((ack) => ack.stored)).toHaveLength(16)
    expect(await checkpoints.write(step, cursor(17))).toEqual(stored)
  })

  it('answers for a database that does not, and goes on with the next', async () => {
    let calls = 0
    const checkpoints = writer(async () => {
      calls += 1
      if (calls === 1) throw new HostError('DATABASE_UNREACHABLE', 'gone')
      return stored
    })
    const acks = [checkpoints.write(step, cursor(1)), checkpoints.write(step, cursor(2))]
    expect(await Promise.all(acks)).toEqual([
      { stored: false, message: 'The database did not confirm the checkpoint: gone' },
      stored,
    ])
  })

  it.each([
    ['broken text', '{"cursor":1', 'ends too early'],
    ['a NUL character', '{"cursor":"\\u0000"}', 'NUL character'],
    ['deep nesting', '[[[[[[1]]]]]]', 'nested deeper than 5'],
    ['too many bytes', `"${'x'.repeat(100)}"`, 'larger than 100 bytes'],
  ])('does not ask the store about %s', async (_, data, reason) => {
    const checkpoints = writer(() => Promise.reject(new Error('asked')))
    expect(await checkpoints.write(step, data as JsonText)).toEqual({
      stored: false,
      message: expect.stringContaining(reason),
    })
  })
})
