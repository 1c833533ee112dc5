// Batches: workers from cursors, convergence, no work at all, what is refused, and what becomes of the others when one worker fails.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { type FakeOutcome, type FakeStep, until } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator

function batchTemplate(name: string, strategy: string, initialization = '{}') {
  return sketch(name, {
    analyze: { type: 'batchable', initialization },
    work: { after: ['analyze'], type: 'batch_worker', strategy, initialization: '{"big":12345678901234567890}' },
    sum: { after: ['work'], type: 'deferred_convergence' },
    report: { after: ['sum'] },
  })
}

beforeAll(async () => {
  bench = await openBench([
    batchTemplate('carry_on', 'continue_on_failure'),
    batchTemplate('fast', 'fail_fast'),
    batchTemplate('isolated', 'isolate'),
    batchTemplate('noop', 'isolate', '{"worker_template_name":"work"}'),
    sketch('bare', { analyze: { type: 'batchable' }, work: { after: ['analyze'], type: 'batch_worker' } }),
  ])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
})
afterAll(() => bench.close())
afterEach(() => expect(bench.faults).toEqual([]))

const cursor = (id: string, more: object = {}) => ({
  batch_id: id,
  start_cursor: 0,
  end_cursor: 9,
  batch_size: 9,
  ...more,
})
function batches(ids: readonly string[], more: object = {}): unknown {
  const cursor_configs = ids.map((id) => cursor(id))
  const outcome = { type: 'create_batches', worker_template_name: 'work', worker_count: ids.length, cursor_configs }
  return { batch_processing_outcome: { ...outcome, total_items: 18, ...more } }
}
const ok = (result: unknown = {}): FakeOutcome => ({ success: true, result })

async function run(template: string, answer: (step: FakeStep) => FakeOutcome) {
  const { taskId } = await orchestrator.createTask(request(template))
  const settled = async () => settledTaskStates.has((await orchestrator.progress(taskId)).state)
  const ran = await bench.worker.workUntil(settled, answer)
  const task = await orchestrator.task(taskId)
  return { taskId, ran, state: task.state, states: Object.fromEntries(task.steps.map((s) => [s.name, s.state])) }
}
const analyzed = (result: unknown) => (step: FakeStep) => ok(step.name === 'analyze' ? result : {})

describe('a batch', () => {
  it('runs a worker for each cursor, then the convergence, then what is behind it', async () => {
    const { ran, state, taskId } = await run('carry_on', analyzed(batches(['001', '002', '003'])))
    expect(ran[0]).toBe('analyze')
    expect([...ran.slice(1, 4)].sort()).toEqual(['work_001', 'work_002', 'work_003'])
    expect([ran.slice(4), state]).toEqual([['sum', 'report'], 'complete'])
    const [worker] = await bench.rows(
      `SELECT s.inputs::text AS inputs FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid)
        WHERE s.task_uuid = $1 AND n.name = 'work_002'`,
      taskId,
    )
    expect(String(worker?.['inputs'])).toContain('12345678901234567890')
    expect(JSON.parse(String(worker?.['inputs']))).toMatchObject({
      ...{ cursor: cursor('002'), is_no_op: false, __template_step_name: 'work' },
      batch_metadata: { cursor_field: 'id', failure_strategy: 'continue_on_failure' },
    })
    const names = await bench.rows(
      `SELECT e.name, count(*)::int AS n FROM tasker.workflow_step_edges e JOIN tasker.workflow_steps s ON s.workflow_step_uuid = e.to_step_uuid
        WHERE s.task_uuid = $1 GROUP BY 1 ORDER BY 1`,
      taskId,
    )
    expect(names).toEqual([
      { name: 'batch_dependency', n: 3 },
      { name: 'provides', n: 1 },
      { name: 'worker_to_convergence', n: 3 },
    ])
  })

  it('keeps cursors exact that no double can hold', async () => {
    const { taskId } = await orchestrator.createTask(request('carry_on'))
    const [analyze] = await bench.worker.claim()
    if (analyze === undefined) throw new Error('analyze was not enqueued')
    await bench.worker.complete(analyze, ok(batches(['a'])), 0)
    await bench.rows(
      `UPDATE tasker.workflow_steps SET results = jsonb_set(results, '{result,batch_processing_outcome,cursor_configs,0,end_cursor}', '9007199254740993')
        WHERE workflow_step_uuid = $1`,
      analyze.stepId,
    )
    await bench.rows(`SELECT pgmq.send('orchestration_step_results', $1::jsonb)`, { step_uuid: analyze.stepId })
    await until(async () => (await orchestrator.steps(taskId)).length === 4)
    const rows = await bench.rows(
      `SELECT inputs #>> '{cursor,end_cursor}' AS e FROM tasker.workflow_steps WHERE task_uuid = $1 AND inputs ? 'cursor'`,
      taskId,
    )
    expect(rows).toEqual([{ e: '9007199254740993' }])
    await orchestrator.cancel(taskId)
  })

  it('makes one worker that has nothing to do only where the analyzer names it, and nothing from the bare word', async () => {
    const none = { batch_processing_outcome: { type: 'no_batches' } }
    expect((await run('noop', analyzed(none))).ran).toEqual(['analyze', 'work_000', 'sum', 'report'])
    expect(await run('carry_on', analyzed(none))).toMatchObject({ ran: ['analyze'], state: 'complete' })
    const word = { batch_processing_outcome: 'no_batches' }
    expect(await run('noop', analyzed(word))).toMatchObject({ ran: ['analyze'], state: 'complete' })
  })

  it.each([
    ['no outcome', {}, 'gave no batch_processing_outcome'],
    ['an unknown type', { batch_processing_outcome: { type: 'some' } }, 'is not {"type":"no_batches"}'],
    ['another word', { batch_processing_outcome: 'none' }, 'is not {"type":"no_batches"}'],
    ['an id twice', batches(['7', '7']), 'gives the batch_id "7" twice'],
    ['a wrong count', batches(['1'], { worker_count: 2 }), 'says worker_count 2, and gives 1 cursor_configs'],
    ['no cursors', batches([]), 'gave no cursor_configs'],
    ['an unknown worker', batches(['1'], { worker_template_name: 'wrok' }), 'which the template does not have'],
    ['a worker of another type', batches(['1'], { worker_template_name: 'sum' }), 'is a deferred_convergence step'],
    ['a cursor without an id', batches(['1'], { cursor_configs: [{}] }), 'cursor_configs[0] must have a batch_id'],
    ['a long id', batches(['x'.repeat(130)]), 'more than 128 characters'],
  ])('fails with a message when the analyzer gives %s', async (_what, result, message) => {
    const { state, states, taskId } = await run('carry_on', analyzed(result))
    expect([state, states]).toEqual(['blocked_by_failures', { analyze: 'error' }])
    const [analyze] = await orchestrator.steps(taskId)
    expect(JSON.parse(analyze?.error ?? '').message).toContain(message)
  })

  it('wants a batch_config of its worker', async () => {
    expect((await run('bare', analyzed(batches(['1'])))).states).toEqual({ analyze: 'error' })
  })
})

