// What a thread says to the host line by line: bounded in length and in rate, with nothing lost in silence.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LogLine, LogSink } from '../../../runtimes/typescript/src/log-sink.ts'

let said: string[]
let nowMs: number
let sink: LogSink

function say(message: string): void {
  const line: LogLine = { step_uuid: 's', stream: 'stdout', level: 'info', message, fields: null }
  sink.write(line)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  said = []
  nowMs = 0
  sink = new LogSink({ post: ({ message }) => said.push(message), linesPerSecondMax: 3, now: () => nowMs })
})
afterEach(() => vi.useRealTimers())

describe('LogSink', () => {
  it('drops what is too much in one second, and says how much as soon as there is room', () => {
    for (const line of ['a', 'b', 'c', 'd', 'e']) say(line)
    expect(said).toEqual(['a', 'b', 'c'])
    nowMs = 1000
    say('f')
    expect(said.slice(3)).toEqual(['… 2 lines dropped: more than 3 in a second', 'f'])
  })

  it('says it also when nothing comes after the flood', () => {
    for (const line of ['a', 'b', 'c', 'd']) say(line)
    nowMs = 1000
    vi.advanceTimersByTime(1000)
    expect(said.slice(3)).toEqual(['… 1 lines dropped: more than 3 in a second'])
  })

  it('never sends more than its rate in any second', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(700), { maxLength: 40 }), (pauses) => {
        const sentAt: number[] = []
        let now = 0
        const timed = new LogSink({ post: () => sentAt.push(now), linesPerSecondMax: 3, now: () => now })
        for (const pause of pauses) {
          now += pause
          timed.write({ step_uuid: null, stream: 'stderr', level: 'warn', message: 'x', fields: null })
        }
        for (const [index, at] of sentAt.entries())
          expect(at - (sentAt[index - 3] ?? -1000)).toBeGreaterThanOrEqual(1000)
      }),
    )
  })

  it.each(['x', 'ü', '日', '🚂'])('cuts a long line of %s at a character, within 8192 bytes', (character) => {
    say(character.repeat(10_000))
    const [line = ''] = said
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8192)
    const [kept = '', mark] = line.split('… ')
    expect(kept).toBe(character.repeat(kept.length / character.length))
    expect(mark).toBe(`(cut at ${Buffer.byteLength(kept)} bytes)`)
  })

  it('passes on a line of exactly 8192 bytes, and half a surrogate pair as the replacement character', () => {
    say('ü'.repeat(4096))
    say('a\ud800')
    expect(said).toEqual(['ü'.repeat(4096), 'a\ufffd'])
  })
})
