// Every row that a new task consists of, column by column: other orchestrators and workers of Tasker's tables go on from exactly these.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TransitionHistory } from '../../src/model/orchestration-store.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

const templates = [
  sketch('wide', {
    last: { after: ['left', 'right', 'left'] },
    left: { initialization: '{"rate":2.0}', retry: { retryable: false, attemptsMax: 7 } },
    right: {},
  }),
  sketch('nothing', { never: { type: 'batch_worker' } }),
  sketch('checked', { only: {} }, { inputSchema: { type: 'object', required: ['amount'] } }),
]
const benches = {} as Record<TransitionHistory, Bench>

beforeAll(async () => {
  for (const history of ['full', 'end_states'] as const) benches[history] = await openBench(templates, { history })
})
afterAll(() => Promise.all(Object.values(benches).map((bench) => bench.close())))

const queries = {
  task: `SELECT to_jsonb(t) AS row FROM tasker.tasks t WHERE task_uuid = $1`,
  moves: `SELECT to_jsonb(w) AS row FROM tasker.task_transitions w WHERE task_uuid = $1 ORDER BY task_transition_uuid`,
  steps: `SELECT to_jsonb(s) - 'named_step_uuid' || jsonb_build_object('name', n.name) AS row
            FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid) WHERE task_uuid = $1 ORDER BY workflow_step_uuid`,
  edges: `SELECT to_jsonb(e) AS row FROM tasker.workflow_step_edges e JOIN tasker.workflow_steps s ON s.workflow_step_uuid = e.to_step_uuid
           WHERE s.task_uuid = $1 ORDER BY from_step_uuid`,
  stepMoves: `SELECT to_jsonb(w) AS row FROM tasker.workflow_step_transitions w JOIN tasker.workflow_steps s USING (workflow_step_uuid)
               WHERE s.task_uuid = $1 ORDER BY workflow_step_transition_uuid`,
  messages: `SELECT message AS row FROM pgmq.q_worker_orders_queue WHERE message ->> 'task_uuid' = $1 ORDER BY msg_id`,
}

/** All rows with names in place of ids and of the moment of creation; ids of rows that nobody refers to are left out. */
async function rowsOf(history: TransitionHistory, taskId: string): Promise<Record<keyof typeof queries, unknown[]>> {
  const read = async (text: string) =>
    (await benches[history].rows(text, taskId)).map((row) => JSON.parse(String(row['row'])) as Record<string, unknown>)
  const [task] = await read(queries.task)
  const steps = await read(queries.steps)
  const [first] = await read(queries.moves)
  const known = new Map([
    [task?.['task_uuid'], 'task'],
    [task?.['created_at'], 'now'],
    [task?.['correlation_id'], 'correlation'],
    ...steps.map((step) => [step['workflow_step_uuid'], `step ${step['name']}`] as const),
  ])
  const processors = (await read(queries.moves)).map((move) => move['processor_uuid'])
  for (const processor of processors) if (processor !== null) known.set(processor, 'orchestrator')
  expect(new Set(processors).size).toBe(history === 'full' ? 2 : 1)
  expect(first).toBeDefined()
  const named = (row: Record<string, unknown>): unknown =>
    Object.fromEntries(
      Object.entries(row)
        .filter(
          ([column]) => !/^(task_transition|workflow_step_transition|workflow_step_edge|named_task)_uuid$/.test(column),
        )
        .map(([column, value]) => {
          if (column === 'identity_hash') return [column, String(value).replace(/^[0-9a-f]{64}$/, 'sha256')]
          if (column === 'timestamp') return [column, String(value).replace(/^[\d-]{10}T[\d:.]{15}\+00:00$/, 'clock')]
          if (column === 'metadata') return [column, named(value as Record<string, unknown>)]
          return [column, known.get(value) ?? value]
        }),
    )
  const all = Object.entries(queries).map(async ([part, text]) => [part, (await read(text)).map(named)] as const)
  return Object.fromEntries(await Promise.all(all)) as Record<keyof typeof queries, unknown[]>
}

async function create(history: TransitionHistory, name: string, context = '{"a":1.0}') {
  const labels = { tags: ['x'], priority: 3, parentCorrelationId: '0198c0de-0000-7000-8000-000000000001' }
  const task = await benches[history]
    .orchestrator()
    .createTask(request(name, { ...labels, context: context as JsonText }))
  return rowsOf(history, task.taskId)
}

