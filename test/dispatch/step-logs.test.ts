// The kept lines of steps: in order, within their bounds, and honest about what is gone.
import { describe, expect, it } from 'vitest'
import { StepLogs } from '../../src/dispatch/step-logs.ts'
import type { StepId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { logRecord } from './steps.ts'

const limits = { stepLinesMax: 3, stepBytesMax: 20, stepsMax: 2 }
const noon = () => new Date('2026-01-10T12:00:00Z')
const [a, b, c] = ['a', 'b', 'c'] as StepId[] as [StepId, StepId, StepId]

function setUp(options = limits) {
  const logs = new StepLogs(options, noon)
  const write = (step: StepId, ...lines: string[]) => {
    for (const line of lines) logs.add(logRecord({ step, line }))
  }
  const linesOf = (step: StepId) => logs.of(step)?.lines.map(({ line }) => line) ?? null
  return { logs, write, linesOf }
}

describe('StepLogs', () => {
  it('keeps what a line was written with', () => {
    const { logs } = setUp()
    const fields = '{"id":12345678901234567890}' as JsonText
    logs.add(logRecord({ step: a, stream: 'log', level: 'error', line: 'no', fields: '{}' as JsonText }))
    expect(logs.of(a)).toEqual({
      dropped: 0,
      lines: [{ time: '2026-01-10T12:00:00.000Z', stream: 'log', level: 'error', line: 'no', fields: '{}' }],
    })
    logs.add(logRecord({ step: a, line: 'with more fields than there is room for', fields }))
    expect(logs.of(a)).toEqual({ dropped: 2, lines: [] })
  })

  it('gives up the oldest lines above the number of lines, and counts them', () => {
    const { logs, write, linesOf } = setUp()
    write(a, '1', '2', '3', '4', '5')
    expect(linesOf(a)).toEqual(['3', '4', '5'])
    expect(logs.of(a)?.dropped).toBe(2)
  })

  it('counts bytes, not characters', () => {
    const { logs, write, linesOf } = setUp()
    write(a, 'éééééé', 'éééé')
    expect(linesOf(a)).toEqual(['éééééé', 'éééé'])
    write(a, '!')
    expect(linesOf(a)).toEqual(['éééé', '!'])
    expect(logs.of(a)?.dropped).toBe(1)
  })

  it('forgets the step that was silent for longest', () => {
    const { write, linesOf } = setUp()
    write(a, 'a')
    write(b, 'b')
    write(a, 'again')
    write(c, 'c')
    expect(linesOf(b)).toBeNull()
    expect(linesOf(a)).toEqual(['a', 'again'])
    expect(linesOf(c)).toEqual(['c'])
  })

  it('goes on in the same log with another attempt', () => {
    const { logs, write, linesOf } = setUp()
    logs.open(a)
    write(a, 'first')
    logs.open(a)
    expect(linesOf(a)).toEqual(['first'])
  })

  it('keeps no line that names no step', () => {
    const { logs } = setUp()
    logs.add(logRecord({ line: 'whose?' }))
    expect(logs.of(a)).toBeNull()
  })
})
