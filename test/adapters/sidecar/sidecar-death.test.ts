// Which calls a death costs: what had begun is lost, what had not goes on elsewhere, and who kills every process is found out.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SidecarAdapter } from '../../../src/adapters/sidecar/sidecar-adapter.ts'
import { readStoredRequest } from '../../../src/model/stored-request.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { handlerCall } from '../../fixtures/handler-call.ts'
import {
  begin,
  beginCall,
  isRunning,
  logs,
  neverRecycled,
  run,
  servingPid,
  started,
  startedSteps,
  stopSidecarsAfterEach,
  works,
} from '../../fixtures/sidecars/faulty-sidecar.ts'

stopSidecarsAfterEach()
let directory = ''
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stephost-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('a call that had not started when its process died', () => {
  it('runs in another process, and its attempt is not spent', async () => {
    const file = path.join(directory, 'seen')
    const ruby = await started({ processes: 2 })
    expect(await run(ruby, 'dies-unstarted', { file })).toMatchObject(works)
    expect(readFileSync(file, 'utf8')).toBe('seen\nseen\n')
    expect(startedSteps).toHaveLength(1)
  })

  it('waits for the next process where there is only one', async () => {
    const ruby = await started()
    const file = path.join(directory, 'seen')
    expect(await run(ruby, 'dies-unstarted', { file })).toMatchObject(works)
  })

  it('also when it was accepted and waited inside', async () => {
    const ruby = await started({ processes: 1 })
    const waiting = begin(ruby, 'waits-unstarted')
    expect(await run(ruby, 'killed-mid-call')).toMatchObject({ errorType: 'handler_lost' })
    await eventually('the next process serves', async () => (await run(ruby, 'works')).success)
    expect(startedSteps).not.toContain(waiting.call.requests[0]?.stepId)
    ruby.cancel(waiting.call.id, 'shutdown')
    await expect(waiting.result).rejects.toMatchObject({ code: 'RUNTIME_DIED' })
  })

  it('goes back to the queue when it was cancelled meanwhile', async () => {
    const ruby = await started()
    const waiting = begin(ruby, 'waits-unstarted')
    ruby.cancel(waiting.call.id, 'timeout')
    await expect(waiting.result).rejects.toMatchObject({ code: 'RUNTIME_DIED' })
  })
})

describe('silence', () => {
  it('of a stopped process ends it, with the reason (field note 14)', async () => {
    const ruby = await started({ silenceMaxMs: 1000 })
    expect(await run(ruby, 'stops-itself')).toMatchObject({
      ...{ success: false, errorType: 'handler_lost' },
      message: expect.stringMatching(/was ended by SIGKILL .*it was silent for 1000 ms/),
    })
    expect(await run(ruby, 'works')).toMatchObject(works)
  })

  it('of a guest without a watch thread is no death while it computes', async () => {
    const ruby = await started({ silenceMaxMs: 1000 }, 'without-watch')
    expect(ruby.health()).toMatchObject({
      status: 'healthy',
      message: expect.stringContaining('without its watch thread'),
    })
    expect(await run(ruby, 'spins-cpu', { ms: 4000 })).toMatchObject(works)
  })

  it('of a guest without a watch thread that does nothing is one', async () => {
    const ruby = await started({ silenceMaxMs: 1000 }, 'without-watch')
    expect(await run(ruby, 'stops-itself')).toMatchObject({ message: expect.stringMatching(/silent for 1000 ms/) })
  })

  it('a handler that keeps the interpreter is shown as busy, and gets no new calls when another process is free', async () => {
    const ruby = await started({ processes: 2 })
    const spinning = begin(ruby, 'spins-cpu', { ms: 4500 })
    await eventually('health says so', () => ruby.health().message?.includes('keeps the interpreter to itself'))
    const pids = await Promise.all([servingPid(ruby), servingPid(ruby)])
    expect(new Set(pids).size).toBe(1)
    expect(await spinning.result).toMatchObject(works)
  })
})

