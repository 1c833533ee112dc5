// What orchestration is told of results, and what a checkpoint in between tells nobody.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { StepId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { StepResult, StepSuccess } from '../../src/model/step-result.ts'
import type { FinishedStep } from '../../src/model/step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type Ear, listenTo } from '../fixtures/heard-notifications.ts'
import { enqueueMany, sendMany, stateCounts } from './bulk-steps.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { startWorker } from './workers.ts'

const channels = ['pgmq_message_ready', 'pgmq_message_ready.orchestration', 'pgmq_message_ready.shop']

let steps: StepDatabase
let ear: Ear
let worker: Worker | null = null
beforeAll(async () => {
  steps = await openStepDatabase()
  ear = await listenTo(steps.url, channels)
})
afterEach(async () => {
  await worker?.stop()
  worker = null
  await steps.database.query({ text: `SELECT pgmq.purge_queue('orchestration_step_results')` })
  await steps.database.query({ text: 'DELETE FROM stephost.orchestrators' })
})
afterAll(async () => {
  await ear.close()
  await steps.close()
})

const done = ({ stepId }: { stepId: StepId }): StepResult => success({ stepId } as never)

/** Four results, stored in one statement. Resolves with the steps and what was announced of them. */
async function storeFour() {
  const ids = await enqueueMany(steps, 4, { send: false })
  let running = 0
  let open: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const adapter = new ScriptedAdapter(async (request) => {
    running += 1
    if (running === 4) open()
    await gate
    return done(request)
  })
  worker = await startWorker(steps, adapter, { concurrentHandlersMax: 4 })
  ear.forget()
  await sendMany(
    steps,
    ids.map((step_uuid) => JSON.stringify({ step_uuid })),
  )
  await eventually('all are stored', async () => (await stateCounts(steps, ids))['enqueued_for_orchestration'] === 4)
  return { ids, heard: await ear.heard() }
}

const orchestratorSeen = (agoS: number) =>
  steps.database.query({
    text: `INSERT INTO stephost.orchestrators (orchestrator_uuid, host, heartbeat_at) VALUES (gen_random_uuid(), 'test', clock_timestamp() - make_interval(secs => $1))`,
    values: [agoS],
  })

describe('results for an orchestrator', () => {
  it('of ours are messages with one wake-up for all', async () => {
    await orchestratorSeen(0)
    const { ids, heard } = await storeFour()
    expect(await steps.queued('orchestration_step_results')).toBe(4)
    const toOrchestration = heard.filter(({ channel }) => channel === 'pgmq_message_ready.orchestration')
    expect(toOrchestration.length).toBeGreaterThan(0)
    expect(toOrchestration.length).toBeLessThan(4)
    expect(ids.filter((id) => JSON.stringify(heard).includes(id))).toEqual([])
  })

  it.each([
    ['that we know nothing of', null],
    ['of ours that has fallen silent', 60],
  ])('%s are announced one by one, with their message', async (_, agoS) => {
    if (agoS !== null) await orchestratorSeen(agoS)
    const { ids, heard } = await storeFour()
    for (const channel of ['pgmq_message_ready', 'pgmq_message_ready.orchestration']) {
      const announced = heard.filter(
        (one) => one.channel === channel && one.payload['queue_name'] === 'orchestration_step_results',
      )
      expect(announced.map(({ payload }) => payload['event_type'])).toEqual(Array(4).fill('message_with_payload'))
      const named = announced.map(({ payload }) => (payload['message'] as { step_uuid: string }).step_uuid)
      expect(named.toSorted()).toEqual(ids.toSorted())
    }
    expect(await steps.queued('orchestration_step_results')).toBe(4)
  })
})

