// The sidecar adapter against a guest that goes wrong in every way that has a name: one process, one call after another.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../fixtures/eventually.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import {
  begin,
  beginCall,
  checkpoints,
  isRunning,
  lines,
  logs,
  run,
  servingPid,
  sidecar,
  started,
  startedSteps,
  stopSidecarsAfterEach,
  works,
} from '../../fixtures/sidecars/faulty-sidecar.ts'

stopSidecarsAfterEach()

describe('start', () => {
  it('announces handlers and load failures, and tells the guest its limits', async () => {
    const ruby = await started()
    expect(ruby.handlers()).toContainEqual(expect.objectContaining({ callable: 'works', runtime: 'ruby' }))
    expect(ruby.loadFailures()).toMatchObject([{ file: 'broken.rb', runtime: 'ruby' }])
    expect(ruby.health()).toEqual({ status: 'healthy', message: null })
    const shown = await run(ruby, 'shows-arguments')
    const limits = '--max-in-flight 8 --threads 8 --frame-bytes-max 1048576 --log-lines-per-second 1000'
    const expected = `good --handlers one --handlers two ${limits} --wire-descriptor 3 --watch-descriptor 4`
    expect(shown).toMatchObject({ success: true, result: JSON.stringify(expected.split(' ')) })
  })

  it('gives handlers no variable beyond the allow-list', async () => {
    process.env['STEPHOST_TEST_SECRET'] = 'x'
    const shown = await run(await started(), 'shows-environment')
    delete process.env['STEPHOST_TEST_SECRET']
    const names = Object.keys(JSON.parse(shown.success ? shown.result : '{}') as object)
    expect(names).toContain('GIVEN')
    expect(['GIVEN', 'PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR']).toEqual(expect.arrayContaining(names))
  })

  it.each([
    ['bad-version', { code: 'PROTOCOL_VERSION', message: expect.stringContaining('upgrade the host') }],
    ['wrong-runtime', { code: 'PROTOCOL_ERROR', message: expect.stringContaining('a python runtime said hello') }],
    [
      'exits-at-start',
      { code: 'RUNTIME_UNAVAILABLE', message: expect.stringMatching(/exited with code 1 .*-- msgpack/) },
    ],
  ])('%s is refused and leaves nothing running', async (mode, expected) => {
    const ruby = sidecar(mode)
    await expect(ruby.start()).rejects.toMatchObject(expected)
    expect(ruby.health().status).toBe('unhealthy')
  })

  it('waits for hello no longer than it may', async () => {
    const message = expect.stringContaining('did not say hello within 300 ms')
    const ruby = sidecar('no-hello', { startTimeoutMs: 300 })
    await expect(ruby.start()).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE', message })
  })

  it('names a command that does not exist', async () => {
    const ruby = sidecar('good', { command: ['no-such-ruby', 'exe'] })
    const message = expect.stringMatching(/no-such-ruby exe.*ENOENT/)
    await expect(ruby.start()).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE', message })
  })
})

