// The priority of a task, from its request to the order in which a worker gets its steps: the first ones, and those that become ready later.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { Claim, ClaimRequest } from '../../src/model/claim-source.ts'
import { PgmqClaimSource } from '../../src/postgres/pgmq-claim-source.ts'
import { startOwner } from '../dispatch/workers.ts'
import { until } from './fake-worker.ts'
import { type Bench, namespace, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let owner: Worker
beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
  owner = await startOwner(bench)
})
afterAll(async () => {
  await owner.stop()
  await bench.close()
})

async function claim(free: number): Promise<Claim['steps']> {
  const source = new PgmqClaimSource(bench.database, {
    ...{ namespaces: [namespace], foreignRetryMs: 60_000, foreignGraceMs: 60_000, onClaim: 'archive' },
  })
  const [template] = await bench.rows('SELECT named_task_uuid AS id FROM tasker.named_tasks')
  const runnable = ['one', 'two'].map((templateStep) => ({ namedTaskId: template?.['id'], templateStep }))
  const more = { workerId: owner.workerId, claimId: crypto.randomUUID(), free, prefetch: 0, runnable }
  return (await source.claim(more as unknown as ClaimRequest)).steps
}

it('decides which steps are claimed first', async () => {
  const orchestrator = bench.orchestrator()
  await orchestrator.start()
  const priorities = [0, 7, -100, 7, null, 100, 2_147_483_647, -2_147_483_647]
  const tasks = new Map<string, number>()
  for (const priority of priorities) {
    const task = await orchestrator.createTask(request('pair', { priority }))
    expect(task.priority).toBe(priority ?? 0)
    tasks.set(task.taskId, priority ?? 0)
  }
  const order = priorities.map((priority) => priority ?? 0).toSorted((a, b) => b - a)
  const prioritiesOf = (steps: Claim['steps']) => steps.map(({ taskId }) => tasks.get(taskId))
  // Three at a time: what is left over does not come back in another order.
  const first = [...(await claim(3)), ...(await claim(3)), ...(await claim(3))]
  expect(prioritiesOf(first)).toEqual(order)
  // The results come in the order of age, the wrong one for priorities.
  for (const { stepId, taskId } of first.toSorted((a, b) => (a.stepId < b.stepId ? -1 : 1))) {
    await bench.worker.complete({ stepId, taskId, name: 'one', attempts: 1 }, { success: true })
  }
  await until(async () => {
    const states = await Promise.all(
      [...tasks.keys()].map(async (id) => (await orchestrator.progress(id)).steps[1]?.state),
    )
    return states.every((state) => state === 'enqueued')
  })
  const second = [...(await claim(5)), ...(await claim(5))]
  expect(second.map(({ templateStep }) => templateStep)).toEqual(priorities.map(() => 'two'))
  expect(prioritiesOf(second)).toEqual(order)
  await orchestrator.stop()
  expect(bench.faults).toEqual([])
})