const times = { created_at: 'now', updated_at: 'now' }
const task = {
  ...{ task_uuid: 'task', complete: false, completed_at: null, requested_at: 'now', ...times },
  ...{
    initiator: 'test',
    source_system: 'vitest',
    reason: 'to see it run',
    tags: ['x'],
    context: { a: 1 },
    priority: 3,
  },
  ...{ identity_hash: 'sha256', correlation_id: 'correlation' },
  parent_correlation_id: '0198c0de-0000-7000-8000-000000000001',
}
const first = { initial_state: 'pending', from_service: 'task_initializer' }
const transition = (sort: number, from: string | null, to: string, metadata: unknown, most_recent: boolean) => ({
  ...{ sort_key: sort, from_state: from, to_state: to, metadata, most_recent, ...times },
})
const taskMove = (by: string | null, ...columns: Parameters<typeof transition>) => ({
  ...{ task_uuid: 'task', processor_uuid: by, transition_metadata: {} },
  ...transition(...columns),
})
const stepMove = (name: string, ...columns: Parameters<typeof transition>) => ({
  workflow_step_uuid: `step ${name}`,
  ...transition(...columns),
})
const step = (name: string, rest: object = {}) => ({
  ...{ workflow_step_uuid: `step ${name}`, task_uuid: 'task', name, retryable: true, max_attempts: 3, inputs: null },
  ...{ in_process: false, processed: false, processed_at: null, attempts: null, last_attempted_at: null },
  ...{ backoff_request_seconds: null, results: null, priority: 0, checkpoint: null, ...times, ...rest },
})
const enqueue = { event: '{"type":"Enqueue"}', timestamp: 'clock', from_service: 'stephost_orchestrator' }
const message = (name: string) => ({ task_uuid: 'task', step_uuid: `step ${name}`, correlation_id: 'correlation' })
const edge = (from: string) => ({
  from_step_uuid: `step ${from}`,
  to_step_uuid: 'step last',
  name: 'provides',
  ...times,
})
const laidOut = {
  task: [task],
  steps: [step('last'), step('left', { retryable: false, max_attempts: 7, inputs: { rate: 2 } }), step('right')],
  edges: [edge('left'), edge('right')],
  messages: [message('left'), message('right')],
}

describe('the rows of a new task', () => {
  it('tell the whole way of the task and of the steps that wait for nothing', async () => {
    expect(await create('full', 'wide')).toEqual({
      ...laidOut,
      moves: [
        taskMove(null, 1, null, 'pending', first, false),
        taskMove('orchestrator', 2, 'pending', 'initializing', { event: 'Start' }, false),
        taskMove('orchestrator', 3, 'initializing', 'enqueuing_steps', { event: 'ReadyStepsFound' }, false),
        taskMove('orchestrator', 4, 'enqueuing_steps', 'steps_in_process', { event: 'StepsEnqueued' }, true),
      ],
      stepMoves: expect.toSatisfy((moves: { sort_key: number }[]) => {
        expect(moves.toSorted((a, b) => a.sort_key - b.sort_key)).toEqual([
          stepMove('last', 1, null, 'pending', first, true),
          stepMove('left', 1, null, 'pending', first, false),
          stepMove('right', 1, null, 'pending', first, false),
          stepMove('left', 2, 'pending', 'enqueued', enqueue, true),
          stepMove('right', 2, 'pending', 'enqueued', enqueue, true),
        ])
        return true
      }),
    })
  })

  it('tell in a history of end states where it has come to', async () => {
    const metadata = { event: 'StepsEnqueued', passed: ['initializing', 'enqueuing_steps'] }
    expect(await create('end_states', 'wide')).toEqual({
      ...laidOut,
      moves: [taskMove('orchestrator', 1, 'pending', 'steps_in_process', metadata, true)],
      stepMoves: [
        stepMove('left', 1, 'pending', 'enqueued', enqueue, true),
        stepMove('right', 1, 'pending', 'enqueued', enqueue, true),
      ],
    })
  })

  it('are those of a task that is done where it has no steps', async () => {
    const done = {
      task: [{ ...task, complete: true, completed_at: 'now' }],
      steps: [],
      edges: [],
      stepMoves: [],
      messages: [],
    }
    expect(await create('full', 'nothing')).toEqual({
      ...done,
      moves: [
        taskMove(null, 1, null, 'pending', first, false),
        taskMove('orchestrator', 2, 'pending', 'initializing', { event: 'Start' }, false),
        taskMove('orchestrator', 3, 'initializing', 'complete', { event: 'NoStepsFound' }, true),
      ],
    })
    expect(await create('end_states', 'nothing')).toEqual({
      ...done,
      moves: [
        taskMove('orchestrator', 1, 'pending', 'complete', { event: 'NoStepsFound', passed: ['initializing'] }, true),
      ],
    })
  })

  it('keep a warning in the first of its transitions', async () => {
    const warned = async (history: TransitionHistory) =>
      ((await create(history, 'checked')).moves as { metadata: { warning?: string } }[]).map(({ metadata }) =>
        metadata.warning?.includes('amount'),
      )
    expect(await warned('full')).toEqual([true, undefined, undefined, undefined])
    expect(await warned('end_states')).toEqual([true])
  })

  it.each([
    ['full', 'wide', '{"b":[1.50,"ä"],"a":12345678901234567890}'],
    ['end_states', 'wide', '{}'],
    ['full', 'nothing', '{}'],
  ] as const)('are shown without being read again: %s %s', async (history, name, context) => {
    const labels = { tags: ['b', 'a'], parentCorrelationId: '0198C0DE-0000-7000-8000-00000000000A' }
    const orchestrator = benches[history].orchestrator()
    const task = await orchestrator.createTask(request(name, { ...labels, context: context as JsonText }))
    expect(task).toEqual(await orchestrator.task(task.taskId))
  })
})