describe('a handler that pauses at a checkpoint', () => {
  it('keeps its permit, its claim and its attempt, and nobody is told of it', async () => {
    const stored: FinishedStep[] = []
    const [first, ...others] = (await enqueueMany(steps, 3)) as [StepId, StepId, StepId]
    const runs: StepId[] = []
    const quiet: unknown[] = []
    const adapter = new ScriptedAdapter(async (request) => {
      runs.push(request.stepId)
      const count = runs.filter((id) => id === first).length
      if (request.stepId !== first || count === 4) return done(request)
      if (count === 3) quiet.push(...(await whatIsKnownOf(first)))
      const document =
        `{"cursor":${count},"items_processed":${count * 10},"accumulated_results":{"sum":${count}.0}}` as JsonText
      return { ...(done(request) as StepSuccess), outcome: { kind: 'checkpoint', document } }
    })
    ear.forget()
    const storedSteps = { stored: (finished: FinishedStep) => void stored.push(finished), drained: async () => {} }
    worker = await startWorker(steps, adapter, { concurrentHandlersMax: 1, prefetchMax: 10, storedSteps })
    await eventually(
      'all are stored',
      async () => (await stateCounts(steps, [first, ...others]))['enqueued_for_orchestration'] === 3,
    )
    // The others waited all the time, claimed or not, and no permit came free before the first was done.
    expect(runs).toEqual([first, first, first, first, ...others])
    expect(quiet).toEqual([['enqueued', 'in_progress'], 0, 0, 0, 1, true])
    expect(adapter.seen.slice(0, 4).map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0])
    const checkpoints = adapter.seen.slice(0, 4).map(({ workflowStep }) => JSON.parse(workflowStep).checkpoint)
    expect(checkpoints).toMatchObject([
      null,
      ...[1, 2, 3].map((n) => ({ cursor: n, items_processed: n * 10, accumulated_results: { sum: n } })),
    ])
    expect(await steps.states(first)).toEqual(['enqueued', 'in_progress', 'enqueued_for_orchestration'])
    expect((await steps.row(first)).attempts).toBe(1)
    expect(stored.map(({ step }) => step.stepId)).toEqual([first, ...others])
    // It stays after the success, with its history.
    const kept = await steps.scalar<string>(
      'SELECT checkpoint FROM tasker.workflow_steps WHERE workflow_step_uuid = $1',
      [first],
    )
    expect(JSON.parse(kept)).toMatchObject({ cursor: 3, history: [{ cursor: 1 }, { cursor: 2 }, { cursor: 3 }] })
    expect(kept).toContain('"accumulated_results": {"sum": 3.0}')
  })

  /** Its states, then how many messages, audit rows and notifications there are for it, its attempts, and whether it is in process. */
  async function whatIsKnownOf(step: StepId): Promise<unknown[]> {
    const row = await steps.row(step)
    const audit = 'SELECT count(*)::int FROM tasker.workflow_step_result_audit WHERE workflow_step_uuid = $1'
    return [
      await steps.states(step),
      await steps.queued('orchestration_step_results'),
      await steps.scalar(audit, [step]),
      (await ear.heard()).length,
      row.attempts,
      row.in_process,
    ]
  }

  it('stores nothing and runs no further when the claim is not its own any more', async () => {
    const [step] = (await enqueueMany(steps, 1)) as [StepId]
    const adapter = new ScriptedAdapter(async (request) => {
      // Somebody resolved the step by hand meanwhile; the worker is not told.
      await steps.database.query({
        text: `UPDATE tasker.workflow_step_transitions SET to_state = 'cancelled' WHERE workflow_step_uuid = $1 AND most_recent`,
        values: [step],
      })
      return {
        ...(done(request) as StepSuccess),
        outcome: { kind: 'checkpoint', document: '{"cursor":1,"items_processed":1}' as JsonText },
      }
    })
    worker = await startWorker(steps, adapter)
    await eventually('the result is refused', () => worker?.counters.dropped.refused === 1)
    expect(adapter.seen).toHaveLength(1)
    expect(await steps.state(step)).toBe('cancelled')
    expect(
      await steps.scalar('SELECT checkpoint FROM tasker.workflow_steps WHERE workflow_step_uuid = $1', [step]),
    ).toBeNull()
    expect(await steps.queued('orchestration_step_results')).toBe(0)
  })
})
