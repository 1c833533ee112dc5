// Both tables of moves: every legal one is made, every other is refused before anything is written, and a state that has moved on is left alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StepId, TaskId } from '../../src/model/ids.ts'
import { toJsonText } from '../../src/model/json-text.ts'
import { eventOf, stepMoves, stepStates, taskMoves, taskStates } from '../../src/model/task-state.ts'
import { type Bench, openBench, request, sketch } from './orchestration-bench.ts'

let bench: Bench
let taskId: TaskId
let stepId: StepId
beforeAll(async () => {
  bench = await openBench([sketch('one', { a: {} })])
  const task = await bench.orchestrator().createTask(request('one'))
  taskId = task.taskId
  stepId = task.steps[0]?.stepId as StepId
})
afterAll(() => bench.close())

async function put(table: 'task' | 'workflow_step', state: string): Promise<void> {
  const id = table === 'task' ? taskId : stepId
  await bench.rows(
    `UPDATE tasker.${table}_transitions SET to_state = $2 WHERE ${table}_uuid = $1 AND most_recent`,
    id,
    state,
  )
}
async function current(table: 'task' | 'workflow_step'): Promise<unknown> {
  const id = table === 'task' ? taskId : stepId
  const rows = await bench.rows(
    `SELECT to_state FROM tasker.${table}_transitions WHERE ${table}_uuid = $1 AND most_recent`,
    id,
  )
  return rows.map((row) => row['to_state']).join()
}
type Move = (from: string, to: string) => Promise<string>
const answer = (work: Promise<unknown>) =>
  work.then(
    () => 'moved',
    (error: { code: string }) => error.code,
  )
const moveStep: Move = (from, to) =>
  answer(
    bench.store.transaction((q) =>
      q.moveSteps([
        {
          stepId,
          from: from as never,
          to: to as never,
          event: toJsonText({ type: 'Test' }),
          backoffMs: null,
          failure: null,
        },
      ]),
    ),
  )
const moveTask: Move = (from, to) =>
  answer(
    bench.store.transaction((q) => q.moveTasks([{ taskId, from: from as never, path: [to as never], enqueue: null }])),
  )

describe.each([
  ['workflow_step', stepStates, stepMoves, moveStep],
  ['task', taskStates, taskMoves, moveTask],
] as const)('moves of a %s', (table, states, moves, move) => {
  it('are made where the table has them, and refused elsewhere', async () => {
    for (const from of states) {
      for (const to of states) {
        await put(table, from)
        const legal = eventOf<string>(moves, from, to) !== null
        const said = await move(from, to)
        expect([from, to, said.endsWith('TRANSITION_INVALID')]).toEqual([from, to, !legal])
        expect([from, to, await current(table)]).toEqual([from, to, legal ? to : from])
      }
    }
  })

  it('are compared with the state that is there', async () => {
    for (const [from, , to] of moves) {
      const other = states.find((state) => state !== from && state !== to) ?? ''
      await put(table, other)
      await move(from, to)
      expect([from, to, await current(table)]).toEqual([from, to, other])
    }
  })
})