describe('a step that kills its process', () => {
  async function attempts(ruby: SidecarAdapter, callable: string, count: number, context?: unknown) {
    const call = handlerCall({
      callable,
      ...(context === undefined ? {} : { context: JSON.stringify(context) as never }),
    })
    const results = []
    for (let attempt = 0; attempt < count; attempt += 1) {
      const again = { ...call, id: `${call.id}-${attempt}` as typeof call.id }
      results.push(await beginCall(ruby, again).result)
    }
    return { call, results }
  }

  it('twice runs alone the third time, and then fails for good with its evidence', async () => {
    const ruby = await started({ evidenceDirectory: directory })
    const { call, results } = await attempts(ruby, 'exits-mid-call', 3)
    expect(results[0]).toMatchObject({ errorType: 'handler_lost', retryable: true })
    expect(results[1]).toMatchObject({ errorType: 'handler_lost', retryable: true })
    expect(results[2]).toMatchObject({ errorType: 'handler_lost', retryable: false })
    const last = results[2]
    if (last === undefined || last.success) throw new Error('It must fail.')
    const file = path.join(directory, `${call.requests[0]?.stepId}.json`)
    expect(last.message).toContain(`stephost invoke --request ${file} --handlers one --handlers two`)
    expect(JSON.parse(last.context)).toMatchObject({
      ...{ deaths: 3, exit_code: 7, signal: null, last_output: ['out of luck'], request_file: file },
    })
    expect(readStoredRequest(readFileSync(file, 'utf8'))).toMatchObject({ stepId: call.requests[0]?.stepId })
    // It died where nobody else was.
    expect(await run(ruby, 'works')).toMatchObject(works)
  })

  it('twice is given back the third time when a process of its own does not know it any more', async () => {
    const state = path.join(directory, 'state')
    writeFileSync(state, '1.0.0')
    const ruby = await started({}, 'versions', state)
    const { call } = await attempts(ruby, 'exits-mid-call', 2)
    expect(await run(ruby, 'works')).toMatchObject(works)
    writeFileSync(state, 'broken')
    await expect(beginCall(ruby, call).result).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
    expect(await run(ruby, 'works')).toMatchObject(works)
  })

  it('only when somebody else is near is innocent when it is alone', async () => {
    const ruby = await started({ evidenceDirectory: directory })
    const call = handlerCall({ callable: 'waits-for-cancel' })
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const bystander = beginCall(ruby, { ...call, id: `b-${attempt}` as typeof call.id })
      await run(ruby, 'killed-mid-call')
      expect(await bystander.result).toMatchObject({ errorType: 'handler_lost', retryable: true })
    }
    const alone = beginCall(ruby, { ...call, id: 'b-alone' as typeof call.id })
    await eventually('it runs', () => startedSteps.length >= 5)
    ruby.cancel(alone.call.id, 'timeout')
    expect(await alone.result).toMatchObject({ success: true })
    expect(readdirSync(directory)).toEqual([])
  })

  it('is known to have ended its process only where nothing else ever ran there and nobody else ended it', async () => {
    const ruby = await started({ recycle: { ...neverRecycled, rssHardMaxBytes: 300 * 1_048_576 } })
    expect(await run(ruby, 'exits-mid-call')).toMatchObject({ errorType: 'handler_lost', endedItsProcess: true })
    expect(await run(ruby, 'works')).toMatchObject(works)
    const neither = [await run(ruby, 'exits-mid-call'), await run(ruby, 'killed-mid-call')]
    const large = await run(ruby, 'leaks-memory', { megabytes: 400, answers: false })
    const late = begin(ruby, 'never-answers')
    await eventually('it runs', () => startedSteps.includes(late.call.requests[0]?.stepId as never))
    ruby.cancel(late.call.id, 'shutdown')
    for (const failure of [...neither, large, await late.result]) {
      expect(failure).toMatchObject({ errorType: 'handler_lost', retryable: true })
      expect(failure).not.toHaveProperty('endedItsProcess')
    }
  })

  it('is not blamed for a time-out', async () => {
    const ruby = await started({ evidenceDirectory: directory })
    const call = handlerCall({ callable: 'never-answers' })
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const late = beginCall(ruby, { ...call, id: `late-${attempt}` as typeof call.id })
      await eventually('it runs', () => startedSteps.length > attempt)
      ruby.cancel(late.call.id, 'timeout')
      expect(await late.result).toMatchObject({ errorType: 'handler_timeout', retryable: true })
    }
    expect(readdirSync(directory)).toEqual([])
  })

  it('fails for good also where its request cannot be stored, and says why', async () => {
    const ruby = await started({ evidenceDirectory: '/dev/null/nowhere' })
    const { results } = await attempts(ruby, 'killed-mid-call', 3)
    expect(results[2]).toMatchObject({ retryable: false, message: expect.stringContaining('could not be stored') })
  })

  it('by its memory is killed at the hard limit, and says so', async () => {
    const ruby = await started({ recycle: { ...neverRecycled, rssHardMaxBytes: 300 * 1_048_576 } })
    expect(await run(ruby, 'leaks-memory', { megabytes: 400, answers: false })).toMatchObject({
      ...{ errorType: 'handler_lost', retryable: true },
      message: expect.stringMatching(/its memory of \d+ MB is above the hard limit of 300 MB/),
    })
    expect(await run(ruby, 'works')).toMatchObject(works)
  })
})

describe('the end of everything', () => {
  it('thirty deaths leave no descriptor and no child behind (field note 8)', async () => {
    const ruby = await started({ restart: { baseMs: 1, maxMs: 1, stableMs: 0 } })
    const held = () => readdirSync('/proc/self/fd').length
    await run(ruby, 'killed-mid-call')
    expect(await run(ruby, 'works')).toMatchObject(works)
    const before = held()
    const pids: number[] = []
    for (let death = 0; death < 30; death += 1) {
      pids.push(await servingPid(ruby))
      await run(ruby, death % 2 === 0 ? 'killed-mid-call' : 'half-frame')
    }
    expect(await run(ruby, 'works')).toMatchObject(works)
    await eventually('the descriptors are those from before', () => held() <= before)
    for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false)
  })

  it('leaves no process, although one waits, one runs and one restarts', async () => {
    const ruby = await started({ processes: 2 })
    const pids = new Set([await servingPid(ruby), await servingPid(ruby)])
    const running = begin(ruby, 'never-answers')
    const dying = begin(ruby, 'killed-mid-call')
    await dying.result
    await ruby.stop()
    expect(await running.result).toMatchObject({ success: false })
    for (const pid of pids) expect(isRunning(pid)).toBe(false)
    expect(existsSync(directory)).toBe(true)
    expect(logs.filter(({ line }) => line.includes('could not be started'))).toEqual([])
  })
})