describe('a worker that fails for good', () => {
  const answer = (step: FakeStep): FakeOutcome => {
    if (step.name === 'analyze') return ok(batches(['1', '2', '3']))
    return step.name === 'work_2' ? { success: false, retryable: false, message: 'row 7 is broken' } : ok()
  }

  it('counts as done with continue_on_failure: the convergence sees its failure among the results', async () => {
    const { state, states, taskId } = await run('carry_on', answer)
    expect([state, states['work_2'], states['report']]).toEqual(['complete', 'complete', 'complete'])
    const failed = (await orchestrator.steps(taskId)).find(({ name }) => name === 'work_2')
    expect(failed?.result).toBeNull()
    expect(JSON.parse(failed?.results ?? '')).toMatchObject({ success: false, error: { message: 'row 7 is broken' } })
  })

  it('is retried first', async () => {
    const { state, ran } = await run('carry_on', (step) =>
      step.name === 'work_2' && step.attempts < 3
        ? { success: false, retryable: true }
        : answer({ ...step, name: step.name.replace('work_2', 'work_4') }),
    )
    expect([state, ran.filter((name) => name === 'work_2')]).toEqual(['complete', ['work_2', 'work_2', 'work_2']])
  })

  it('cancels those that have not started with fail_fast, and lets the others end', async () => {
    const { taskId } = await orchestrator.createTask(request('fast'))
    for (const step of await bench.worker.claim()) await bench.worker.complete(step, answer(step))
    const steps = async () => Object.fromEntries((await orchestrator.steps(taskId)).map((s) => [s.name, s.state]))
    await until(async () => (await steps())['work_3'] === 'enqueued')
    // One fails, one runs, one waits in the queue.
    const claimed = await bench.worker.claim()
    await bench.rows(
      `UPDATE tasker.workflow_step_transitions SET to_state = 'enqueued' WHERE most_recent AND workflow_step_uuid = $1`,
      claimed.find(({ name }) => name === 'work_3')?.stepId,
    )
    const failing = claimed.find(({ name }) => name === 'work_2')
    if (failing !== undefined) await bench.worker.complete(failing, answer(failing))
    await until(async () => (await orchestrator.progress(taskId)).state === 'blocked_by_failures')
    expect(await steps()).toMatchObject({ work_1: 'in_progress', work_2: 'error', work_3: 'cancelled', sum: 'pending' })
    const first = claimed.find(({ name }) => name === 'work_1')
    expect(first !== undefined && (await bench.worker.complete(first, ok()))).toBe(true)
    await until(async () => (await steps())['work_1'] === 'complete')
    // An operator takes both up again.
    for (const view of await orchestrator.steps(taskId)) {
      if (view.state !== 'error' && view.state !== 'cancelled') continue
      await orchestrator.actOnStep(taskId, view.stepId, {
        actionType: 'reset_for_retry',
        reason: 'mended',
        resetBy: 'ann',
      })
    }
    const done = async () => (await orchestrator.progress(taskId)).state === 'complete'
    expect([...(await bench.worker.workUntil(done, () => ok()))].sort()).toEqual(['report', 'sum', 'work_2', 'work_3'])
  })

  it('stops nobody with isolate, and keeps the task for an operator', async () => {
    const { state, states } = await run('isolated', answer)
    expect([state, states['work_2'], states['sum']]).toEqual(['blocked_by_failures', 'error', 'pending'])
    expect(Object.values(states)).not.toContain('cancelled')
  })
})
