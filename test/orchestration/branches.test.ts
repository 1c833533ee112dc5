// Decisions: what is chosen runs, what is not chosen does not, convergences wait for what was chosen, and bad choices fail with a message.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import type { FakeOutcome, FakeStep } from './fake-worker.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let orchestrator: Orchestrator

beforeAll(async () => {
  bench = await openBench([
    sketch('approval', {
      check: {},
      route: { after: ['check'], type: 'decision' },
      auto: { after: ['route'] },
      manager: { after: ['route'] },
      finance: { after: ['route'] },
      book: { after: ['finance'] },
      close: { after: ['auto', 'manager', 'book'], type: 'deferred_convergence' },
      archive: { after: ['close', 'check'] },
      both: { after: ['auto', 'manager'] },
    }),
    sketch('nested', {
      start: {},
      outer: { after: ['start'], type: 'decision' },
      left: { after: ['outer'] },
      right: { after: ['outer'] },
      inner: { after: ['left'], type: 'decision' },
      x: { after: ['inner'] },
      y: { after: ['inner'] },
      end: { after: ['left', 'right', 'x', 'y'], type: 'deferred_convergence' },
    }),
  ])
  orchestrator = bench.orchestrator()
  await orchestrator.start()
})
afterAll(() => bench.close())
afterEach(() => expect(bench.faults).toEqual([]))

const chosen = (...names: string[]) => ({ decision_point_outcome: { type: 'create_steps', step_names: names } })
const none = { decision_point_outcome: { type: 'no_branches' } }

interface Run {
  readonly taskId: string
  readonly state: string
  readonly ran: readonly string[]
  readonly states: Readonly<Record<string, string>>
}

/** Runs a task whose steps return what `results` has for them. */
async function run(template: string, results: Readonly<Record<string, unknown>>, by = orchestrator): Promise<Run> {
  const { taskId } = await by.createTask(request(template))
  const answer = ({ name }: FakeStep): FakeOutcome => ({ success: true, result: results[name] ?? {} })
  const settled = async () => settledTaskStates.has((await by.progress(taskId)).state)
  const ran = await bench.worker.workUntil(settled, answer)
  const task = await by.task(taskId)
  return { taskId, state: task.state, ran, states: Object.fromEntries(task.steps.map((s) => [s.name, s.state])) }
}

async function edges(taskId: string): Promise<string[]> {
  const rows = await bench.rows(
    `SELECT p.name || ' → ' || c.name AS edge FROM tasker.workflow_step_edges e
       JOIN tasker.workflow_steps ps ON ps.workflow_step_uuid = e.from_step_uuid JOIN tasker.named_steps p ON p.named_step_uuid = ps.named_step_uuid
       JOIN tasker.workflow_steps cs ON cs.workflow_step_uuid = e.to_step_uuid JOIN tasker.named_steps c ON c.named_step_uuid = cs.named_step_uuid
      WHERE cs.task_uuid = $1 ORDER BY 1`,
    taskId,
  )
  return rows.map((row) => String(row['edge']))
}

describe('a decision', () => {
  it('runs the branch that it chose, what follows, and the convergence of what there is', async () => {
    const { ran, state, taskId, states } = await run('approval', { route: chosen('finance') })
    expect(ran).toEqual(['check', 'route', 'finance', 'book', 'close', 'archive'])
    expect(state).toBe('complete')
    expect(Object.keys(states)).toHaveLength(6)
    expect(await edges(taskId)).toEqual([
      ...['book → close', 'check → archive', 'check → route', 'close → archive', 'finance → book', 'route → finance'],
    ])
  })

  it('joins several branches, and runs a step that needs them all only then', async () => {
    const several = await run('approval', { route: chosen('auto', 'manager') })
    expect(several.ran.slice(2, 4).sort()).toEqual(['auto', 'manager'])
    expect([...several.ran.slice(4)].sort()).toEqual(['archive', 'both', 'close'])
    const one = await run('approval', { route: chosen('auto') })
    expect(one.ran).toEqual(['check', 'route', 'auto', 'close', 'archive'])
    expect(one.state).toBe('complete')
  })

  it('chooses nothing', async () => {
    for (const nothing of [none, chosen()]) {
      expect(await run('approval', { route: nothing })).toMatchObject({ ran: ['check', 'route'], state: 'complete' })
    }
  })

  it('has its steps in the transaction that completes it: the task never looks done in between', async () => {
    const { taskId } = await run('approval', { route: chosen('auto') })
    const rows = await bench.rows(
      `SELECT DISTINCT w.created_at FROM tasker.workflow_step_transitions w JOIN tasker.workflow_steps s USING (workflow_step_uuid)
         JOIN tasker.named_steps n USING (named_step_uuid)
        WHERE s.task_uuid = $1 AND (n.name, w.to_state) IN (('route', 'complete'), ('auto', 'pending'), ('auto', 'enqueued'), ('close', 'pending'))`,
      taskId,
    )
    expect(rows).toHaveLength(1)
  })

  it.each([
    ['a step that is not there', chosen('atuo'), 'asks for the step "atuo", which the template does not have'],
    ['a step that is above it', chosen('check'), 'asks for the step "check", which does not lie below it'],
    ['no outcome', { approved: true }, 'gave no decision_point_outcome'],
    [
      'an outcome of an unknown type',
      { decision_point_outcome: { type: 'maybe' } },
      'decision_point_outcome that is not',
    ],
    ['a word', { decision_point_outcome: 'no_branches' }, 'decision_point_outcome that is not'],
    ['names that are no texts', { decision_point_outcome: { type: 'create_steps', step_names: [1] } }, 'that is not'],
  ])('fails with a message when it gives %s', async (_what, result, message) => {
    const { state, states, taskId } = await run('approval', { route: result })
    expect([state, states['route']]).toEqual(['blocked_by_failures', 'error'])
    const route = (await orchestrator.steps(taskId)).find(({ name }) => name === 'route')
    expect(JSON.parse(route?.error ?? '')).toMatchObject({ error_type: 'invalid_outcome', retryable: false })
    expect(JSON.parse(route?.error ?? '').message).toContain(message)
    const [fail] = await bench.rows(
      `SELECT metadata ->> 'event' AS event FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1 AND to_state = 'error'`,
      route?.stepId,
    )
    expect(JSON.parse(String(fail?.['event']))).toMatchObject({ type: 'Fail' })
    expect(String(fail?.['event'])).toContain(JSON.stringify(message).slice(1, -1))
  })

  it('may be decided by an operator, whose choice is checked as well', async () => {
    const { taskId } = await run('approval', { route: chosen('atuo') })
    const route = (await orchestrator.steps(taskId)).find(({ name }) => name === 'route')
    const complete = (result: unknown) =>
      orchestrator.actOnStep(taskId, route?.stepId ?? '', {
        ...{ actionType: 'complete_manually', reason: 'typo', completedBy: 'ann', metadata: null },
        result: JSON.stringify(result) as never,
      })
    await expect(complete(chosen('atou'))).rejects.toMatchObject({ code: 'STEP_ACTION_INVALID' })
    await complete(chosen('auto'))
    const done = async () => (await orchestrator.progress(taskId)).state === 'complete'
    expect(await bench.worker.workUntil(done, () => ({ success: true }))).toEqual(['auto', 'close', 'archive'])
  })
})