describe('a guest that breaks during a call', () => {
  it.each([
    ['exits-mid-call', /exited with code 7 .*its last lines: out of luck/],
    ['killed-mid-call', /was ended by SIGKILL after \d+ ms \(not by stephost/],
    ['half-frame', /exited with code 0 .*in the middle of a message/],
    ['closes-wire', /closed its end of the wire/],
    ['garbage', /broke the wire: A frame of \d+ bytes/],
    ['giant-frame', /broke the wire: A frame of 2147483647 bytes; at most 1048576 are allowed/],
    ['bad-message', /broke the wire: The message.call_id must be a string/],
    ['wrong-id', /broke the wire: A result for no pending call/],
  ])('%s: every pending call is lost once, and the next one works', async (callable, message) => {
    const ruby = await started()
    const bystander = begin(ruby, 'never-answers')
    const lost = [await run(ruby, callable), await bystander.result]
    for (const each of lost) {
      expect(each).toMatchObject({ success: false, errorType: 'handler_lost', retryable: true })
      expect(each).toMatchObject({ message: expect.stringMatching(message) })
    }
    expect(await run(ruby, 'works')).toMatchObject(works)
    expect(ruby.health().status).toBe('healthy')
  })

  it('keeps a result that was sent before the death', async () => {
    const ruby = await started()
    expect(await run(ruby, 'answers-then-exits')).toMatchObject(works)
    // A call that reaches the process before its end is noticed is lost with it.
    await eventually('the next process serves', async () => (await run(ruby, 'works')).success)
  })

  it('keeps the first of two answers', async () => {
    const ruby = await started()
    expect(await run(ruby, 'answers-twice')).toMatchObject(works)
    await eventually('the next process serves', async () => (await run(ruby, 'works')).success)
  })

  it('is started again also when one start fails', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'stephost-'))
    const state = path.join(directory, 'starts')
    writeFileSync(state, '0')
    const ruby = sidecar('fails-second-start', {}, state)
    await ruby.start()
    await run(ruby, 'killed-mid-call')
    expect(await run(ruby, 'works')).toMatchObject(works)
    expect(readFileSync(state, 'utf8')).toBe('3')
    expect(lines()).toContainEqual(expect.stringContaining('could not be started again'))
    rmSync(directory, { recursive: true })
  })

  it.each(['killed-mid-call', 'forks-and-exits'])(
    '%s: takes its children along, and leaves none defunct (field notes 7 and 9)',
    async (callable) => {
      const ruby = await started()
      const guestPid = await servingPid(ruby)
      const child = await run(ruby, 'leaves-a-child')
      const pid = Number(child.success ? child.result : 0)
      expect(isRunning(pid)).toBe(true)
      await run(ruby, callable)
      await eventually('the child of the guest has ended', () => !isRunning(pid))
      // Not even as a zombie: the host has waited for it.
      expect(() => readFileSync(`/proc/${guestPid}/stat`)).toThrow()
    },
  )
})

describe('cancel', () => {
  it('reaches the handler, whose result counts', async () => {
    const ruby = await started()
    const { call, result } = begin(ruby, 'waits-for-cancel')
    ruby.cancel(call.id, 'lease_lost')
    expect(await result).toMatchObject({ success: true, result: '"lease_lost"' })
    expect(await run(ruby, 'works')).toMatchObject(works)
  })

  it('ends the process of a handler that does not stop, even when it ignores SIGTERM', async () => {
    const ruby = await started()
    const stubborn = begin(ruby, 'ignores-sigterm')
    const bystander = begin(ruby, 'never-answers')
    ruby.cancel(stubborn.call.id, 'timeout')
    ruby.cancel(stubborn.call.id, 'timeout')
    expect(await stubborn.result).toMatchObject({
      ...{ success: false, errorType: 'handler_timeout', retryable: true },
      message: expect.stringMatching(/timed out and was killed after \d+ms.*SIGKILL.*did not stop within 200 ms/),
    })
    expect(await bystander.result).toMatchObject({ errorType: 'handler_lost', retryable: true })
    expect(await run(ruby, 'works')).toMatchObject(works)
  })

  it('of another reason than the time ends as handler_lost', async () => {
    const ruby = await started()
    const { call, result } = begin(ruby, 'never-answers')
    ruby.cancel(call.id, 'shutdown')
    expect(await result).toMatchObject({ success: false, errorType: 'handler_lost' })
  })

  it('gives back a call that waits for a restart, as not started', async () => {
    const ruby = await started()
    await run(ruby, 'killed-mid-call')
    const { call, result } = begin(ruby, 'works')
    ruby.cancel(call.id, 'timeout')
    await expect(result).rejects.toMatchObject({
      code: 'RUNTIME_UNAVAILABLE',
      message: expect.stringContaining('SIGKILL'),
    })
  })

  it('ignores ids that it does not know', async () => {
    const ruby = await started()
    ruby.cancel(handlerCall({ callable: 'works' }).id, 'timeout')
    expect(await run(ruby, 'works')).toMatchObject(works)
  })
})

