// Log lines: the same lines under any chunking, bounded in length and in rate.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineRate } from '../../../src/adapters/sidecar/line-rate.ts'
import { LogLines } from '../../../src/adapters/sidecar/log-lines.ts'

function collector(limits: { lineBytesMax?: number; linesPerSecondMax?: number } = {}) {
  const lines: string[] = []
  const clock = { ms: 0 }
  const logLines = new LogLines({
    lineBytesMax: limits.lineBytesMax ?? 64,
    rate: new LineRate({ linesPerSecondMax: limits.linesPerSecondMax ?? 1000, now: () => clock.ms }),
    line: (text) => lines.push(text),
  })
  const push = (text: string) => logLines.push(Buffer.from(text))
  return { lines, clock, logLines, push }
}

describe('LogLines', () => {
  it('gives the same lines, however the bytes are cut', () => {
    const text = fc.array(fc.string({ unit: 'grapheme', maxLength: 10 }).map((line) => line.replace(/[\r\n]/g, '')))
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (written, size) => {
        const { lines, logLines } = collector()
        const bytes = Buffer.from(written.map((line) => `${line}\n`).join(''))
        for (let at = 0; at < bytes.length; at += size) logLines.push(bytes.subarray(at, at + size))
        expect(lines).toEqual(written)
      }),
    )
  })

  it('gives a last line without an end, drops a carriage return, keeps blank lines', () => {
    const { lines, logLines, push } = collector()
    push('a\r\n\nb')
    expect(lines).toEqual(['a', ''])
    logLines.end()
    logLines.end()
    expect(lines).toEqual(['a', '', 'b'])
  })

  it('cuts a long line and goes on with the next', () => {
    const { lines, push } = collector({ lineBytesMax: 4 })
    push('abc')
    push('def')
    push('ghi\nnext\n')
    expect(lines).toEqual(['abcd… (cut at 4 bytes)', 'next'])
  })

  it('drops and counts what exceeds the rate, and starts anew in the next second', () => {
    const { lines, clock, logLines, push } = collector({ linesPerSecondMax: 2 })
    push('1\n2\n3\n4\n')
    expect(lines).toEqual(['1', '2'])
    clock.ms = 1000
    push('5\n')
    expect(lines).toEqual(['1', '2', '… 2 lines dropped: more than 2 in a second', '5'])
    push('6\n7\n')
    logLines.end()
    expect(lines.at(-1)).toBe('… 1 lines dropped: more than 2 in a second')
  })
})
