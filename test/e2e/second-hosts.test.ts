// A second orchestrator and a second worker come, and either these or the first ones are killed with -9 while forty tasks run: nobody who watches the tasks notices.
import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readExecutionLog } from '../chaos/execution-log.ts'
import { namespace, readHistory, readProgress } from '../chaos/history.ts'
import { historyProblems } from '../chaos/history-check.ts'
import { SeededRandom } from '../chaos/schedule.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ask, type FlowProject, openFlowProject, submit } from './flow-project.ts'

const tasks = 40
const stepsPerTask = 4
/** Handed in before the second pair comes. */
const early = 10

/** `SECOND_HOSTS_SEED` repeats a run. After so many tasks the pair is killed as soon as its worker has a step in its hands that cannot end. */
const seed = Number(process.env['SECOND_HOSTS_SEED'] ?? randomInt(2 ** 31))
const random = new SeededRandom(seed)
const dying = random.below(2)
const killedAfter = early + 1 + random.below(tasks - early)
const what = `SECOND_HOSTS_SEED=${seed}: the ${['first', 'second'][dying]} pair dies after ${killedAfter} tasks or more`

let project: FlowProject
beforeEach(async () => {
  project = await openFlowProject()
})
afterEach(() => project.close())

type Host = Awaited<ReturnType<FlowProject['start']>>

interface Pair {
  readonly orchestrator: Host
  readonly worker: Host
}

async function startPair(): Promise<Pair> {
  const [orchestrator, worker] = await Promise.all([project.start('orchestrator'), project.start('worker')])
  return { orchestrator, worker }
}

/** Whether the worker has claimed a step of a task that waits for the gate. */
async function gatedSteps({ worker }: Pair): Promise<() => Promise<boolean>> {
  const { worker_id } = (await (await fetch(`${worker.address}/health`)).json()) as { worker_id: string }
  return async () => {
    const held = await project.db.value(
      `(SELECT count(*)::int FROM tasker.workflow_step_transitions JOIN tasker.workflow_steps USING (workflow_step_uuid) JOIN tasker.tasks t USING (task_uuid)
         WHERE most_recent AND to_state = 'in_progress' AND metadata ->> 'worker_uuid' = $1 AND t.context ? 'gate')`,
      worker_id.replace(/^worker-/, ''),
    )
    return Number(held) > 0
  }
}

it('all tasks complete, and no step runs twice without its attempt', async () => {
  console.info(what)
  const log = join(project.directory, 'executions.log')
  const gate = join(project.directory, 'gate')
  const accepted: { taskId: string; steps: number }[] = []
  const handIn = async ({ orchestrator }: Pair, context: object) => {
    const taskId = await submit(orchestrator.address, 'diamond', { log, n: accepted.length, ...context }, namespace)
    accepted.push({ taskId, steps: stepsPerTask })
  }
  const first = await startPair()
  while (accepted.length < early) await handIn(first, {})
  const second = await startPair()
  const [doomed, survivor] = dying === 0 ? [first, second] : [second, first]
  const holdsGated = await gatedSteps(doomed)
  const kill = async () => {
    const hosts = [doomed.orchestrator.process, doomed.worker.process]
    for (const host of hosts) host.signalAll('SIGKILL')
    await Promise.all(hosts.map((host) => host.ended))
  }
  let isDead = false
  while (accepted.length < tasks) {
    const n = accepted.length
    // Two of three wait for the gate: more than one worker can claim, so the other surely gets steps that are open when it dies.
    await handIn(isDead || n % 2 === 0 ? survivor : doomed, n % 3 === 0 ? {} : { gate })
    if (isDead || accepted.length < killedAfter || !(await holdsGated())) continue
    await kill()
    isDead = true
  }
  if (!isDead) {
    await eventually(`${what}: its worker holds steps`, holdsGated, 20_000)
    await kill()
  }
  const progress = () => readProgress(project.db.database)
  expect((await progress()).results, what).toBeLessThan(tasks * stepsPerTask)
  writeFileSync(gate, '')
  await eventually(`${what}: nothing is open`, async () => (await progress()).open === 0, 30_000)
  for (const { taskId } of accepted) {
    const { status, body } = await ask(survivor.orchestrator.address, 'GET', `tasks/${taskId}`)
    expect([status, body.status], what).toEqual([200, 'complete'])
  }
  const history = await readHistory(project.db.database)
  expect(history.tasks, what).toHaveLength(tasks)
  expect(historyProblems(history, readExecutionLog(log), { accepted, settledBy: 'orchestrator' }), what).toEqual([])
  const attempts = history.tasks.flatMap(({ steps }) => steps.map((step) => step.attempts))
  expect(Math.max(...attempts), what).toBeGreaterThan(1)
}, 120_000)
