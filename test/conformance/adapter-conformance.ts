// What every adapter must do, once: the test of an adapter opens it over the fixture handlers and calls `exerciseAdapter`.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { LogRecord, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import { eventually } from '../fixtures/eventually.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { exerciseDecisions } from './decision-conformance.ts'
import { exerciseRowBatches } from './row-batch-conformance.ts'
import { openSession, resultText, resultValue, type Session } from './session.ts'

/** What a language cannot do, or does in its own words. The README says what each means. */
export interface AdapterTraits {
  readonly errorTypes: { readonly retryable: string; readonly permanent: string }
  readonly raised: { readonly errorType: string | null; readonly retryable: boolean; readonly backtrace: boolean }
  readonly numbers: 'exact' | 'javascript'
  readonly badResults: readonly ('nan' | 'nul' | 'cycle')[]
  readonly printRoutes: readonly ('print' | 'descriptor' | 'subprocess')[]
  /** Whether a handler may be a decision. */
  readonly decides: boolean
  /** Whether a handler may end its run with a checkpoint. */
  readonly yields: boolean
  /** Whether a handler may take several steps in one call. */
  readonly rowBatches: boolean
  /** Whether a handler may have `process` and `process_results` instead of `call`. */
  readonly halves: boolean
  readonly exits: boolean
  readonly dies: boolean
  readonly brokenFile: string | null
}

export interface Exercise {
  readonly name: string
  readonly traits: AdapterTraits
  /** A started adapter over the fixture handlers whose grace after a cancel is well below 3 s; lines of no call go to `log`. */
  open(log: (record: LogRecord) => void): Promise<RuntimeAdapter>
}

/** Longer than any grace: a handler that is still asleep then was ended. */
const stubbornS = 3

export function exerciseAdapter({ name, traits, open }: Exercise): void {
  describe(`${name} adapter`, () => {
    let current: Session | null = null
    const session = (): Session => {
      if (current === null) throw new Error('The adapter did not open.')
      return current
    }
    beforeAll(async () => {
      const lines: LogRecord[] = []
      current = openSession(await open((record) => lines.push(record)), lines)
    })
    afterAll(() => current?.adapter.stop())

    describe('announces', () => exerciseAnnouncements(session, traits))
    describe('outcomes', () => exerciseOutcomes(session, traits))
    if (traits.decides) describe('decisions', () => exerciseDecisions(session))
    if (traits.rowBatches) describe('batches of rows', () => exerciseRowBatches(session))
    describe('documents', () => exerciseDocuments(session, traits))
    describe('output', () => exerciseOutput(session, traits))
    describe('load', () => exerciseLoad(session))
    describe('cancel', () => exerciseCancel(session))
    describe('endings', () => exerciseEndings(session, traits))
  })
}

async function serves({ run }: Session): Promise<void> {
  expect(resultValue(await run('conformance.echo', { value: 'still here' }))).toEqual({ value: 'still here' })
}

function exerciseAnnouncements(session: () => Session, traits: AdapterTraits): void {
  it('the handlers, where each lies, and its health', () => {
    const { adapter } = session()
    const echo = adapter.handlers().find(({ callable }) => callable === 'conformance.echo')
    expect(echo).toMatchObject({ runtime: adapter.name, callable: 'conformance.echo' })
    expect(echo?.file).not.toBe('')
    expect(echo?.root).not.toBe('')
    expect(adapter.inFlightMax).toBeGreaterThan(0)
    expect(adapter.health()).toEqual({ status: 'healthy', message: null })
  })

  it('the same tables each time, by which the flow knows that nothing has changed', () => {
    const { adapter } = session()
    expect(adapter.handlers()).toBe(adapter.handlers())
    expect(adapter.resolvers()).toBe(adapter.resolvers())
  })

  const { brokenFile } = traits
  if (brokenFile === null) return
  it('a file with a syntax error as a load failure, while the others serve', async () => {
    const failures = session().adapter.loadFailures()
    const broken = failures.find(({ file }) => file.endsWith(brokenFile))
    expect(broken).toMatchObject({ runtime: session().adapter.name })
    expect(broken?.message.length).toBeGreaterThan(10)
    await serves(session())
  })
}

