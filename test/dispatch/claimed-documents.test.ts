// What handlers get of a step is the same whether the claim brought it or a look of its own.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ClaimId, StepId, WorkerId } from '../../src/model/ids.ts'
import type { ClaimedStep, StepRequest } from '../../src/model/step-request.ts'
import type { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { openStepDatabase, type StepDatabase } from './step-database.ts'
import { sourceOf, storeOf } from './workers.ts'

const workerId = '00000000-0000-4000-8000-00000000000a' as string as WorkerId
let steps: StepDatabase
let store: PostgresStepStore
beforeAll(async () => {
  steps = await openStepDatabase()
  store = storeOf(steps, 60_000)
  await store.register({ workerId, host: 'test', namespaces: ['shop'], runnable: [] })
})
afterAll(() => steps.close())

async function claim(): Promise<ClaimedStep> {
  const [named] = await store.load(['shop'])
  if (named === undefined) throw new Error('the template is not registered')
  const runnable = [{ namedTaskId: named.namedTaskId, templateStep: 'work' }]
  const claimId = '00000000-0000-4000-8000-00000000000b' as string as ClaimId
  const { steps: claimed } = await sourceOf(steps).claim({ workerId, claimId, free: 1, prefetch: 0, runnable })
  const [step] = claimed
  if (step === undefined) throw new Error('nothing was claimed')
  return step
}

async function hydrated(step: ClaimedStep): Promise<StepRequest> {
  const request = (await store.hydrate([step])).get(step.stepId)
  if (request === undefined) throw new Error('the step was not hydrated')
  return request
}

async function bothWays(step: ClaimedStep): Promise<[StepRequest, StepRequest]> {
  return [await hydrated(step), await hydrated({ ...step, documents: null })]
}

/** All but the time of the last change, which the claim moves. */
function seen({ workflowStep, ...request }: StepRequest): object {
  return { ...request, workflowStep: { ...JSON.parse(workflowStep), updated_at: null } }
}

it('comes with the claim for a step without parents', async () => {
  await steps.enqueue('{"amount": 9223372036854775807, "rate": 1.0, "name": "Zoë"}')
  const step = await claim()
  expect(step.documents?.task).toContain('9223372036854775807')
  const [withClaim, onItsOwn] = await bothWays(step)
  expect(seen(withClaim)).toEqual(seen(onItsOwn))
  expect(JSON.parse(withClaim.task)).toMatchObject({
    ...{ task_name: 'one_step', task_version: '1.0.0', namespace_name: 'shop' },
    task: { task_uuid: step.taskId, context: { name: 'Zoë' } },
  })
  expect(withClaim.dependencyResults).toBe('{}')
})

it('shows the last attempt of a step that is tried again, not this one', async () => {
  const id = await steps.enqueue()
  await steps.scalar(
    `UPDATE tasker.workflow_steps SET attempts = 1, last_attempted_at = '2026-01-02 03:04:05' WHERE workflow_step_uuid = $1`,
    [id],
  )
  const request = await hydrated(await claim())
  expect(JSON.parse(request.workflowStep)).toMatchObject({
    ...{ attempts: 1, in_process: false, last_attempted_at: '2026-01-02T03:04:05' },
  })
})

it('is looked at apart where it is large, so that the answer of a claim stays small', async () => {
  await steps.enqueue(
    JSON.stringify({ noise: Array.from({ length: 20 }, () => randomBytes(6_000).toString('base64')) }),
  )
  const step = await claim()
  expect(step.documents).toBeNull()
  expect((await hydrated(step)).task.length).toBeGreaterThan(100_000)
})

it('is looked at apart where the step has parents, whose results come along', async () => {
  const parent = await steps.enqueue()
  const child = await steps.enqueue()
  await steps.scalar(
    `UPDATE tasker.workflow_steps SET processed = true, results = '{"success":true,"result":{"n":1}}' WHERE workflow_step_uuid = $1`,
    [parent],
  )
  await steps.scalar(
    `INSERT INTO tasker.workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at) VALUES ($1, $2, 'provides', now(), now())`,
    [parent, child],
  )
  const claimed = new Map<StepId, ClaimedStep>()
  for (const step of [await claim(), await claim()]) claimed.set(step.stepId, step)
  const step = claimed.get(child)
  if (step === undefined) throw new Error('the child was not claimed')
  expect(step.documents).toBeNull()
  expect(JSON.parse((await hydrated(step)).dependencyResults)).toEqual({ work: { success: true, result: { n: 1 } } })
})
