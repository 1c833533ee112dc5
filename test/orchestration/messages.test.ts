// Result messages as the world sends them: malformed, twice, too late, about nothing.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { ResultProcessor } from '../../src/orchestration/result-processor.ts'
import { type FakeStep, sendRaw, sendResult, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench([sketch('pair', { one: {}, two: { after: ['one'] } })])
  orchestrator = bench.orchestrator()
})
afterAll(() => bench.close())

const queueIsEmpty = async () => {
  const [row] = await bench.rows('SELECT count(*)::int AS n FROM pgmq.q_orchestration_step_results')
  return row?.['n'] === 0
}

async function claimOne(): Promise<FakeStep> {
  const [step] = await bench.worker.claim()
  if (step === undefined) throw new Error('no step was enqueued')
  return step
}

describe('result messages', () => {
  it('sets malformed ones aside with their reason, and handles the good ones between them', async () => {
    const taskId = (await orchestrator.createTask(request('pair'))).taskId
    const step = await claimOne()
    const malformed = [null, 'text', 7, [], {}, { step_uuid: 'x' }, { step_uuid: 5 }, { step_uuid: { a: 1 } }]
    const nobody = { step_uuid: randomUUID() }
    for (const message of malformed) await sendRaw(bench.database, message)
    await bench.worker.complete(step, { success: true })
    await sendRaw(bench.database, nobody)
    await orchestrator.start()
    await until(queueIsEmpty)
    expect((await orchestrator.progress(taskId)).steps.map((one) => one.state)).toEqual(['complete', 'enqueued'])
    const rejected = await bench.rows(
      'SELECT queue_name, reason, message FROM stephost.rejected_messages ORDER BY msg_id',
    )
    expect(rejected.map((row) => row['reason'])).toEqual([
      ...malformed.map(() => 'the message has no step_uuid that is a UUID'),
      'there is no step with this id',
    ])
    expect(rejected.every((row) => row['queue_name'] === 'orchestration_step_results')).toBe(true)
    const [archived] = await bench.rows('SELECT count(*)::int AS n FROM pgmq.a_orchestration_step_results')
    expect(archived).toEqual({ n: malformed.length + 2 })
    expect(bench.faults).toEqual([])
    await orchestrator.stop()
  })

  it('ignores results for steps that wait for none, before and after', async () => {
    await orchestrator.start()
    const taskId = (await orchestrator.createTask(request('pair'))).taskId
    const running: FakeStep[] = []
    await until(async () => {
      running.push(...(await bench.worker.claim()).filter((step) => step.taskId === taskId))
      return running.length > 0
    })
    const [step] = running
    if (step === undefined) throw new Error('unreachable')
    await sendResult(bench.database, step)
    await until(queueIsEmpty)
    expect((await orchestrator.progress(taskId)).steps[0]?.state).toBe('in_progress')
    await bench.worker.complete(step, { success: true }, 3)
    const settled = async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)
    await bench.worker.workUntil(settled, () => ({ success: true }))
    await sendResult(bench.database, step)
    await until(queueIsEmpty)
    const task = await orchestrator.task(taskId)
    expect(task.state).toBe('complete')
    expect(task.steps.map((one) => one.attempts)).toEqual([1, 1])
    await orchestrator.stop()
  })

  it('drops the late result of a cancelled step', async () => {
    const taskId = (await orchestrator.createTask(request('pair'))).taskId
    const step = (await bench.worker.claim()).find((one) => one.taskId === taskId)
    if (step === undefined) throw new Error('no step was enqueued')
    await bench.worker.complete(step, { success: true })
    await bench.rows(
      `UPDATE tasker.workflow_step_transitions SET to_state = 'cancelled' WHERE workflow_step_uuid = $1 AND most_recent`,
      step.stepId,
    )
    await bench.rows(
      `UPDATE tasker.task_transitions SET to_state = 'cancelled' WHERE task_uuid = $1 AND most_recent`,
      taskId,
    )
    await orchestrator.start()
    await until(queueIsEmpty)
    const progress = await orchestrator.progress(taskId)
    expect([progress.state, progress.steps.map((one) => one.state)]).toEqual(['cancelled', ['cancelled', 'pending']])
    expect(bench.faults).toEqual([])
    await orchestrator.stop()
  })

  it('fails a step whose result says neither success nor failure, and survives envelopes of every shape', async () => {
    const shapes = ['null', '[]', '"text"', '{"success":"yes"}', '{"success":null,"status":"completed"}']
    const taskIds: string[] = []
    for (const results of shapes) {
      const taskId = (await orchestrator.createTask(request('pair'))).taskId
      taskIds.push(taskId)
      const step = (await bench.worker.claim()).find((one) => one.taskId === taskId)
      if (step === undefined) throw new Error('no step was enqueued')
      await bench.worker.complete(step, { success: true })
      await bench.rows(
        'UPDATE tasker.workflow_steps SET results = $2::jsonb WHERE workflow_step_uuid = $1',
        step.stepId,
        results,
      )
    }
    await orchestrator.start()
    await until(queueIsEmpty)
    const states = await Promise.all(
      taskIds.map(async (taskId) => (await orchestrator.progress(taskId)).steps[0]?.state),
    )
    expect(states).toEqual(['error', 'error', 'error', 'error', 'complete'])
    // Every test's database is searched for results that Tasker's server could not decode; these are meant.
    await bench.rows('UPDATE tasker.workflow_steps SET results = NULL WHERE task_uuid = ANY ($1)', taskIds)
    expect(bench.faults).toEqual([])
    await orchestrator.stop()
  })

  it('lets one message that the database refuses harm only itself', async () => {
    const good = (await orchestrator.createTask(request('pair'))).taskId
    const bad = (await orchestrator.createTask(request('pair'))).taskId
    for (const step of await bench.worker.claim()) await bench.worker.complete(step, { success: true })
    // Data that no rule of ours foresees: this task's rows cannot be written.
    await bench.rows(
      `CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN IF NEW.task_uuid = '${bad}' THEN RAISE division_by_zero; END IF; RETURN NEW; END $$`,
    )
    await bench.rows(
      'CREATE TRIGGER refuse_one BEFORE INSERT ON tasker.task_transitions FOR EACH ROW EXECUTE FUNCTION refuse_one()',
    )
    const processor = new ResultProcessor({ store: bench.store })
    while (await processor.processBatch()) {}
    await bench.rows('DROP TRIGGER refuse_one ON tasker.task_transitions')
    expect((await orchestrator.progress(good)).steps.map((one) => one.state)).toEqual(['complete', 'enqueued'])
    expect((await orchestrator.progress(bad)).steps[0]?.state).toBe('enqueued_for_orchestration')
    expect(await queueIsEmpty()).toBe(true)
    const [kept] = await bench.rows(
      `SELECT reason FROM stephost.rejected_messages WHERE reason LIKE 'the result could not be processed%'`,
    )
    expect(String(kept?.['reason'])).toContain('22012')
  })
})
