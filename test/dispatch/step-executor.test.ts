// One step at a time: what becomes of it when the handler, the runtime or the directory behaves badly.
import { afterEach, describe, expect, it } from 'vitest'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'
import { HandlerDirectory } from '../../src/dispatch/handler-directory.ts'
import { RunnableSteps } from '../../src/dispatch/runnable-steps.ts'
import { Semaphore } from '../../src/dispatch/semaphore.ts'
import { StepExecutor } from '../../src/dispatch/step-executor.ts'
import { HostError } from '../../src/model/host-error.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import { hostFailure, type StepResult } from '../../src/model/step-result.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ScriptedAdapter, untilCancelled } from './scripted-adapter.ts'
import { claimedStep, quietEvents, stepRequest, success } from './steps.ts'

const wheels: DeadlineWheel[] = []
afterEach(() => {
  for (const wheel of wheels.splice(0)) wheel.stop()
})

function setUp(adapter: ScriptedAdapter, handlerTimeoutMs = 30_000) {
  const results: StepResult[] = []
  const givenBack: string[] = []
  const deadlines = new DeadlineWheel()
  wheels.push(deadlines)
  const directory = new HandlerDirectory([adapter], { namespaceRuntimes: {} })
  const noTasks = { load: async () => [] }
  const options = { namespaces: [], rootsByTemplate: new Map(), refreshMs: 1_000 }
  const executor = new StepExecutor(
    { handlerTimeoutMs, resultLimits: { bytesMax: 1_000, depthMax: 10 } },
    {
      directory,
      deadlines,
      events: quietEvents,
      runnable: new RunnableSteps(noTasks, directory, options),
      finished: (_step, result) => results.push(result),
      notStarted: (_step, reason) => givenBack.push(reason),
    },
  )
  const semaphore = new Semaphore(1)
  const run = async (request: Parameters<StepExecutor['run']>[1]) => {
    const [permit] = semaphore.take(1)
    if (permit === undefined) throw new Error('no permit')
    await executor.run(claimedStep('a'), request, permit)
    expect(semaphore.free).toBe(1)
  }
  return { executor, results, givenBack, run }
}

describe('StepExecutor', () => {
  it('brings a success back', async () => {
    const { results, run } = setUp(new ScriptedAdapter(async () => success(claimedStep('a'))))
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ success: true }])
  })

  it('fails a step whose template lost it, and one without a handler', async () => {
    const { results, run } = setUp(new ScriptedAdapter(untilCancelled))
    await run(null)
    await run(stepRequest(claimedStep('a'), { handler: { callable: 'nobody', method: null, resolver: null } }))
    expect(results).toMatchObject([
      { errorType: 'handler_not_found', retryable: false },
      { errorType: 'handler_not_found', retryable: false },
    ])
  })

  it('gives a step back when its runtime could not take it', async () => {
    const refuse = async () => {
      throw new HostError('RUNTIME_UNAVAILABLE', 'not now')
    }
    const { results, givenBack, run } = setUp(new ScriptedAdapter(refuse))
    await run(stepRequest(claimedStep('a')))
    expect(results).toEqual([])
    expect(givenBack).toEqual(['not now'])
  })

  it('takes the step’s own time limit before the worker’s', async () => {
    const { results, run } = setUp(new ScriptedAdapter(untilCancelled))
    await run(stepRequest(claimedStep('a'), { timeoutMs: 30 }))
    expect(results).toMatchObject([{ errorType: 'handler_timeout', retryable: true }])
    expect(results[0]).toHaveProperty('message', expect.stringContaining('timed out after 30ms'))
  })

  it('sends a runtime no more calls than it can hold, and gives back what still waits at a shutdown', async () => {
    const adapter = new ScriptedAdapter(untilCancelled)
    Object.defineProperty(adapter, 'inFlightMax', { value: 1 })
    const { executor, results, givenBack } = setUp(adapter)
    const release = { release: () => {} }
    const steps = ['a', 'b'].map((name) => claimedStep(name))
    const running = steps.map((step) => executor.run(step, stepRequest(step), release))
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
    Object.defineProperty(adapter, 'inFlightMax', { value: 1 })
    const { executor, results } = setUp(adapter)
    const steps = ['a', 'b', 'c'].map((name) => claimedStep(name))
    await Promise.all(steps.map((step) => executor.run(step, stepRequest(step), { release: () => {} })))
    expect(results.map(({ stepId }) => stepId)).toEqual(['a', 'b', 'c'])
    expect(executor.running).toBe(0)
  })

  it('believes a handler that succeeds although it was told to stop', async () => {
    const lastMinute = new ScriptedAdapter(async (_request, cancelled) => {
      await cancelled
      return success(claimedStep('a'))
    })
    const { results, run } = setUp(lastMinute, 20)
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ success: true }])
  })

  it('says that a shutdown stopped the handler', async () => {
    const adapter = new ScriptedAdapter(untilCancelled)
    const { executor, results, run } = setUp(adapter)
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
    const { results, run } = setUp(
      new ScriptedAdapter(async () => ({ ...success(claimedStep('a')), ...part }) as StepResult),
    )
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ errorType: 'invalid_result', retryable: false }])
  })

  it('checks the context of an error too', async () => {
    const bad = { ...hostFailure(claimedStep('a').stepId, 'handler_error', 'no'), context: 'nonsense' as JsonText }
    const { results, run } = setUp(new ScriptedAdapter(async () => bad))
    await run(stepRequest(claimedStep('a')))
    expect(results).toMatchObject([{ errorType: 'invalid_result' }])
  })
})