function exerciseOutcomes(session: () => Session, traits: AdapterTraits): void {
  it('a success', async () => {
    const result = await session().run('conformance.echo', { value: { nested: [1, 'two', null, true] } })
    expect(resultValue(result)).toEqual({ value: { nested: [1, 'two', null, true] } })
    expect(result.executionTimeMs).toBeGreaterThanOrEqual(0)
    expect(JSON.parse(result.metadata)).toBeTypeOf('object')
  })

  it('the start of each call, once', async () => {
    const { begin, started } = session()
    const { call, result } = begin({ callable: 'conformance.echo' })
    await result
    expect(started.filter((step) => step === call.requests[0]?.stepId)).toHaveLength(1)
  })

  it.each([true, false])('a failure with retryable %s', async (retryable) => {
    const errorType = retryable ? traits.errorTypes.retryable : traits.errorTypes.permanent
    const result = await session().run('conformance.fail', {
      ...{ message: 'The card was declined.', retryable, error_type: errorType },
      ...{ error_code: 'DECLINED', metadata: { gateway: 'test' } },
    })
    expect(result).toMatchObject({
      ...{ success: false, message: 'The card was declined.', retryable },
      ...{ errorType, errorCode: 'DECLINED', retryAfterS: null },
    })
    expect(JSON.parse(result.metadata)).toMatchObject({ gateway: 'test' })
  })

  it('a failure that asks for a wait', async () => {
    const result = await session().run('conformance.fail', {
      ...{ message: 'Too many requests.', retryable: true, error_type: traits.errorTypes.retryable, retry_after: 7 },
    })
    expect(result).toMatchObject({ success: false, message: 'Too many requests.', retryable: true, retryAfterS: 7 })
  })

  it('an exception', async () => {
    const result = await session().run('conformance.raise', { message: 'a row is missing' })
    const { errorType, retryable, backtrace } = traits.raised
    expect(result).toMatchObject({ success: false, message: expect.stringContaining('a row is missing'), retryable })
    if (errorType !== null) expect(result).toMatchObject({ errorType })
    if (backtrace) expect(result.success ? [] : result.backtrace).not.toEqual([])
    await serves(session())
  })

  if (traits.halves) {
    it('what process_results makes of the output of process', async () => {
      const { run, adapter } = session()
      expect(resultValue(await run('conformance.halves', { text: 'two words' }))).toEqual({
        words: 2,
        text: 'two words',
      })
      const announced = adapter.handlers().find(({ callable }) => callable === 'conformance.halves')
      expect(announced?.capabilities).toEqual(['process_results'])
    })

    it('a result object from process, which process_results never sees', async () => {
      const result = await session().run('conformance.halves')
      expect(result).toMatchObject({ success: false, message: 'There is no text.', retryable: false })
    })
  }

  if (traits.yields) {
    it('a checkpoint instead of a result', async () => {
      const result = await session().run('conformance.yield', { row: 7 })
      expect(result).toMatchObject({ success: true, outcome: { kind: 'checkpoint' } })
      const document = result.success ? (result.outcome?.document ?? '') : ''
      const checkpoint = { cursor: { row: 7 }, items_processed: 3, accumulated_results: { sum: 1.5 } }
      expect(JSON.parse(document)).toEqual(checkpoint)
    })
  }

  it('an unknown handler', async () => {
    const result = await session().run('conformance.absent')
    expect(result).toMatchObject({ success: false, errorType: 'handler_not_found', retryable: false })
    expect(result).toMatchObject({ message: expect.stringContaining('conformance.absent') })
  })

  it('what every accessor of the context says', async () => {
    const { call, result } = session().begin({
      callable: 'conformance.inputs',
      context: '{"customer":"Ada"}' as JsonText,
      dependencies: { previous: { order: { id: 42 } } },
      config: { currency: 'EUR' },
      attempts: 1,
    })
    expect(resultValue(await result)).toEqual({
      ...{ input: 'Ada', absent: null, fallback: 'fallback', config: 'EUR' },
      ...{ dependency: { order: { id: 42 } }, dependency_field: 42 },
      ...{ retry_count: 1, max_retries: 3, is_retry: true, is_last_retry: false },
      ...{ task_uuid: call.requests[0]?.taskId, step_uuid: call.requests[0]?.stepId },
    })
  })
}

function exerciseDocuments(session: () => Session, traits: AdapterTraits): void {
  const echo = (value: string) =>
    session().begin({ callable: 'conformance.echo', context: `{"value":${value}}` as JsonText }).result

  it('1.0 and the ends of 64 bits keep their value and their kind', async () => {
    const one = traits.numbers === 'exact' ? '1.0' : '1'
    const text = resultText(await echo('[1.0,9223372036854775807,-9223372036854775808,0.1]'))
    expect(text).toBe(`{"value":[${one},9223372036854775807,-9223372036854775808,0.1]}`)
  })

  if (traits.numbers === 'exact') {
    it('a large float stays a float in jsonb', async () => {
      const text = resultText(await echo('[1e16,1e22]'))
      expect(text).toBe('{"value":[10000000000000000.0,10000000000000000000000.0]}')
    })
  }

  it('UTF-8 of every length, escapes and control characters', async () => {
    const value = 'Zürich 日本語 🚂 e\u0301 "quoted" \\ / \b\f\n\r\t \u0001 \u007f \u2028'
    expect(resultValue(await session().run('conformance.echo', { value }))).toEqual({ value })
    const escaped = await echo('"\\u00fc \\ud83d\\ude82"')
    expect(resultValue(escaped)).toEqual({ value: 'ü 🚂' })
  })

  it('a payload of 1 MB', async () => {
    const value = 'stephost '.repeat(116_509).slice(0, 1_048_576)
    expect(resultValue(await session().run('conformance.echo', { value }))).toEqual({ value })
  })

  it('150 levels', async () => {
    const value = `${'['.repeat(150)}1${']'.repeat(150)}`
    expect(resultText(await echo(value))).toBe(`{"value":${value}}`)
  })

  it.each(traits.badResults)('a result that jsonb cannot hold (%s) fails that step alone', async (kind) => {
    const bystander = session().run('conformance.echo', { value: kind })
    const result = await session().run('conformance.bad_result', { kind })
    expect(result).toMatchObject({ success: false, errorType: 'invalid_result', retryable: false })
    expect(result).toMatchObject({ message: expect.stringMatching(/\w+ \w+/) })
    expect(resultValue(await bystander)).toEqual({ value: kind })
  })
}

