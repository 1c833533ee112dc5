// Limits against a real database: what is full never stops what lies behind it, is never exceeded, and changes while steps run.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PermitLimits } from '../../src/dispatch/permit-views.ts'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { ClaimRequest } from '../../src/model/claim-source.ts'
import type { StepId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskTemplate } from '../../src/model/template.ts'
import { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { eventually } from '../fixtures/eventually.ts'
import { handlerDescriptor, ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, queue, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { sourceOf, startWorker, type TestWorkerOptions } from './workers.ts'

const callables = ['charge', 'ship', 'render'] as const
type Callable = (typeof callables)[number]

let steps: StepDatabase
let worker: Worker | null = null
/** Handlers that run, in the order in which they began, with what ends them. */
let running: { callable: string; finish: () => void }[]
let most: Record<string, number>
let done: Record<string, number>
let holds: (callable: string) => boolean
let adapter: ScriptedAdapter
let orchestrator: Orchestrator

beforeEach(async () => {
  steps = await openStepDatabase()
  await steps.store.registerTemplates(callables.map((callable) => oneStep(callable)))
  orchestrator = new Orchestrator({ store: steps.store, wakeUps: null, onFault: () => {}, onWarning: () => {} })
  running = []
  most = {}
  done = {}
  holds = () => true
  adapter = new ScriptedAdapter(async (request) => {
    const { callable } = request.handler
    if (holds(callable)) {
      await new Promise<void>((finish) => {
        running.push({ callable, finish })
        most[callable] = Math.max(most[callable] ?? 0, runningOf(callable))
        most['all'] = Math.max(most['all'] ?? 0, running.length)
      })
    }
    done[callable] = (done[callable] ?? 0) + 1
    return success({ stepId: request.stepId } as Parameters<typeof success>[0])
  })
  adapter.announced = callables.map((callable) => handlerDescriptor(callable))
})

afterEach(async () => {
  holds = () => false
  finish(Number.POSITIVE_INFINITY)
  const forced = setInterval(() => finish(Number.POSITIVE_INFINITY), 5)
  await worker?.stop()
  clearInterval(forced)
  worker = null
  await steps.close()
})

async function start(permits: PermitLimits, options: TestWorkerOptions = {}): Promise<Worker> {
  worker = await startWorker(steps, adapter, { permits, ...options })
  return worker
}

const runningOf = (callable: string) => running.filter((each) => each.callable === callable).length

/** Lets so many running handlers of that name end. */
function finish(count: number, callable?: string): void {
  for (let left = count; left > 0; left -= 1) {
    const index = running.findIndex((each) => callable === undefined || each.callable === callable)
    if (index === -1) return
    running.splice(index, 1)[0]?.finish()
  }
}

async function enqueue(callable: Callable, count = 1): Promise<readonly StepId[]> {
  const ids: StepId[] = []
  for (let index = 0; index < count; index += 1) {
    const task = await orchestrator.createTask({
      ...{ namespace: 'shop', name: callable, version: null, context: '{}' as JsonText, tags: [], priority: null },
      ...{ initiator: 'test', sourceSystem: 'test', reason: 'test', correlationId: null, parentCorrelationId: null },
      ...{ freshIdentity: true, inputSchema: 'off' },
    })
    ids.push(...task.steps.map(({ stepId }) => stepId))
  }
  return ids
}

function oneStep(callable: Callable): TaskTemplate {
  const handler = { callable, method: null, resolver: null }
  const retry = { attemptsMax: 3, retryable: true, backoff: 'none', backoffBaseMs: null, backoffMaxMs: null } as const
  const configuration = JSON.stringify({
    ...{ name: callable, namespace_name: 'shop', version: '1.0.0' },
    steps: [{ name: 'work', type: 'standard', handler, dependencies: [], retry: { retryable: true, max_attempts: 3 } }],
  })
  return {
    ...{ namespace: 'shop', name: callable, version: '1.0.0', description: null, inputSchema: null },
    steps: [
      { ...handler, retry, name: 'work', type: 'standard', dependencies: [], timeoutMs: null, initialization: null },
    ],
    configuration: configuration as JsonText,
  }
}

describe('a handler with a limit', () => {
  it('never runs more often than that among others, which run at full speed', async () => {
    for (let index = 0; index < 20; index += 1) {
      await enqueue('charge', 2)
      await enqueue('ship', 2)
      await enqueue('render')
    }
    await start({ permitsMax: 10, handlers: { charge: 2 } }, { prefetchMax: 8 })
    await eventually('all permits are used', () => running.length === 10 && runningOf('charge') === 2)
    // The others end without the limited one having ended once.
    for (let ended = 0; ended < 60; ended += 1) {
      await eventually('another one runs', () => running.length > runningOf('charge'))
      finish(1, running.find(({ callable }) => callable !== 'charge')?.callable)
    }
    await eventually('the others are done', () => (done['ship'] ?? 0) + (done['render'] ?? 0) === 60)
    expect([runningOf('charge'), done['charge']]).toEqual([2, undefined])
    for (let ended = 0; ended < 40; ended += 1) {
      await eventually('the next one runs', () => runningOf('charge') > 0)
      finish(1, 'charge')
    }
    await eventually('all are done', () => done['charge'] === 40)
    expect(most).toMatchObject({ charge: 2, all: 10 })
    // What was claimed ran: nothing was claimed too much and given back.
    expect(worker?.counters.released).toBe(0)
  }, 60_000)

  it('does not stop what lies far behind a queue full of its steps', async () => {
    await enqueue('charge', 2)
    const [busy] = await enqueue('charge')
    // As many messages as several windows hold; all of one step, which has to wait.
    await steps.scalar(
      `INSERT INTO pgmq."q_${queue}" (vt, message)
       SELECT clock_timestamp(), q.message FROM pgmq."q_${queue}" q, generate_series(1, 6000) WHERE q.message ->> 'step_uuid' = $1`,
      [busy],
    )
    await enqueue('ship')
    await start({ permitsMax: 10, handlers: { charge: 2 } })
    await eventually('the one behind them runs', () => runningOf('ship') === 1)
    await enqueue('ship')
    await eventually('and one that comes later', () => runningOf('ship') === 2)
    expect(runningOf('charge')).toBe(2)
    expect(await steps.queued()).toBeGreaterThan(6000)
  }, 60_000)

  it('leaves messages that have to wait as they are', async () => {
    await enqueue('charge', 3)
    const vts = () => steps.scalar(`SELECT string_agg(vt::text, ' ' ORDER BY msg_id) FROM pgmq."q_${queue}"`)
    await start({ permitsMax: 10, handlers: { charge: 1 } }, { prefetchMax: 0 })
    await eventually('one runs', () => runningOf('charge') === 1)
    await eventually('two wait', async () => (await steps.queued()) === 2)
    const before = await vts()
    await enqueue('ship')
    await eventually('another claim was made', () => runningOf('ship') === 1)
    expect(await vts()).toBe(before)
  })

  it('claims a last attempt only where it starts at once', async () => {
    const lasts = await enqueue('charge', 2)
    await steps.scalar('UPDATE tasker.workflow_steps SET attempts = 2 WHERE workflow_step_uuid = ANY ($1)', [lasts])
    const [first] = await enqueue('charge')
    await enqueue('ship')
    await start({ permitsMax: 10, handlers: { charge: 1 } }, { prefetchMax: 8 })
    await eventually('a claim was made', () => runningOf('ship') === 1 && runningOf('charge') === 1)
    await eventually('the other steps stay in the queue', async () => (await steps.queued()) === 2)
    const states = async () => Promise.all([...lasts, first as StepId].map((step) => steps.state(step)))
    // One that could wait here would go before the last attempt.
    expect(await states()).toEqual(['in_progress', 'enqueued', 'enqueued'])
    for (let ended = 1; ended <= 3; ended += 1) {
      finish(1, 'charge')
      await eventually(
        'the next one runs',
        () => done['charge'] === ended && (ended === 3 || runningOf('charge') === 1),
      )
    }
    expect(worker?.counters.released).toBe(0)
  })

  it('lets no last attempt wait for as long as others are claimed ahead', async () => {
    const [last] = await enqueue('ship')
    await steps.scalar('UPDATE tasker.workflow_steps SET attempts = 2 WHERE workflow_step_uuid = $1', [last])
    await steps.scalar(`UPDATE pgmq."q_${queue}" SET vt = clock_timestamp() + interval '1 hour'`)
    await enqueue('ship', 30)
    let claims = 0
    const source = sourceOf(steps)
    const claim = async (request: ClaimRequest) => source.claim(request).finally(() => (claims += 1))
    const busy = await start({ permitsMax: 1 }, { prefetchMax: 4, source: { claim } })
    await eventually('the others run and wait', () => runningOf('ship') === 1 && busy.usage().waiting === 4)
    await steps.scalar(`UPDATE pgmq."q_${queue}" SET vt = enqueued_at`)
    for (let ended = 1; (await steps.state(last as StepId)) === 'enqueued'; ended += 1) {
      expect(ended).toBeLessThan(12)
      finish(1)
      await eventually('the next one runs', () => done['ship'] === ended && runningOf('ship') === 1)
      const before = claims
      await eventually('what runs down is filled again, or not', () => busy.usage().waiting > 2 || claims > before + 1)
    }
  })

  it('fills no prefetch with more steps than it may run', async () => {
    await enqueue('charge', 20)
    await enqueue('ship', 4)
    await start({ permitsMax: 4, handlers: { charge: 1 } }, { prefetchMax: 8 })
    await eventually('all permits are used', () => running.length === 4)
    expect(runningOf('ship')).toBe(3)
    expect(worker?.usage()).toMatchObject({
      permitsUsed: 4,
      permitsMax: 4,
      views: [{ name: 'charge', used: 1, limit: 1 }],
    })
    expect(worker?.usage().waiting).toBeLessThanOrEqual(2)
  })
})

describe('languages, namespaces and weights', () => {
  it('bound what runs, together', async () => {
    await enqueue('charge', 3)
    await enqueue('render', 3)
    await start({ permitsMax: 10, languages: { python: 5 }, weights: { render: 3 } }, { prefetchMax: 2 })
    await eventually('the light ones and no heavy one run', () => runningOf('charge') === 3)
    finish(1, 'charge')
    await eventually('a heavy one fits', () => runningOf('render') === 1)
    expect(worker?.usage().permitsUsed).toBe(5)
    finish(2, 'charge')
    finish(1, 'render')
    await eventually('the next heavy one', () => done['render'] === 1 && runningOf('render') === 1)
    finish(1, 'render')
    await eventually('and the last', () => done['render'] === 2 && runningOf('render') === 1)
    expect(most['render']).toBe(1)
  })

  it('bound a namespace', async () => {
    await enqueue('ship', 6)
    await start({ permitsMax: 10, namespaces: { shop: 2 } }, { prefetchMax: 8 })
    for (let ended = 0; ended < 6; ended += 1) {
      await eventually('as many as may', () => running.length === Math.min(2, 6 - ended))
      finish(1)
    }
    expect(most['all']).toBe(2)
  })

  it('do not starve a heavy step behind a stream of light ones', async () => {
    await enqueue('ship', 3)
    await enqueue('render')
    await start({ permitsMax: 4, weights: { render: 4 } }, { prefetchMax: 4 })
    await eventually('the light ones run', () => runningOf('ship') === 3)
    await enqueue('ship', 6)
    for (let ended = 0; ended < 3; ended += 1) finish(1, 'ship')
    await eventually('the heavy one runs, alone', () => runningOf('render') === 1 && running.length === 1)
    finish(1, 'render')
    await eventually('the light ones go on', () => runningOf('ship') === 4)
  })
})

describe('changed limits', () => {
  it('hold at once, with running steps that keep what they have', async () => {
    await enqueue('charge', 12)
    const loadShedding = { enabled: false, capacityThresholdPercent: 80, warningThresholdPercent: 70 }
    const rest = { loadShedding, prefetchMax: 0, handlerTimeoutMs: 30_000 }
    const changing = await start({ permitsMax: 6 }, { prefetchMax: 0 })
    await eventually('all permits are used', () => runningOf('charge') === 6)
    changing.adjust({ ...rest, permits: { permitsMax: 6, handlers: { charge: 2 } } })
    expect(changing.usage().views).toMatchObject([{ name: 'charge', used: 6, limit: 2 }])
    finish(4, 'charge')
    await eventually('four are done', async () => done['charge'] === 4)
    await enqueue('ship')
    await eventually('another one runs beside', () => runningOf('ship') === 1)
    expect(runningOf('charge')).toBe(2)
    finish(1, 'charge')
    await eventually('one at a time comes after', () => done['charge'] === 5 && runningOf('charge') === 2)
    changing.adjust({ ...rest, permits: { permitsMax: 6, handlers: { charge: 5 } } })
    await eventually('more at once', () => runningOf('charge') === 5)
    changing.adjust({ ...rest, permits: { permitsMax: 9 } })
    await eventually('all', () => runningOf('charge') === 7)
  })
})

describe('load shedding', () => {
  const loadShedding = { enabled: true, capacityThresholdPercent: 50, warningThresholdPercent: 40 }

  it('claims nothing ahead of a free permit from the threshold on, and leaves no permit idle', async () => {
    await enqueue('ship', 20)
    const shedding = await start({ permitsMax: 4 }, { prefetchMax: 4, loadShedding })
    await eventually('all permits are used', () => runningOf('ship') === 4)
    await eventually('it sheds', () => shedding.usage().loadState === 'shedding')
    for (let ended = 0; ended < 12; ended += 1) {
      finish(1)
      await eventually('the permit is used again', () => runningOf('ship') === 4)
    }
    expect(shedding.usage().waiting).toBeLessThanOrEqual(4)
    expect(shedding.usage().timesShed).toBeGreaterThan(0)
  })
})
