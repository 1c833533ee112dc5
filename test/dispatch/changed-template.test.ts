// Templates that change in the database while a worker runs: the next step is run as the newest version says.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { StepId } from '../../src/model/ids.ts'
import { registerTemplates } from '../../src/postgres/queries/orchestration/register-templates.ts'
import { eventually } from '../fixtures/eventually.ts'
import { handlerDescriptor, ScriptedAdapter } from './scripted-adapter.ts'
import { oneStepTemplate, openStepDatabase, type StepDatabase } from './step-database.ts'
import { success } from './steps.ts'
import { startWorker } from './workers.ts'

let steps: StepDatabase
let worker: Worker | null = null
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterEach(async () => {
  await worker?.stop()
  worker = null
})
afterAll(() => steps.close())

function twoHandlers(): ScriptedAdapter {
  const adapter = new ScriptedAdapter(async (request) => ({ ...success({ stepId: request.stepId } as never) }))
  adapter.announced = [handlerDescriptor('work'), handlerDescriptor('other')]
  return adapter
}

/** The request that the step's handler got. */
async function ran(adapter: ScriptedAdapter, step: StepId) {
  await eventually('the step is done', async () => (await steps.state(step)) === 'enqueued_for_orchestration')
  const request = adapter.seen.find(({ stepId }) => stepId === step)
  return { callable: request?.handler.callable, timeoutMs: request?.timeoutMs, method: request?.handler.method }
}

/** As Tasker's worker writes it, or a person. */
async function changeElsewhere(path: string, value: string): Promise<void> {
  await steps.database.query({
    text: `UPDATE tasker.named_tasks SET configuration = jsonb_set(configuration, $1::text[], $2::jsonb), updated_at = now()`,
    values: [path, value],
  })
}

describe('a template that somebody else changed', () => {
  it('is followed by the next step', async () => {
    const adapter = twoHandlers()
    worker = await startWorker(steps, adapter)
    expect(await ran(adapter, await steps.enqueue())).toEqual({ callable: 'work', timeoutMs: null, method: null })
    await changeElsewhere('{steps,0,handler,callable}', '"other"')
    expect(await ran(adapter, await steps.enqueue())).toMatchObject({ callable: 'other' })
    await changeElsewhere('{steps,0,timeout_seconds}', '7')
    expect(await ran(adapter, await steps.enqueue())).toMatchObject({ callable: 'other', timeoutMs: 7_000 })
  })

  it('gives steps back, with their attempt, whose new callable nobody here has', async () => {
    const adapter = twoHandlers()
    worker = await startWorker(steps, adapter)
    await changeElsewhere('{steps,0,handler,callable}', '"elsewhere"')
    const step = await steps.enqueue()
    await eventually('the message is pushed away', () =>
      steps.scalar<boolean>(
        `SELECT coalesce(bool_or(vt > enqueued_at + interval '50 ms'), false) FROM pgmq.q_worker_shop_queue`,
      ),
    )
    await eventually('it is nobody’s', async () => (await steps.state(step)) === 'enqueued')
    expect((await steps.row(step)).attempts ?? 0).toBe(0)
    await changeElsewhere('{steps,0,handler,callable}', '"work"')
    expect(await ran(adapter, step)).toMatchObject({ callable: 'work' })
  })
})

describe('a template that this host registered anew', () => {
  it('is followed by the next step, and at once where the worker is told', async () => {
    const adapter = twoHandlers()
    await changeElsewhere('{steps,0,handler,callable}', '"elsewhere"')
    worker = await startWorker(steps, adapter, { pollIntervalMs: 60_000 })
    const step = await steps.enqueue()
    const written = await registerTemplates(steps.database, [oneStepTemplate()])
    expect(written).toEqual(['shop/one_step@1.0.0'])
    await worker.serveNamespaces([])
    expect(await ran(adapter, step)).toMatchObject({ callable: 'work' })
  })
})
