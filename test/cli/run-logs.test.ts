// `stephost run --logs`: what each step wrote stands below the step, in the text and in the JSON document.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { logJson, logText } from '../../src/cli/step-log-document.ts'
import { type JsonText, toJsonText } from '../../src/model/json-text.ts'
import type { KeptLine } from '../../src/model/step-log.ts'
import type { StepView } from '../../src/model/task.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { greeter, oneStep, project, stephost } from './stephost.ts'

let database: TestDatabase
let env: Record<string, string>
const handlers = project({ 'greet.py': greeter, 'job.yaml': oneStep })

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.url }
})
afterAll(() => database.drop())

const printed: KeptLine = {
  time: '2026-01-10T12:00:00.000Z',
  stream: 'stdout',
  level: 'info',
  line: 'hello',
  fields: null,
}
const fields = '{"id":12345678901234567890}' as JsonText
const logged: KeptLine = { ...printed, stream: 'log', level: 'error', line: 'no\nstock', fields }

function step(results: unknown): StepView {
  return { results: results === null ? null : toJsonText(results) } as StepView
}

describe('run --logs', () => {
  it('prints the lines of a step below it', async () => {
    const { code, stdout } = await stephost(['run', 'cli/job', '--handlers', handlers, '--logs'], { env })
    expect(stdout).toMatch(/\ngreet\n {2}\{.*\n {4}\| hello from the handler\n/)
    expect(code).toBe(0)
  })

  it('puts the lines of a step into its JSON document', async () => {
    const { stdout } = await stephost(['run', 'cli/job', '--handlers', handlers, '--logs', '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({
      steps: [
        {
          name: 'greet',
          logs: [
            { time: expect.stringMatching(/Z$/), stream: 'stdout', level: 'info', line: 'hello from the handler' },
          ],
          logs_dropped: 0,
        },
      ],
    })
  })

  it('does not speak of lines without the option', async () => {
    const { stdout } = await stephost(['run', 'cli/job', '--handlers', handlers, '--json'], { env })
    expect(stdout).not.toContain('"logs"')
  })
})

describe('the lines of a step', () => {
  it('show what was printed, what was logged and what is gone', () => {
    const text = logText(step(null), {
      lines: [printed, { ...printed, stream: 'stderr', level: 'warn' }, logged],
      dropped: 7,
    })
    expect(text).toBe(
      '    | (7 older lines were dropped)\n    | hello\n    | stderr: hello\n    | error: no\n    | stock {"id":12345678901234567890}\n',
    )
  })

  it('keep exact numbers in the JSON document', () => {
    const { logs, logs_dropped } = logJson({ lines: [logged], dropped: 1 })
    expect(logs).toContain('"fields":{"id":12345678901234567890}}')
    expect(JSON.parse(logs ?? '')).toMatchObject([{ stream: 'log', level: 'error', line: 'no\nstock' }])
    expect(logs_dropped).toBe('1')
  })

  it('are nothing for a step that wrote nothing', () => {
    expect(logText(step(null), { lines: [], dropped: 0 })).toBe('')
    expect(logJson({ lines: [], dropped: 0 })).toEqual({ logs: '[]', logs_dropped: '0' })
  })

  it('are said to be elsewhere when another process ran the step', () => {
    const metadata = { worker_id: 'worker_1', worker_hostname: 'east-2' }
    expect(logText(step({ metadata }), null)).toContain(
      'another process, worker_1 on east-2; what it wrote is in the log there',
    )
    for (const results of [null, {}, [], { metadata: 5 }, { metadata: { worker_id: 5 } }]) {
      expect(logText(step(results), null)).toContain('ran in another process; what')
    }
    expect(logJson(null)).toEqual({ logs: 'null', logs_dropped: 'null' })
  })
})
