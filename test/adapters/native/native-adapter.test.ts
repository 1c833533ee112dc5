// The adapter over handlers in C: outcomes, cancellation, lost threads and answers that break the ABI.

import { afterEach, describe, expect, it } from 'vitest'
import type { HandlerLibraryFile } from '../../../src/adapters/native/handler-libraries.ts'
import { NativeAdapter, type NativeAdapterOptions } from '../../../src/adapters/native/native-adapter.ts'
import type { JsonText } from '../../../src/model/json-text.ts'
import type { CallEvents, HandlerCall, LogRecord } from '../../../src/model/runtime-adapter.ts'
import type { StepFailure, StepResult } from '../../../src/model/step-result.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import { cLibraryFile } from './c-libraries.ts'

const open: NativeAdapter[] = []

interface Options extends Partial<NativeAdapterOptions> {
  readonly libraries?: readonly HandlerLibraryFile[]
}

async function startAdapter({ libraries = [cLibraryFile('c_handlers')], ...options }: Options = {}) {
  const find = () => ({ libraries, loadFailures: [] })
  const adapter = new NativeAdapter({ find, threads: 4, log: () => undefined, ...options })
  open.push(adapter)
  await adapter.start()
  return adapter
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((adapter) => adapter.stop()))
})

const events: CallEvents = {
  started: () => {},
  log: () => {},
  checkpoint: () => Promise.resolve({ stored: false, message: 'The test stores none.' }),
}

async function only(adapter: NativeAdapter, call: HandlerCall): Promise<StepResult> {
  const [result, ...others] = await adapter.execute(call, events)
  if (result === undefined || others.length > 0) throw new Error('one result is expected')
  return result
}

async function failure(adapter: NativeAdapter, callable: string): Promise<StepFailure> {
  const result = await only(adapter, handlerCall({ callable }))
  if (result.success) throw new Error(`${callable} succeeded`)
  return result
}

describe('handlers in C', () => {
  it('are announced with the file and root they were found in', async () => {
    const adapter = await startAdapter()
    const echo = adapter.handlers().find((handler) => handler.callable === 'c.echo')
    expect(echo).toMatchObject({ runtime: 'rust', file: 'c_handlers.so', root: 'native/fixtures', version: '1.0.0' })
    expect(adapter.loadFailures()).toEqual([])
  })

  it('give back the bytes they were given', async () => {
    const adapter = await startAdapter()
    const context = `{"price": 1.0, "big": 9223372036854775807, "text": "${'é🚂'.repeat(200_000)}"}` as JsonText
    const call = handlerCall({ callable: 'c.echo', context })
    const result = await only(adapter, call)
    expect(result.success && result.result === call.requests[0]?.task).toBe(true)
  })

  it('fail as values', async () => {
    expect(await failure(await startAdapter(), 'c.fail')).toMatchObject({
      message: 'refused by the C handler',
      errorType: 'permanent_error',
      retryable: false,
    })
  })

  it('run at the same time, each answered once', async () => {
    const adapter = await startAdapter({ threads: 16 })
    const calls = Array.from({ length: 16 }, () => handlerCall({ callable: 'c.echo' }))
    for (let round = 0; round < 50; round += 1) {
      const results = await Promise.all(calls.map((call) => only(adapter, call)))
      expect(results.map((result) => result.stepId)).toEqual(calls.map((call) => call.requests[0]?.stepId))
    }
  })
})

describe('answers that break the ABI are failures of that call', () => {
  it('an error code', async () => {
    expect(await failure(await startAdapter(), 'c.error_code')).toMatchObject({ errorType: 'handler_error' })
  })

  it('success without an answer', async () => {
    const result = await failure(await startAdapter(), 'c.null_output')
    expect(result.message).toContain('without an answer')
  })

  it('an answer above the limit', async () => {
    const adapter = await startAdapter({ messageBytesMax: 100_000 })
    expect(await failure(adapter, 'c.large')).toMatchObject({
      message: "The handler's result is larger than a message may be.",
      errorType: 'invalid_result',
    })
  })

  it('bytes that are no message', async () => {
    const result = await failure(await startAdapter(), 'c.large')
    expect(result).toMatchObject({ errorType: 'handler_error', message: expect.stringContaining('not a result') })
  })

  it('and inputs above the limit are not sent at all', async () => {
    const adapter = await startAdapter({ messageBytesMax: 100_000 })
    const context = JSON.stringify({ text: 'x'.repeat(100_000) }) as JsonText
    const result = await only(adapter, handlerCall({ callable: 'c.echo', context }))
    expect(result).toMatchObject({ errorType: 'invalid_result', message: expect.stringContaining('inputs') })
  })
})