describe('limits', () => {
  it('refuses more calls than the guest holds', async () => {
    const ruby = await started({ inFlightMax: 1 })
    const first = begin(ruby, 'waits-for-cancel')
    await expect(run(ruby, 'works')).rejects.toMatchObject({ code: 'RUNTIME_BUSY' })
    ruby.cancel(first.call.id, 'timeout')
    await first.result
    expect(await run(ruby, 'works')).toMatchObject(works)
  })

  it('fails a step whose inputs do not fit into a frame for good, with both sizes, and only that step (field note 25)', async () => {
    const ruby = await started()
    expect(await run(ruby, 'works', 'x'.repeat(2_000_000))).toMatchObject({
      ...{ success: false, errorType: 'invalid_result', retryable: false },
      message: expect.stringMatching(/frame of 200\d{4} bytes; at most 1048576 are allowed/),
    })
    expect(await run(ruby, 'works')).toMatchObject(works)
    expect(logs).toEqual([])
  })

  it('waits while the guest reads slowly', async () => {
    const ruby = await started()
    const calls = Array.from({ length: 8 }, () => run(ruby, 'reads-slowly', 'x'.repeat(600_000)))
    for (const result of await Promise.all(calls)) expect(result).toMatchObject(works)
  })

  it.each(['floods-stderr', 'floods-log'])('%s costs lines, not the call (field note 4)', async (callable) => {
    const ruby = await started()
    expect(await run(ruby, callable)).toMatchObject(works)
    await ruby.stop()
    expect(logs.length).toBeLessThan(20_000)
    expect(lines()).toContainEqual(expect.stringMatching(/lines dropped: more than 1000 in a second/))
  })
})

describe('what a guest says during a call', () => {
  it('started is passed on, once', async () => {
    const ruby = await started()
    const { call, result } = begin(ruby, 'works')
    await result
    expect(startedSteps).toEqual([call.requests[0]?.stepId])
  })

  it('a log message names the step, its task, its correlation id and its handler', async () => {
    const ruby = await started()
    const { call, result } = begin(ruby, 'logs-a-line')
    await result
    const [request] = call.requests
    expect(logs).toEqual([
      {
        ...{ runtime: 'ruby', stream: 'log', level: 'error', line: 'a record', fields: '{"n":1}' },
        ...{ pid: expect.any(Number), step: request?.stepId, task: request?.taskId },
        ...{ correlationId: request?.correlationId, handler: 'logs-a-line' },
      },
    ])
  })

  it('a line on descriptor 1 harms nothing, and belongs to the step when it is the only one (field notes 4, 5 and 6)', async () => {
    const ruby = await started()
    const { call, result } = begin(ruby, 'prints-to-fd-1')
    expect(await result).toMatchObject(works)
    const record = await eventually('the line arrives', () => logs.find(({ line }) => line === 'one line'))
    expect(record).toMatchObject({ runtime: 'ruby', stream: 'stdout', level: 'info', step: call.requests[0]?.stepId })
    expect(record.pid).toBeGreaterThan(0)
  })

  it('such a line belongs to nobody when several run', async () => {
    const ruby = await started()
    const other = begin(ruby, 'waits-for-cancel')
    await run(ruby, 'prints-to-fd-1')
    const record = await eventually('the line arrives', () => logs.find(({ line }) => line === 'one line'))
    expect(record).toMatchObject({ step: null, task: null, handler: null })
    ruby.cancel(other.call.id, 'shutdown')
    await other.result
  })

  it.each([true, false])('a checkpoint is answered with what became of it: %s', async (stored) => {
    const ruby = await started()
    const ack = { stored, message: stored ? null : 'the claim is lost' }
    const { result } = beginCall(ruby, handlerCall({ callable: 'saves-a-checkpoint' }), ack)
    expect(await result).toMatchObject({ success: true, result: String(stored) })
    expect(checkpoints).toEqual(['{"cursor":5}'])
  })
})

describe('stop', () => {
  it('before start and twice is legal; later calls are refused', async () => {
    const ruby = sidecar('good')
    await ruby.stop()
    await ruby.start()
    await Promise.all([ruby.stop(), ruby.stop()])
    await ruby.stop()
    await expect(run(ruby, 'works')).rejects.toMatchObject({ code: 'ADAPTER_STOPPED' })
  })

  it('settles what runs and what waits', async () => {
    const ruby = await started()
    const running = begin(ruby, 'never-answers')
    await ruby.stop()
    expect(await running.result).toMatchObject({ success: false, errorType: 'handler_lost' })

    const again = await started()
    await run(again, 'killed-mid-call')
    const waiting = begin(again, 'works')
    const refused = expect(waiting.result).rejects.toMatchObject({ code: 'ADAPTER_STOPPED' })
    await again.stop()
    await refused
  })

  it('forces a guest that ignores the end of file and SIGTERM', async () => {
    const ruby = sidecar('ignores-eof')
    await ruby.start()
    const running = begin(ruby, 'never-answers')
    await ruby.stop()
    expect(await running.result).toMatchObject({ message: expect.stringMatching(/shut down/) })
  })
})
