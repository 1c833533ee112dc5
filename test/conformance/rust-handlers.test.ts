// What only the Rust SDK has: log macros, checkpoints, futures, and a wall that panics do not cross; in the host and in a process.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findHandlerLibraries } from '../../src/adapters/native/handler-libraries.ts'
import { NativeAdapter } from '../../src/adapters/native/native-adapter.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { CallEvents, CheckpointAck, LogRecord, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { handlerCall } from '../fixtures/handler-call.ts'
import { guests, openSidecar, repositoryPath } from './sidecar.ts'

async function openInProcess(log: (record: LogRecord) => void): Promise<RuntimeAdapter> {
  const find = () => findHandlerLibraries([repositoryPath('test/fixtures/handlers/rust')])
  const adapter = new NativeAdapter({ find, threads: 8, cancelGraceMs: 2000, log })
  await adapter.start()
  return adapter
}

const places = {
  'in the host': openInProcess,
  'in a process': (log: (record: LogRecord) => void) => openSidecar(guests.rust, log),
}

describe.each(Object.entries(places))('a Rust handler %s', (_, open) => {
  let adapter: RuntimeAdapter
  let lines: LogRecord[] = []
  let saved: string[] = []
  let ack: CheckpointAck = { stored: true, message: null }

  beforeAll(async () => {
    adapter = await open((record) => lines.push(record))
  })
  beforeEach(() => {
    ;[lines, saved] = [[], []]
  })
  afterAll(() => adapter.stop())

  const events: CallEvents = {
    started: () => {},
    log: (record) => lines.push(record),
    checkpoint: (step, data) => {
      saved.push(`${step} ${data}`)
      return Promise.resolve(ack)
    },
  }
  const call = (callable: string, context: object = {}) =>
    handlerCall({ callable, context: JSON.stringify(context) as JsonText })
  const run = async (given: ReturnType<typeof call>): Promise<StepResult> => {
    const [result] = await adapter.execute(given, events)
    if (result === undefined) throw new Error('one result is expected')
    return result
  }

  it('logs for its step through the macros, also from a thread of its own', async () => {
    const given = call('conformance.log', { text: 'é🚂' })
    expect((await run(given)).success).toBe(true)
    const step = given.requests[0]?.stepId
    expect(lines.map((line) => [line.level, line.line, line.step, line.stream, line.handler])).toEqual(
      ['debug', 'info', 'warn', 'error'].map((level) => [level, `${level} é🚂`, step, 'log', 'conformance.log']),
    )
    expect(JSON.parse(lines[1]?.fields ?? '')).toEqual({ order: 5, card: 'é🚂' })
    expect(lines[0]?.fields).toBeNull()
  })

  it('stores a checkpoint before it goes on, or fails and may be tried again', async () => {
    ack = { stored: true, message: null }
    const given = call('conformance.save')
    expect((await run(given)).success).toBe(true)
    const data = '{"cursor":{"row":7},"items_processed":7,"accumulated_results":[1]}'
    expect(saved).toEqual([`${given.requests[0]?.stepId} ${data}`])
    ack = { stored: false, message: 'The claim is lost.' }
    expect(await run(call('conformance.save'))).toMatchObject({
      ...{ success: false, errorType: 'checkpoint_not_stored', retryable: true },
      message: expect.stringContaining('The claim is lost.'),
    })
  })

  it('may be a future, and is told of its cancellation as one', async () => {
    const echoed = await run(call('conformance.echo_later', { value: [1.0] }))
    expect(echoed).toMatchObject({ success: true })
    const waiting = call('conformance.echo_later', { value: 1, until_cancelled: true })
    const result = run(waiting)
    adapter.cancel(waiting.id, 'shutdown')
    expect(await result).toMatchObject({ success: false, message: 'cancelled: Shutdown', retryable: true })
  })

  it('whose value panics when it is dropped fails alone', async () => {
    expect(await run(call('conformance.drop'))).toMatchObject({
      ...{ success: false, errorType: 'handler_panic', retryable: false },
      message: expect.stringContaining('the destructor of a bomb'),
    })
    expect((await run(call('conformance.noop'))).success).toBe(true)
  })
})
