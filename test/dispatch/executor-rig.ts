// A step executor over one scripted runtime, without a database: what it hands on is gathered in arrays.
import { afterEach, expect } from 'vitest'
import { DeadlineWheel } from '../../src/dispatch/deadline.ts'
import { HandlerDirectory } from '../../src/dispatch/handler-directory.ts'
import { LoneSteps, type LoneStepsParts } from '../../src/dispatch/lone-steps.ts'
import { RunnableSteps } from '../../src/dispatch/runnable-steps.ts'
import { RuntimeTurns } from '../../src/dispatch/runtime-turns.ts'
import { Semaphore } from '../../src/dispatch/semaphore.ts'
import { StepCheckpoints } from '../../src/dispatch/step-checkpoints.ts'
import { StepExecutor } from '../../src/dispatch/step-executor.ts'
import { StepLogs } from '../../src/dispatch/step-logs.ts'
import type { CheckpointAck } from '../../src/model/runtime-adapter.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import type { ScriptedAdapter } from './scripted-adapter.ts'
import { claimedStep, quietEvents, stepRequest } from './steps.ts'

const wheels: DeadlineWheel[] = []
/** Called once by each test file. */
export function stopDeadlinesAfterEach(): void {
  afterEach(() => {
    for (const wheel of wheels.splice(0)) wheel.stop()
  })
}

interface ExecutorRigOptions {
  readonly handlerTimeoutMs?: number
  readonly lostWith?: LoneStepsParts['lostWith']
}

const resultLimits = { bytesMax: 1_000, depthMax: 10 }

export function executorOver(adapter: ScriptedAdapter, options: ExecutorRigOptions = {}) {
  const { handlerTimeoutMs = 30_000, lostWith = async () => [] } = options
  const stored: string[] = []
  const logs = new StepLogs()
  const store = {
    checkpoint: async ({ token }: { token: string }, data: string): Promise<CheckpointAck> => {
      stored.push(`${token} ${data}`)
      return { stored: true, message: null }
    },
  }
  const results: StepResult[] = []
  const givenBack: string[] = []
  const hydrated: string[] = []
  const ran: string[] = []
  const deadlines = new DeadlineWheel()
  wheels.push(deadlines)
  const directory = new HandlerDirectory([adapter], { namespaceRuntimes: {} })
  const noTasks = { load: async () => [] }
  const templates = { namespaces: [], rootsByTemplate: new Map(), refreshMs: 1_000 }
  const executor = new StepExecutor(
    { handlerTimeoutMs, resultLimits },
    {
      directory,
      deadlines,
      logs,
      turns: new RuntimeTurns(deadlines),
      checkpoints: new StepCheckpoints(store, resultLimits),
      events: quietEvents,
      hydrate: async (steps) => {
        hydrated.push(...steps.map(({ stepId }) => stepId))
        return new Map(steps.map((step) => [step.stepId, stepRequest(step)]))
      },
      runnable: new RunnableSteps(noTasks, directory, templates),
      holds: () => true,
      finished: ({ result }) => void results.push(result),
      lone: new LoneSteps(1_000, { isolated: () => null, arrived: () => {}, left: () => {}, lostWith }),
      ran: (callMs, count) => void ran.push(`${callMs} ms for ${count}`),
      mayStart: () => true,
      notStarted: (_step, reason) => givenBack.push(reason),
    },
  )
  const semaphore = new Semaphore({ permitsMax: 1 })
  const run = async (request: StepRequest | null, step = claimedStep('a')) => {
    const { permit } = semaphore.take()
    if (permit === null) throw new Error('no permit')
    await executor.run([{ step, request }], permit)
    expect(semaphore.free).toBe(1)
  }
  return { executor, deadlines, results, givenBack, hydrated, ran, logs, stored, store, run }
}
