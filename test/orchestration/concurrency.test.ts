// Two orchestrators on one database: branches that finish together join exactly once, whoever sees them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

const rounds = 60
const width = 6
const branches = Array.from({ length: width }, (_, i) => `branch_${i}`)
let bench: Bench

beforeAll(async () => {
  bench = await openBench([
    sketch('join', { ...Object.fromEntries(branches.map((name) => [name, {}])), joined: { after: branches } }),
  ])
})
afterAll(() => bench.close())

async function allSettled(orchestrator: Orchestrator, taskIds: readonly string[]): Promise<boolean> {
  const states = await Promise.all(taskIds.map((taskId) => orchestrator.progress(taskId)))
  return states.every((task) => settledTaskStates.has(task.state))
}

describe('two orchestrators', () => {
  it('join diamonds whose branches finish at the same time', async () => {
    const pair = [
      bench.orchestrator({ timing: { resultPollMs: 1 } }),
      bench.orchestrator({ timing: { resultPollMs: 1 } }),
    ] as const
    await Promise.all(pair.map((orchestrator) => orchestrator.start()))
    const tasks = await Promise.all(
      Array.from({ length: rounds }, (_, i) => (i % 2 === 0 ? pair[0] : pair[1]).createTask(request('join'))),
    )
    const taskIds = tasks.map((task) => task.taskId)
    const ran: string[] = []
    await until(async () => {
      const steps = await bench.worker.claim()
      ran.push(...steps.map((step) => `${step.taskId}:${step.name}`))
      // Every result comes twice, and in any order.
      const shuffled = [...steps].sort((a, b) => (a.stepId.slice(-6) < b.stepId.slice(-6) ? -1 : 1))
      await Promise.all(shuffled.map((step) => bench.worker.complete(step, { success: true }, 2)))
      return allSettled(pair[0], taskIds)
    })
    expect(ran.length).toBe(rounds * (width + 1))
    expect(new Set(ran).size).toBe(ran.length)
    for (const task of await Promise.all(taskIds.map((taskId) => pair[1].task(taskId)))) {
      expect(task.state).toBe('complete')
      expect(task.steps.map((step) => step.attempts)).toEqual(Array.from({ length: width + 1 }, () => 1))
    }
    expect(bench.faults).toEqual([])
    const [queue] = await bench.rows('SELECT count(*)::int AS left_over FROM pgmq.q_orchestration_step_results')
    expect(queue).toEqual({ left_over: 0 })
    await Promise.all(pair.map((orchestrator) => orchestrator.stop()))
  })

  it('create one task of one identity when both are asked at once', async () => {
    const pair = [bench.orchestrator(), bench.orchestrator()] as const
    const asked = Array.from({ length: 8 }, (_, i) =>
      pair[i % 2 === 0 ? 0 : 1].createTask(request('join', { freshIdentity: false })).then(
        () => 'created',
        (error: { code: string }) => error.code,
      ),
    )
    const answers = (await Promise.all(asked)).sort()
    expect(answers).toEqual([...Array.from({ length: 7 }, () => 'TASK_DUPLICATE'), 'created'])
  })

  it('show themselves while they run', async () => {
    const orchestrator = bench.orchestrator()
    const count = async () => (await bench.rows('SELECT count(*)::int AS n FROM stephost.orchestrators'))[0]?.['n']
    const before = await count()
    await orchestrator.start()
    expect(await count()).toBe(Number(before) + 1)
    await orchestrator.stop()
    await orchestrator.stop()
    expect(await count()).toBe(before)
  })
})
