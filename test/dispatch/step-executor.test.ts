// One step at a time: what becomes of it when the handler, the runtime or the directory behaves badly.
import { describe, expect, it } from 'vitest'
import { HostError } from '../../src/model/host-error.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { CheckpointAck } from '../../src/model/runtime-adapter.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import { hostFailure, type StepResult } from '../../src/model/step-result.ts'
import { eventually } from '../fixtures/eventually.ts'
import { executorOver, stopDeadlinesAfterEach } from './executor-rig.ts'
import { handlerDescriptor, ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'
import { claimedStep, logRecord, stepRequest, success } from './steps.ts'

stopDeadlinesAfterEach()

function yielded(stepId: StepRequest['stepId'], cursor: number): StepResult {
  const document = `{"cursor":${cursor},"items_processed":1}` as JsonText
  return { ...success(claimedStep(stepId)), outcome: { kind: 'checkpoint', document } } as StepResult
}

describe('StepExecutor', () => {
  it('brings a success back', async () => {
    const { results, run } = executorOver(new ScriptedAdapter(async () => success(claimedStep('a'))))
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ success: true }])
  })

  it('gives several steps to a handler in one call, and each its own result', async () => {
    const script = async ({ stepId }: StepRequest) =>
      stepId === 'b' ? hostFailure(stepId, 'handler_error', 'b failed') : success(claimedStep(stepId))
    const adapter = new ScriptedAdapter(script)
    adapter.announced = [handlerDescriptor('work', { batch: { sizeMax: 10, waitMaxMs: 10 } })]
    const { executor, results, ran } = executorOver(adapter)
    const members = ['a', 'b', 'c']
      .map((name) => claimedStep(name))
      .map((step) => ({ step, request: stepRequest(step) }))
    await executor.run(members, { release: () => {} })
    expect(adapter.calls).toMatchObject([{ mode: 'batch', requests: [{}, {}, {}] }])
    expect(results.map(({ stepId, success: good }) => `${stepId} ${good}`)).toEqual(['a true', 'b false', 'c true'])
    expect(ran).toEqual(['1 ms for 3'])
    expect(executor.running).toBe(0)
  })

  it('stores a checkpoint that a handler yields, and runs the step on in the same claim', async () => {
    let runs = 0
    const adapter = new ScriptedAdapter(async ({ stepId }) => {
      runs += 1
      return runs === 3 ? success(claimedStep(stepId)) : yielded(stepId, runs)
    })
    const { results, stored, hydrated, run, executor } = executorOver(adapter)
    await run(stepRequest(claimedStep('a')))
    expect(stored).toEqual([1, 2].map((cursor) => `token-a {"cursor":${cursor},"items_processed":1}`))
    expect(hydrated).toEqual(['a', 'a'])
    expect(results).toMatchObject([{ success: true, outcome: null }])
    expect([runs, executor.running]).toEqual([3, 0])
  })

  it('fails a step whose checkpoint is not stored, retryable', async () => {
    const { results, run, store } = executorOver(new ScriptedAdapter(async ({ stepId }) => yielded(stepId, 1)))
    store.checkpoint = async () => ({ stored: false, message: 'The disk is full.' })
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([
      { errorType: 'checkpoint_error', retryable: true, message: expect.stringContaining('The disk is full.') },
    ])
  })

  it('gives a step back at its checkpoint when the worker ends', async () => {
    const { results, givenBack, stored, run, executor } = executorOver(
      new ScriptedAdapter(async ({ stepId }) => {
        executor.stopStarting()
        return yielded(stepId, 1)
      }),
    )
    await run(stepRequest(claimedStep('a')))
    expect([results, stored.length, givenBack.length]).toEqual([[], 1, 1])
  })

  it('gives a batch back whose handler was reloaded without batches', async () => {
    const adapter = new ScriptedAdapter(untilCancelled)
    const { executor, givenBack } = executorOver(adapter)
    const members = ['a', 'b'].map((name) => claimedStep(name)).map((step) => ({ step, request: stepRequest(step) }))
    await executor.run(members, { release: () => {} })
    expect(adapter.calls).toEqual([])
    expect(givenBack).toEqual([expect.stringContaining('takes no batches any more'), expect.any(String)])
  })

  it('lets first attempts of one callable and one limit share a call, and nothing else', () => {
    const adapter = new ScriptedAdapter(untilCancelled)
    const { executor } = executorOver(adapter)
    const step = claimedStep('a')
    const place = (more: Partial<StepRequest> = {}, attempts = 0) =>
      executor.batchPlaceOf({ step: { ...step, attempts }, request: stepRequest(step, more) })
    expect(place()).toBeNull()
    adapter.announced = [handlerDescriptor('work', { batch: { sizeMax: 10, waitMaxMs: 10 } })]
    expect(place()).toMatchObject({ limits: { sizeMax: 10, waitMaxMs: 10 } })
    expect(place({}, 1)).toBeNull()
    expect(place({ handler: { callable: 'work', method: 'refund', resolver: null } })).toBeNull()
    expect(place({ timeoutMs: 5 })?.key).not.toBe(place()?.key)
    expect(place({ handler: { callable: 'work', method: 'call', resolver: null } })?.key).toBe(place()?.key)
  })

  it('fails a step whose template lost it, and one without a handler', async () => {
    const { results, run } = executorOver(new ScriptedAdapter(untilCancelled))
    await run(null)
    const unserved = claimedStep('a', { runnable: false })
    await run(stepRequest(unserved, { handler: { callable: 'nobody', method: null, resolver: null } }), unserved)
    expect(results).toMatchObject([
      { errorType: 'handler_not_found', retryable: false },
      { errorType: 'handler_not_found', retryable: false },
    ])
  })

  it.each(['RUNTIME_UNAVAILABLE', 'RUNTIME_BUSY', 'ADAPTER_STOPPED'] as const)(
    'gives a step back when its runtime could not take it: %s',
    async (code) => {
      const refuse = async () => {
        throw new HostError(code, 'not now')
      }
      const { results, givenBack, run } = executorOver(new ScriptedAdapter(refuse))
      await run(stepRequest(claimedStep('a')))
      expect(results).toEqual([])
      expect(givenBack).toEqual(['not now'])
    },
  )

  it('never gives back a step whose code had begun: its attempt is spent', async () => {
    const broken = new ScriptedAdapter(async (request, _cancelled, events) => {
      events.started(request.stepId)
      throw new HostError('RUNTIME_BUSY', 'too late')
    })
    const { results, givenBack, run } = executorOver(broken)
    await run(stepRequest(claimedStep('a')))
    expect(givenBack).toEqual([])
    expect(results).toMatchObject([{ errorType: 'handler_lost', retryable: true }])
  })

  it('gives a step back whose handler went between the claim and the run', async () => {
    const adapter = new ScriptedAdapter(untilCancelled)
    adapter.announced = []
    const { results, givenBack, run } = executorOver(adapter)
    await run(stepRequest(claimedStep('a')))
    expect(results).toEqual([])
    expect(givenBack).toEqual([expect.stringContaining('"work" is not loaded here any more')])
  })

  it('tells which steps run, and since when their authors’ code does', async () => {
    let begin = () => {}
    const adapter = new ScriptedAdapter(async (request, cancelled, events) => {
      begin = () => events.started(request.stepId)
      return untilCancelled(request, cancelled, events)
    })
    const { executor, run } = executorOver(adapter)
    const running = run(stepRequest(claimedStep('a')))
    await eventually('the runtime has it', () => adapter.seen.length === 1)
    expect(executor.runningSteps()).toEqual([{ stepId: 'a', callable: 'work', runtime: 'python', startedAt: null }])
    const before = performance.now()
    begin()
    const startedAt = executor.runningSteps()[0]?.startedAt ?? null
    expect(startedAt).toBeGreaterThanOrEqual(before)
    begin()
    expect(executor.runningSteps()[0]?.startedAt).toBe(startedAt)
    executor.cancelAll('shutdown')
    await running
    expect(executor.runningSteps()).toEqual([])
  })

  it('keeps the lines of a step, and knows a step that wrote none', async () => {
    const adapter = new ScriptedAdapter(async (request, _cancelled, events) => {
      if (request.stepId === 'a') events.log(logRecord({ step: request.stepId, line: 'hello' }))
      return success(claimedStep(request.stepId))
    })
    const { logs, run } = executorOver(adapter)
    for (const step of [claimedStep('a'), claimedStep('silent')]) await run(stepRequest(step), step)
    expect(logs.of(claimedStep('a').stepId)).toMatchObject({ lines: [{ line: 'hello' }], dropped: 0 })
    expect(logs.of(claimedStep('silent').stepId)).toEqual({ lines: [], dropped: 0 })
    expect(logs.of(claimedStep('elsewhere').stepId)).toBeNull()
  })

  it('stores checkpoints under the claim, and tells the handler what cannot be stored', async () => {
    const acks: CheckpointAck[] = []
    const adapter = new ScriptedAdapter(async (request, _cancelled, events) => {
      acks.push(await events.checkpoint(request.stepId, '{"cursor":1.0,"items_processed":1}' as JsonText))
      acks.push(await events.checkpoint(request.stepId, '{"cursor":' as JsonText))
      return success(claimedStep('a'))
    })
    const { stored, run } = executorOver(adapter)
    await run(stepRequest(claimedStep('a')))
    expect(stored).toEqual(['token-a {"cursor":1.0,"items_processed":1}'])
    expect(acks).toEqual([
      { stored: true, message: null },
      { stored: false, message: expect.stringContaining('the text ends too early') },
    ])
  })

  it.each([
    ['retry', 'handler_lost', 0],
    ['retry', 'handler_error', null],
    ['backoff', 'handler_lost', null],
  ] as const)('with on_crash %s a %s waits for %s', async (onCrash, errorType, retryAfterS) => {
    const adapter = new ScriptedAdapter(async (request) => hostFailure(request.stepId, errorType, 'gone'))
    adapter.announced = [handlerDescriptor('work', { onCrash })]
    const { results, run } = executorOver(adapter)
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ errorType, retryable: true, retryAfterS }])
  })

  it('keeps a poisoned step permanent when it also overran its time', async () => {
    const adapter = new ScriptedAdapter(async (request, cancelled) => {
      await cancelled
      return { ...hostFailure(request.stepId, 'handler_lost', 'killed its third process'), retryable: false }
    })
    const { results, run } = executorOver(adapter, { handlerTimeoutMs: 20 })
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ errorType: 'handler_lost', retryable: false }])
  })

  it('takes the step’s own time limit before the worker’s', async () => {
    const { results, run } = executorOver(new ScriptedAdapter(untilCancelled))
    await run(stepRequest(claimedStep('a'), { timeoutMs: 30 }))
    expect(results).toMatchObject([{ errorType: 'handler_timeout', retryable: true }])
    expect(results[0]).toHaveProperty('message', expect.stringContaining('timed out after 30ms'))
  })

  it('sends a runtime no more calls than it can hold, and gives back what still waits at a shutdown', async () => {
    const adapter = new ScriptedAdapter(untilCancelled)
    adapter.inFlightMax = 1
    const { executor, results, givenBack } = executorOver(adapter)
    const release = { release: () => {} }
    const steps = ['a', 'b'].map((name) => claimedStep(name))
    const running = steps.map((step) => executor.run([{ step, request: stepRequest(step) }], release))
    await eventually('the first runs', () => adapter.seen.length === 1)
    expect(executor.running).toBe(2)
    executor.cancelAll('shutdown')
    await Promise.all(running)
    expect(adapter.seen).toHaveLength(1)
    expect(results).toMatchObject([{ stepId: 'a', errorType: 'handler_lost' }])
    expect(givenBack).toHaveLength(1)
  })

  it('lets the next call in when one leaves', async () => {
    const adapter = new ScriptedAdapter(async (request) => success(claimedStep(request.stepId)))
    adapter.inFlightMax = 1
    const { executor, results } = executorOver(adapter)
    const steps = ['a', 'b', 'c'].map((name) => claimedStep(name))
    await Promise.all(steps.map((step) => executor.run([{ step, request: stepRequest(step) }], { release: () => {} })))
    expect(results.map(({ stepId }) => stepId)).toEqual(['a', 'b', 'c'])
    expect(executor.running).toBe(0)
  })

  it('believes a handler that succeeds although it was told to stop', async () => {
    const lastMinute = new ScriptedAdapter(async (_request, cancelled) => {
      await cancelled
      return success(claimedStep('a'))
    })
    const { results, run } = executorOver(lastMinute, { handlerTimeoutMs: 20 })
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ success: true }])
  })

  it('says that a shutdown stopped the handler', async () => {
    const adapter = new ScriptedAdapter(untilCancelled)
    const { executor, results, run } = executorOver(adapter)
    const running = run(stepRequest(claimedStep('a')))
    await eventually('the handler runs', () => adapter.seen.length === 1)
    executor.cancelAll('shutdown')
    await running
    expect(results).toMatchObject([{ errorType: 'handler_lost', retryable: true }])
  })

  it.each([
    ['metadata that is no object', { metadata: '[]' as JsonText }],
    ['a result that is too deep', { result: '[[[[[[[[[[[1]]]]]]]]]]]' as JsonText }],
    ['a result that is too large', { result: `"${'x'.repeat(1_001)}"` as JsonText }],
  ])('refuses %s', async (_what, part) => {
    const { results, run } = executorOver(
      new ScriptedAdapter(async () => ({ ...success(claimedStep('a')), ...part }) as StepResult),
    )
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ errorType: 'invalid_result', retryable: false }])
  })

  it('checks the context of an error too', async () => {
    const bad = { ...hostFailure(claimedStep('a').stepId, 'handler_error', 'no'), context: 'nonsense' as JsonText }
    const { results, run } = executorOver(new ScriptedAdapter(async () => bad))
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ errorType: 'invalid_result' }])
  })
})
