// When the death of the process that a step ran alone in is the step's own doing, and when it proves nothing.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LoneSteps } from '../../src/dispatch/lone-steps.ts'
import type { HandlerDescriptor } from '../../src/model/handler.ts'
import type { CancelReason } from '../../src/model/runtime-adapter.ts'
import { hostFailure, type StepFailure } from '../../src/model/step-result.ts'
import type { LostWorker } from '../../src/model/step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { executorOver, stopDeadlinesAfterEach } from './executor-rig.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { claimedStep, stepRequest } from './steps.ts'

stopDeadlinesAfterEach()
afterEach(() => {
  vi.useRealTimers()
})

const suspect = claimedStep('a', { attempts: 2, attemptsMax: 9, recoveries: 2 })
const lost: StepFailure = hostFailure(suspect.stepId, 'handler_lost', 'Ended by SIGSEGV.')
const ended: StepFailure = { ...lost, endedItsProcess: true }
const dead: LostWorker = {
  worker_uuid: 'w1',
  ...{ host: 'h1', started_at: null, heartbeat_at: null, declared_dead_at: null },
}
const endsItsProcess = () => new ScriptedAdapter(async () => ended)
const reasons: readonly CancelReason[] = ['timeout', 'shutdown', 'lease_lost']
const stoppedAs = (reason: CancelReason) => (reason === 'timeout' ? 'handler_timeout' : 'handler_lost')

describe('a step that two workers died with', () => {
  it('fails for good when it ends the process in which it is alone', async () => {
    const { results, run } = executorOver(endsItsProcess(), { lostWith: async () => [dead, dead] })
    await run(stepRequest(suspect), suspect)
    expect(results).toMatchObject([{ errorType: 'worker_lost', retryable: false }])
    expect(results[0]).toHaveProperty('message', expect.stringMatching(/after 2 workers had died .* SIGSEGV/))
    expect(JSON.parse((results[0] as StepFailure).context)).toEqual({
      ...{ callable: 'work', attempts: 3, max_attempts: 9, workers: [dead, dead] },
    })
  })

  it.each<[string, StepFailure]>([
    ['the host, the kernel or somebody else ended its process', lost],
    ['it says of itself that it was lost', { ...lost, message: 'raised by the handler' }],
    ['it says of itself that workers were lost', { ...lost, errorType: 'worker_lost' }],
  ])('is tried again when %s', async (_what, failure) => {
    const { results, run } = executorOver(new ScriptedAdapter(async () => failure))
    await run(stepRequest(suspect), suspect)
    expect(results).toEqual([failure])
  })

  it('and one that fewer died with is tried again whatever it ends', async () => {
    const step = claimedStep('a', { attempts: 2, recoveries: 1 })
    const { results, run } = executorOver(endsItsProcess())
    await run(stepRequest(step), step)
    expect(results).toMatchObject([{ errorType: 'handler_lost', retryable: true }])
  })

  it.each(reasons)('is tried again when it was told to stop before its process ended: %s', async (reason) => {
    const adapter = new ScriptedAdapter(async (_request, cancelled) => {
      await cancelled
      return ended
    })
    const { executor, results, run } = executorOver(adapter)
    const running = run(stepRequest(suspect), suspect)
    await eventually('it runs', () => adapter.seen.length === 1)
    executor.cancelAll(reason)
    await running
    expect(results).toMatchObject([{ errorType: stoppedAs(reason), retryable: true, context: '{}' }])
    expect(results[0]).toHaveProperty('message', expect.not.stringContaining('workers had died'))
  })

  it('is tried again when the worker ends: whoever ends it may have ended its processes', async () => {
    let end: () => void = () => {}
    const adapter = new ScriptedAdapter(async () => {
      await new Promise<void>((resolve) => {
        end = resolve
      })
      return ended
    })
    const { executor, results, run } = executorOver(adapter)
    const running = run(stepRequest(suspect), suspect)
    await eventually('it runs', () => adapter.seen.length === 1)
    executor.stopStarting()
    end()
    await running
    expect(results).toMatchObject([{ errorType: 'handler_lost', retryable: true }])
  })

  it.each(reasons)('stays failed when the worker is told to stop before the dead are known: %s', async (reason) => {
    let answer: (workers: readonly LostWorker[]) => void = () => {}
    let asked = 0
    const { executor, results, run } = executorOver(endsItsProcess(), {
      lostWith: () => {
        asked += 1
        return new Promise((resolve) => {
          answer = resolve
        })
      },
    })
    const running = run(stepRequest(suspect), suspect)
    await eventually('the dead are asked for', () => asked === 1)
    expect(executor.running).toBe(1)
    executor.cancelAll(reason)
    answer([dead, dead])
    await running
    expect(results).toMatchObject([{ errorType: 'worker_lost', retryable: false }])
  })

  it('stays failed when its time is up before the dead are known', async () => {
    // The wheel turns in order: the step's own time is up before this answer comes.
    const rig = executorOver(endsItsProcess(), {
      handlerTimeoutMs: 20,
      lostWith: () => new Promise((resolve) => rig.deadlines.set(performance.now() + 60, () => resolve([dead]))),
    })
    await rig.run(stepRequest(suspect), suspect)
    expect(rig.results).toMatchObject([{ errorType: 'worker_lost', retryable: false }])
  })
})

describe('a process of its own that does not start', () => {
  const broken = Object.assign(new ScriptedAdapter(async () => lost), {
    start: () => Promise.reject(new Error('it exits at once')),
  })
  const lone = new LoneSteps(1_000, {
    ...{ isolated: () => broken, arrived: () => {}, left: () => {} },
    lostWith: async () => [],
  })
  const descriptor = broken.handlers()[0] as HandlerDescriptor

  it('leaves the step to the processes of its language', async () => {
    const shared = Object.assign(new ScriptedAdapter(async () => lost), { isOutside: true as const })
    expect(await lone.isolate({ adapter: shared, descriptor }, async ({ adapter }) => adapter)).toBe(shared)
  })

  it('and does not bring it into the host', async () => {
    const shared = new ScriptedAdapter(async () => lost)
    const called = lone.isolate({ adapter: shared, descriptor }, async ({ adapter }) => adapter)
    await expect(called).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' })
  })
})

describe('a database that is away', () => {
  const failed = { errorType: 'worker_lost', retryable: false }
  const known = { callable: 'work', attempts: 3, max_attempts: 9, workers: null }

  it('leaves the dead unnamed, and the step fails all the same', async () => {
    const { results, run } = executorOver(endsItsProcess(), {
      lostWith: () => Promise.reject(new Error('no connection')),
    })
    await run(stepRequest(suspect), suspect)
    expect(results).toMatchObject([failed])
    expect(JSON.parse((results[0] as StepFailure).context)).toEqual(known)
  })

  it('is waited for two seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const lone = new LoneSteps(1_000, {
      ...{ isolated: () => null, arrived: () => {}, left: () => {} },
      lostWith: () => new Promise(() => {}),
    })
    const ran = { members: [{ step: suspect, request: stepRequest(suspect) }], cancelled: null }
    let judged: readonly unknown[] | null = null
    void Promise.resolve(lone.judge(ran, [ended])).then((results) => {
      judged = results
    })
    await vi.advanceTimersByTimeAsync(1_999)
    expect(judged).toBeNull()
    await vi.advanceTimersByTimeAsync(1)
    expect(judged).toMatchObject([{ ...failed, context: JSON.stringify(known) }])
  })
})