describe('libraries that do not load', () => {
  it('are load failures, and the others serve', async () => {
    const libraries = [cLibraryFile('wrong_version'), cLibraryFile('c_handlers'), cLibraryFile('no_symbol')]
    const adapter = await startAdapter({ libraries })
    expect(adapter.loadFailures().map((problem) => problem.file)).toEqual(['wrong_version.so', 'no_symbol.so'])
    expect((await only(adapter, handlerCall({ callable: 'c.echo' }))).success).toBe(true)
  })

  it('two that declare one name are told of each other, and the first serves', async () => {
    const twin = { ...cLibraryFile('c_handlers'), file: 'twin.so' }
    const adapter = await startAdapter({ libraries: [cLibraryFile('c_handlers'), twin] })
    const problem = adapter.loadFailures().find((one) => one.message.startsWith('c.echo '))
    expect(problem?.message).toContain('native/fixtures/c_handlers.so')
    expect(problem?.message).toContain('native/fixtures/twin.so')
  })

  it('a missing addon is RUNTIME_UNAVAILABLE, and no matter without libraries', async () => {
    const missing = { addonPath: '/nowhere/stephost_native.node' }
    await expect(startAdapter(missing)).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    const adapter = await startAdapter({ ...missing, libraries: [] })
    expect(adapter.handlers()).toEqual([])
    expect(await failure(adapter, 'c.echo')).toMatchObject({ errorType: 'handler_not_found', retryable: false })
  })
})

describe('cancellation', () => {
  it('reaches the handler even when it overtakes the start of the call', async () => {
    const adapter = await startAdapter()
    const call = handlerCall({ callable: 'c.wait' })
    const result = only(adapter, call)
    adapter.cancel(call.id, 'timeout')
    expect(await result).toMatchObject({ success: false, message: 'stopped on request' })
    adapter.cancel(call.id, 'timeout')
  })

  it('of a handler that ignores it leaves the thread behind, says so, and takes it back when it ends', async () => {
    const lines: LogRecord[] = []
    const adapter = await startAdapter({ threads: 1, cancelGraceMs: 20, log: (record) => lines.push(record) })
    const call = handlerCall({ callable: 'c.stubborn' })
    const lost = only(adapter, call)
    adapter.cancel(call.id, 'timeout')
    expect(await lost).toMatchObject({ success: false, errorType: 'handler_timeout', retryable: true })
    expect(adapter.health().status).toBe('degraded')
    expect(lines.map((record) => [record.step, record.line])).toEqual([
      [
        call.requests[0]?.stepId,
        expect.stringContaining('c.stubborn was told to stop (timeout): it ignored its cancellation'),
      ],
    ])
    expect((await only(adapter, handlerCall({ callable: 'c.echo' }))).success).toBe(true)
    await eventually('the lost thread has ended', () => adapter.health().status === 'healthy')
    expect((await only(adapter, handlerCall({ callable: 'c.echo' }))).success).toBe(true)
  })

  it('of a call that never got a thread rejects, so that the step keeps its attempt', async () => {
    const adapter = await startAdapter({ threads: 1, cancelGraceMs: 20, abandonedThreadsMax: 0 })
    const stuck = handlerCall({ callable: 'c.stubborn' })
    const lost = only(adapter, stuck)
    adapter.cancel(stuck.id, 'lease_lost')
    expect(await lost).toMatchObject({ success: false, errorType: 'handler_lost' })
    expect(adapter.health().status).toBe('unhealthy')
    const waiting = handlerCall({ callable: 'c.echo' })
    const startedSteps: string[] = []
    const refused = adapter.execute(waiting, { ...events, started: (step) => startedSteps.push(step) })
    adapter.cancel(waiting.id, 'timeout')
    await expect(refused).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    // What is said to have started has spent its attempt, whatever it rejects with.
    expect(startedSteps).toEqual([])
    await eventually('the lost thread has ended', () => adapter.health().status === 'healthy')
    const served = adapter.execute(waiting, { ...events, started: (step) => startedSteps.push(step) })
    expect(await served).toMatchObject([{ success: true }])
    expect(startedSteps).toEqual([waiting.requests[0]?.stepId])
  })

  it('of an unknown call is ignored', async () => {
    const adapter = await startAdapter()
    adapter.cancel(handlerCall({ callable: 'c.echo' }).id, 'timeout')
    expect(adapter.health().status).toBe('healthy')
  })
})

describe('limits and life', () => {
  it('more calls than threads are refused as RUNTIME_BUSY', async () => {
    const adapter = await startAdapter({ threads: 1 })
    const running = only(adapter, handlerCall({ callable: 'c.stubborn' }))
    await expect(only(adapter, handlerCall({ callable: 'c.echo' }))).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    expect((await running).success).toBe(true)
  })

  it('stop cancels what runs, waits for it, and may be called again', async () => {
    const adapter = await startAdapter()
    const waiting = only(adapter, handlerCall({ callable: 'c.wait' }))
    const stopped = Promise.all([adapter.stop(), adapter.stop()])
    await expect(only(adapter, handlerCall({ callable: 'c.echo' }))).rejects.toMatchObject({ code: 'ADAPTER_STOPPED' })
    expect(await waiting).toMatchObject({ success: false, message: 'stopped on request' })
    await stopped
    await adapter.start()
    expect((await only(adapter, handlerCall({ callable: 'c.echo' }))).success).toBe(true)
  })

  it('stop gives up a handler that does not end', async () => {
    const adapter = await startAdapter({ cancelGraceMs: 20 })
    const lost = only(adapter, handlerCall({ callable: 'c.stubborn' }))
    await adapter.stop()
    expect(await lost).toMatchObject({ success: false, errorType: 'handler_lost', retryable: true })
  })

  it('stop before start is legal', async () => {
    await new NativeAdapter({
      find: () => ({ libraries: [], loadFailures: [] }),
      threads: 1,
      log: () => undefined,
    }).stop()
  })
})