describe('nested decisions', () => {
  it('run where their branch was chosen, and the convergence waits for what they choose', async () => {
    const { ran, state, taskId } = await run('nested', { outer: chosen('left', 'right'), inner: chosen('y') })
    expect(ran.slice(0, 2)).toEqual(['start', 'outer'])
    expect([...ran.slice(2, 4)].sort()).toEqual(['left', 'right'])
    expect(ran.slice(4)).toEqual(['inner', 'y', 'end'])
    expect(state).toBe('complete')
    expect((await edges(taskId)).filter((edge) => edge.endsWith('end'))).toEqual([
      ...['inner → end', 'left → end', 'right → end', 'y → end'],
    ])
  })

  it('do not run on a branch that was not chosen', async () => {
    const { ran, states } = await run('nested', { outer: chosen('right') })
    expect(ran).toEqual(['start', 'outer', 'right', 'end'])
    expect(states).not.toHaveProperty('inner')
  })

  it('may choose nothing', async () => {
    const { ran, state } = await run('nested', { outer: chosen('left'), inner: none })
    expect([ran, state]).toEqual([['start', 'outer', 'left', 'inner', 'end'], 'complete'])
  })

  it('make nothing where decisions are turned off, and say so', async () => {
    const without = bench.orchestrator({ outcomeLimits: { decisionsEnabled: false } })
    await orchestrator.stop()
    await without.start()
    const { ran, state, taskId } = await run('approval', { route: chosen('auto') }, without)
    expect([ran, state]).toEqual([['check', 'route'], 'complete'])
    expect(bench.warnings.join()).toContain(`task ${taskId}: The decision "route" makes nothing`)
    await without.stop()
    await orchestrator.start()
  })

  it('are told of when they are large', async () => {
    const careful = bench.orchestrator({ outcomeLimits: { decisionStepsWarn: 2, decisionDepthWarn: 2 } })
    await orchestrator.stop()
    await careful.start()
    const told = () => bench.warnings.filter((warning) => warning.includes('is large'))
    expect((await run('approval', { route: chosen('auto') }, careful)).state).toBe('complete')
    expect(told()).toEqual([])
    expect((await run('approval', { route: chosen('auto', 'manager') }, careful)).state).toBe('complete')
    expect(told().join()).toContain('"route" is large: 2 of at most 100 steps, depth 1 of at most 20')
    expect((await run('nested', { outer: chosen('left'), inner: chosen('x') }, careful)).state).toBe('complete')
    expect(told().at(-1)).toContain('"inner" is large: 1 of at most 100 steps, depth 2 of at most 20')
    await careful.stop()
    await orchestrator.start()
  })

  it('keep to the limits', async () => {
    const strict = bench.orchestrator({ outcomeLimits: { decisionDepthMax: 1, decisionStepsMax: 2 } })
    await orchestrator.stop()
    await strict.start()
    const deep = await run('nested', { outer: chosen('left'), inner: chosen('x') }, strict)
    expect([deep.state, deep.states['inner']]).toEqual(['blocked_by_failures', 'error'])
    const wide = await run('approval', { route: chosen('auto', 'manager', 'finance') }, strict)
    expect([wide.state, wide.states['route']]).toEqual(['blocked_by_failures', 'error'])
    await strict.stop()
    await orchestrator.start()
  })
})
