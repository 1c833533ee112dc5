// A second orchestrator and a second worker come and are killed with -9 while forty tasks run: nobody who watches the tasks notices.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readExecutionLog } from '../chaos/execution-log.ts'
import { namespace, readHistory, readProgress } from '../chaos/history.ts'
import { historyProblems } from '../chaos/history-check.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type FlowProject, openFlowProject, submit } from './flow-project.ts'

const tasks = 40
const stepsPerTask = 4

let project: FlowProject
beforeEach(async () => {
  project = await openFlowProject()
})
afterEach(() => project.close())

it('all tasks complete, and no step runs twice without its attempt', async () => {
  const [first] = await Promise.all([project.start('orchestrator'), project.start('worker')])
  const log = join(project.directory, 'executions.log')
  const gate = join(project.directory, 'gate')
  const accepted: { taskId: string; steps: number }[] = []
  // The first tasks run as they come, the others not before the gate is open: so the second worker surely dies with steps in its hands.
  const handIn = async (address: string, count: number, context: object) => {
    for (let n = 0; n < count; n += 1) {
      accepted.push({
        taskId: await submit(address, 'diamond', { log, n: accepted.length, ...context }, namespace),
        steps: stepsPerTask,
      })
    }
  }
  await handIn(first.address, 10, {})
  const [secondOrchestrator, secondWorker] = await Promise.all([project.start('orchestrator'), project.start('worker')])
  await handIn(secondOrchestrator.address, 10, {})
  await handIn(secondOrchestrator.address, 10, { gate })
  await handIn(first.address, 10, { gate })
  const { worker_id } = (await (await fetch(`${secondWorker.address}/health`)).json()) as { worker_id: string }
  const held = () =>
    project.db.value(
      `(SELECT count(*)::int FROM tasker.workflow_step_transitions WHERE most_recent AND to_state = 'in_progress' AND metadata ->> 'worker_uuid' = $1)`,
      worker_id.replace(/^worker-/, ''),
    )
  const progress = () => readProgress(project.db.database)
  await eventually('the second worker holds steps', async () => Number(await held()) > 0, 20_000)
  await eventually('a quarter is done', async () => (await progress()).results >= tasks, 20_000)
  for (const { process } of [secondOrchestrator, secondWorker]) process.signalAll('SIGKILL')
  await Promise.all([secondOrchestrator, secondWorker].map(({ process }) => process.ended))
  expect((await progress()).results).toBeLessThan(tasks * stepsPerTask)
  writeFileSync(gate, '')
  await eventually('nothing is open', async () => (await progress()).open === 0, 30_000)
  const history = await readHistory(project.db.database)
  expect(history.tasks.map(({ state }) => state)).toEqual(Array.from({ length: tasks }, () => 'complete'))
  expect(historyProblems(history, readExecutionLog(log), { accepted, settledBy: 'orchestrator' })).toEqual([])
  const attempts = history.tasks.flatMap(({ steps }) => steps.map((step) => step.attempts))
  expect(Math.max(...attempts)).toBeGreaterThan(1)
}, 120_000)
