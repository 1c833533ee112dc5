// The host's log: what a handler wrote, as a machine and as a person reads it.
import { describe, expect, it } from 'vitest'
import type { CorrelationId, StepId, TaskId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { createLog, type LogLevel } from '../../src/telemetry/logs.ts'
import { logRecord } from '../dispatch/steps.ts'

function setUp(level: LogLevel = 'warn', plain = false) {
  const lines: string[] = []
  const log = createLog({ level, plain, colors: false, write: (line) => lines.push(line) })
  return { log, lines }
}

const known = logRecord({
  stream: 'log',
  level: 'warn',
  line: 'low stock',
  pid: 42,
  step: 'step-1' as StepId,
  task: 'task-1' as TaskId,
  correlationId: 'correlation-1' as CorrelationId,
  handler: 'shop.reserve',
})

describe('a line of a handler', () => {
  it('carries who wrote it and for which step', () => {
    const { log, lines } = setUp()
    log.handler(known)
    expect(JSON.parse(lines.join(''))).toEqual({
      time: expect.stringMatching(/Z$/),
      level: 'warn',
      runtime: 'python',
      stream: 'log',
      pid: 42,
      handler: 'shop.reserve',
      step: 'step-1',
      task: 'task-1',
      correlation_id: 'correlation-1',
      msg: 'low stock',
    })
  })

  it('leaves out what nobody knows', () => {
    const { log, lines } = setUp()
    log.handler(logRecord())
    expect(Object.keys(JSON.parse(lines.join('')) as object)).toEqual(['level', 'time', 'runtime', 'stream', 'msg'])
  })

  it('carries fields as an object with exact numbers, on one line', () => {
    const { log, lines } = setUp()
    log.handler({ ...known, fields: '{"id": 12345678901234567890,\n "rate": 1.0}' as JsonText })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/,"fields":\{"id": 12345678901234567890, {2}"rate": 1\.0\}\}\n$/)
    expect(lines[0]?.trimEnd()).not.toContain('\n')
    log.handler(known)
    expect(lines[1]).not.toContain('fields')
  })

  it.each(['[]', '5', '{"a":', '{"a":1}}', '{"a":1},"level":"fatal"'])(
    'writes no fields that are no object: %s',
    (text) => {
      const { log, lines } = setUp()
      log.handler({ ...known, fields: text as JsonText })
      expect(JSON.parse(lines.join(''))).not.toHaveProperty('fields')
      expect(JSON.parse(lines.join(''))).toMatchObject({ level: 'warn', msg: 'low stock' })
    },
  )

  it.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['info', 'warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ] as const)('is written at its own level; with the log at %s: %j', (level, expected) => {
    const { log, lines } = setUp(level)
    for (const own of ['debug', 'info', 'warn', 'error'] as const) log.handler(logRecord({ level: own }))
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected)
  })

  it('is one plain line for a person', () => {
    const { log, lines } = setUp('warn', true)
    log.handler({ ...known, fields: '{"id":12345678901234567890}' as JsonText })
    expect(lines.join('')).toMatch(
      / warn {2}low stock runtime=python .* step=step-1 .* fields=\{"id":12345678901234567890\}\n$/,
    )
  })
})