function exerciseOutput(session: () => Session, traits: AdapterTraits): void {
  it('to standard output by any route harms nothing and becomes log lines', async () => {
    const { run, lines, adapter } = session()
    expect(resultValue(await run('conformance.print', { text: 'hello out there' }))).toEqual({ printed: true })
    for (const route of traits.printRoutes) {
      const line = `${route}:hello out there`
      const record = await eventually(`"${line}" is logged`, () => lines.find((each) => each.line === line))
      expect(record).toMatchObject({ runtime: adapter.name, stream: 'stdout', level: 'info' })
    }
    await serves(session())
  })
}

function exerciseLoad(session: () => Session): void {
  it('100 concurrent calls get their own answers', async () => {
    const { adapter, run } = session()
    const waiting = Array.from({ length: 100 }, (_, value) => value)
    const answers = new Map<number, unknown>()
    const lane = async (): Promise<void> => {
      for (let value = waiting.shift(); value !== undefined; value = waiting.shift()) {
        answers.set(value, resultValue(await run('conformance.echo', { value })))
      }
    }
    await Promise.all(Array.from({ length: Math.min(100, adapter.inFlightMax) }, lane))
    expect(answers.size).toBe(100)
    for (const [value, answer] of answers) expect(answer).toEqual({ value })
  })
}

function exerciseCancel(session: () => Session): void {
  it('reaches a handler that looks', async () => {
    const { adapter, begin } = session()
    const { call, result } = begin({ callable: 'conformance.sleep', context: '{"seconds":60}' as JsonText })
    adapter.cancel(call.id, 'timeout')
    expect(await result).toMatchObject({ success: false, message: 'cancelled', retryable: true })
    await serves(session())
  })

  it('ends a handler that does not look', async () => {
    const { adapter, begin } = session()
    const context = JSON.stringify({ seconds: stubbornS }) as JsonText
    const { call, result } = begin({ callable: 'conformance.ignore_cancel', context })
    adapter.cancel(call.id, 'timeout')
    const settled = await result
    expect(settled).toMatchObject({ success: false, errorType: 'handler_timeout', retryable: true })
    expect(settled).toMatchObject({ message: expect.stringMatching(/timed out.* after \d+ms/) })
    await serves(session())
  })

  it('of an id that is unknown or settled does nothing', async () => {
    const { adapter, begin } = session()
    const { call, result } = begin({ callable: 'conformance.echo', context: '{"value":1}' as JsonText })
    adapter.cancel(handlerCall({ callable: 'conformance.echo' }).id, 'timeout')
    await result
    adapter.cancel(call.id, 'timeout')
    await serves(session())
  })

  it('leaves a handler alone that is not meant', async () => {
    const slept = await session().run('conformance.sleep', { seconds: 0.05 })
    expect(resultValue(slept)).toEqual({ slept: true })
  })
}

function exerciseEndings(session: () => Session, traits: AdapterTraits): void {
  if (traits.exits) {
    it.each([0, 3])('a handler that calls exit(%i) fails, and later calls are served', async (code) => {
      expect(await session().run('conformance.exit', { code })).toMatchObject({ success: false })
      await serves(session())
    })
  }

  if (traits.dies) {
    it('a killed runtime loses every pending call once, and later calls are served', async () => {
      const { adapter, begin, run, started } = session()
      const context = '{"seconds":60}' as JsonText
      const bystanders = Array.from({ length: Math.min(3, adapter.inFlightMax - 1) }, () =>
        begin({ callable: 'conformance.sleep', context }),
      )
      // Those whose code has not begun are not lost: they go on in the next process.
      const begun = ({ call }: (typeof bystanders)[number]) =>
        call.requests.every(({ stepId }) => started.includes(stepId))
      await eventually('the others have begun', () => bystanders.every(begun))
      const lost = await Promise.all([run('conformance.die'), ...bystanders.map(({ result }) => result)])
      for (const result of lost) {
        expect(result).toMatchObject({ success: false, errorType: 'handler_lost', retryable: true })
        expect(result).toMatchObject({ message: expect.stringContaining('SIGKILL') })
      }
      expect(lost[0]).toMatchObject({ message: expect.stringContaining('last words') })
      await serves(session())
      expect(adapter.health().status).toBe('healthy')
    })
  }

  it('a stopped adapter refuses calls as not started', async () => {
    const { adapter, run } = session()
    await adapter.stop()
    await expect(run('conformance.echo', { value: 1 })).rejects.toMatchObject({ code: 'ADAPTER_STOPPED' })
  })
}
