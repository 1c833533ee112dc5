// What libraries ask of the host while they run: lines, checkpoints, and what they may not ask.

import { afterEach, describe, expect, it } from 'vitest'
import { NativeAdapter } from '../../../src/adapters/native/native-adapter.ts'
import type { CallEvents, CheckpointAck, HandlerCall, LogRecord } from '../../../src/model/runtime-adapter.ts'
import type { StepResult } from '../../../src/model/step-result.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import { cLibraryFile } from './c-libraries.ts'

const open: NativeAdapter[] = []
let lines: LogRecord[] = []
let saved: [string, string][] = []
let answer: CheckpointAck = { stored: true, message: null }

async function startAdapter(): Promise<NativeAdapter> {
  ;[lines, saved] = [[], []]
  const find = () => ({ libraries: [cLibraryFile('c_handlers')], loadFailures: [] })
  const adapter = new NativeAdapter({ find, threads: 4, log: (record) => lines.push(record) })
  open.push(adapter)
  await adapter.start()
  return adapter
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((adapter) => adapter.stop()))
})

const events: CallEvents = {
  started: () => {},
  log: (record) => lines.push(record),
  checkpoint: (step, data) => {
    saved.push([step, data])
    return Promise.resolve(answer)
  },
}

async function only(adapter: NativeAdapter, call: HandlerCall): Promise<StepResult> {
  const [result] = await adapter.execute(call, events)
  if (result === undefined) throw new Error('one result is expected')
  return result
}

describe('a library', () => {
  it('logs for its step, before the result', async () => {
    const adapter = await startAdapter()
    const call = handlerCall({ callable: 'c.log' })
    expect((await only(adapter, call)).success).toBe(true)
    expect(lines).toEqual([
      expect.objectContaining({
        ...{ line: 'a line of C', level: 'info', stream: 'log', fields: '{"from":"C"}', handler: 'c.log' },
        ...{ step: call.requests[0]?.stepId, task: call.requests[0]?.taskId },
      }),
    ])
  })

  it('waits until its checkpoint is stored', async () => {
    answer = { stored: true, message: null }
    const adapter = await startAdapter()
    const call = handlerCall({ callable: 'c.ask' })
    expect((await only(adapter, call)).success).toBe(true)
    expect(saved).toEqual([[call.requests[0]?.stepId, '{"cursor":7,"items_processed":7}']])
  })

  it('is told when its checkpoint is not stored', async () => {
    answer = { stored: false, message: 'The claim is lost.' }
    const adapter = await startAdapter()
    expect((await only(adapter, handlerCall({ callable: 'c.ask' }))).success).toBe(false)
  })

  it('that sends nonsense costs a line, not a call', async () => {
    const adapter = await startAdapter()
    expect((await only(adapter, handlerCall({ callable: 'c.nonsense' }))).success).toBe(true)
    await eventually('it is said', () => lines.some(({ line }) => line.includes('sent what is no message')))
    expect((await only(adapter, handlerCall({ callable: 'c.echo' }))).success).toBe(true)
  })

  it('may speak after its call and after the host has stopped: nobody listens, and nothing breaks', async () => {
    const first = await startAdapter()
    expect((await only(first, handlerCall({ callable: 'c.late' }))).success).toBe(true)
    await eventually('it is heard without a call', () => lines.some(({ line }) => line === 'late'))
    await first.stop()
    const second = await startAdapter()
    expect((await only(second, handlerCall({ callable: 'c.echo' }))).success).toBe(true)
  })

  it('that answers with bytes that are no text fails that call', async () => {
    const adapter = await startAdapter()
    const result = await only(adapter, handlerCall({ callable: 'c.not_utf8' }))
    expect(result).toMatchObject({
      success: false,
      errorType: 'handler_error',
      message: expect.stringContaining('UTF-8'),
    })
    expect((await only(adapter, handlerCall({ callable: 'c.echo' }))).success).toBe(true)
  })
})
