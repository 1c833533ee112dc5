// The checker is shown a sound history, which it must accept, and the same one broken in one place, to which it must object.
import { describe, expect, it } from 'vitest'
import type { History, StepHistory, TaskHistory, Transition } from './history.ts'
import { type Expectation, historyProblems } from './history-check.ts'
import { type PlannedTask, plannedStep } from './plan.ts'

type Draft<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Draft<Item>[] : T[Key] }

interface Sound {
  readonly history: Draft<History>
  readonly task: Draft<TaskHistory>
  readonly first: Draft<StepHistory>
  readonly second: Draft<StepHistory>
  readonly expectation: Draft<Expectation> & { runs: Map<string, number>; touched: Set<string> }
}

/** `order event to`; the first is order 1, 2 … */
function chain(...moves: readonly (readonly [order: number, event: string | null, to: string])[]): Draft<Transition>[] {
  return moves.map(([order, event, to], place) => ({
    ...{ order, event, to, from: moves[place - 1]?.[2] ?? null, sortKey: place + 1, released: false, recovered: false },
    mostRecent: place === moves.length - 1,
    waited: to === 'waiting_for_retry' && place < moves.length - 1,
  }))
}

/** The first step succeeds at its second attempt, then the second one runs. */
function sound(): Sound {
  const first: Draft<StepHistory> = {
    ...{ id: 'f', name: 'first', attempts: 2, attemptsMax: 3, retryable: true, inProcess: false, processed: true },
    parents: [],
    transitions: chain(
      ...([
        [1, null, 'pending'],
        [3, 'Enqueue', 'enqueued'],
        [5, 'Start', 'in_progress'],
      ] as const),
      ...([[6, 'EnqueueAsErrorForOrchestration', 'enqueued_as_error_for_orchestration']] as const),
      ...([
        [7, 'WaitForRetry', 'waiting_for_retry'],
        [8, 'Retry', 'pending'],
        [9, 'Enqueue', 'enqueued'],
      ] as const),
      ...([
        [10, 'Start', 'in_progress'],
        [11, 'EnqueueForOrchestration', 'enqueued_for_orchestration'],
      ] as const),
      ...([[12, 'Complete', 'complete']] as const),
    ),
  }
  const second: Draft<StepHistory> = {
    ...{ id: 's', name: 'second', attempts: 1, attemptsMax: 3, retryable: true, inProcess: false, processed: true },
    parents: ['f'],
    transitions: chain(
      ...([
        [2, null, 'pending'],
        [14, 'Enqueue', 'enqueued'],
        [15, 'Start', 'in_progress'],
      ] as const),
      ...([
        [16, 'EnqueueForOrchestration', 'enqueued_for_orchestration'],
        [17, 'Complete', 'complete'],
      ] as const),
    ),
  }
  const task: Draft<TaskHistory> = {
    ...{ id: 'k', name: 't', complete: true, steps: [first, second] },
    transitions: chain(
      ...([
        [20, null, 'pending'],
        [21, null, 'initializing'],
        [22, null, 'enqueuing_steps'],
      ] as const),
      ...([
        [23, null, 'steps_in_process'],
        [24, null, 'evaluating_results'],
        [25, null, 'complete'],
      ] as const),
    ),
  }
  const plan: PlannedTask = {
    name: 't',
    steps: [plannedStep('first', { endings: ['retry'] }), plannedStep('second', { after: ['first'] })],
  }
  const runs = new Map([
    ['f', 2],
    ['s', 1],
  ])
  return {
    ...{ task, first, second, history: { tasks: [task], resultMessagesLeft: 0, rejectedMessages: 0 } },
    expectation: { tasks: [plan] as Draft<PlannedTask>[], touched: new Set(), malformedMessages: 0, runs },
  }
}

function problemsAfter(breakIt: (sound: Sound) => void): readonly string[] {
  const broken = sound()
  breakIt(broken)
  return historyProblems(broken.history, broken.expectation)
}

function at<Item>(items: readonly Item[], place: number): Item {
  const item = items.at(place)
  if (item === undefined) throw new Error('no such item')
  return item
}

/** The step ends where its given transition leads. */
function cut(step: Draft<StepHistory>, length: number): void {
  step.transitions.splice(length)
  at(step.transitions, -1).mostRecent = true
}

describe('the checker', () => {
  it('accepts a sound history', () => expect(problemsAfter(() => {})).toEqual([]))

  it('accepts what an operator and a death do', () => {
    const problems = problemsAfter(({ first, expectation }) => {
      expectation.touched.add('t')
      first.attempts = 1
      at(first.transitions, 4).to = 'error'
      at(first.transitions, 4).event = 'Fail'
      at(first.transitions, 4).waited = false
      at(first.transitions, 5).from = 'error'
      at(first.transitions, 5).event = 'ResetForRetry'
    })
    expect(problems).toEqual([])
  })

  it.each<readonly [what: string, breakIt: (sound: Sound) => void, problem: string]>([
    ['a gap in the sort keys', ({ second }) => (at(second.transitions, 4).sortKey = 6), 'has the sort key 6'],
    ['a doubled sort key', ({ task }) => (at(task.transitions, 5).sortKey = 5), 'has the sort key 5'],
    [
      'two most recent rows',
      ({ first }) => (at(first.transitions, 3).mostRecent = true),
      '2 transitions are the most recent',
    ],
    [
      'a wait that is over and does not say so',
      ({ first }) => (at(first.transitions, 4).waited = false),
      'says nothing of it that its wait is over',
    ],
    ['a run that waited', ({ first }) => (at(first.transitions, 2).waited = true), 'says that its wait is over'],
    [
      'no most recent row',
      ({ task }) => (at(task.transitions, -1).mostRecent = false),
      '0 transitions are the most recent',
    ],
    [
      'a transition from another state',
      ({ second }) => (at(second.transitions, 2).from = 'pending'),
      'left the state enqueued',
    ],
    [
      'a step move that no table has',
      ({ second }) => (at(second.transitions, 4).event = 'CompleteManuall'),
      'is in no table',
    ],
    ['a task move that no table has', ({ task }) => (at(task.transitions, 1).to = 'complete'), 'is in no table'],
    ['more attempts than allowed', ({ first }) => (first.attemptsMax = 1), 'attempt 2 of 1 began'],
    ['a second attempt of what is not retryable', ({ first }) => (first.retryable = false), 'attempt 2 of 1 began'],
    ['attempts that were not counted', ({ first }) => (first.attempts = 1), 'attempts are 1, but 2 began'],
    ['a run without a claim', ({ expectation }) => expectation.runs.set('s', 2), 'ran 2 times with 1 claims'],
    [
      'a step before its dependency',
      ({ second }) => (at(second.transitions, 1).order = 11),
      'enqueued before first was done',
    ],
    [
      'a dependency without its edge',
      ({ second }) => {
        second.parents = []
        at(second.transitions, 1).order = 11
      },
      'enqueued before first was done',
    ],
    [
      'a step that is stuck',
      ({ second, task }) => {
        cut(second, 2)
        task.complete = false
      },
      'steps are stuck',
    ],
    [
      'a step that was forgotten',
      ({ second, task }) => {
        cut(second, 1)
        at(task.transitions, -1).to = 'waiting_for_dependencies'
      },
      'second is ready and was not enqueued',
    ],
    [
      'a failed step in a complete task',
      ({ second }) => {
        at(second.transitions, -1).to = 'error'
        at(second.transitions, -1).event = 'Fail'
      },
      'it is complete, not blocked_by_failures',
    ],
    [
      'an open step in a cancelled task',
      ({ task, second, expectation }) => {
        expectation.touched.add('t')
        cut(second, 1)
        at(task.transitions, -1).to = 'cancelled'
      },
      'it is cancelled, its steps are',
    ],
    ['a task whose flag differs', ({ task }) => (task.complete = false), 'complete is false in complete'],
    ['a step that is in process at rest', ({ first }) => (first.inProcess = true), 'marked as in process'],
    ['a done step that is not processed', ({ first }) => (first.processed = false), 'processed is false in complete'],
    ['a lost task', ({ history }) => history.tasks.splice(0), 'task t is there 0 times'],
    ['a task made twice', ({ history, task }) => history.tasks.push(task), 'task t is there 2 times'],
    ['a result that nobody judged', ({ history }) => (history.resultMessagesLeft = 1), '1 messages are left'],
    [
      'a good message set aside',
      ({ history }) => (history.rejectedMessages = 1),
      '1 messages were set aside, 0 were malformed',
    ],
    ['a step that nobody planned', ({ second }) => (second.name = 'third'), 'nobody planned it'],
    [
      'another number of attempts than planned',
      ({ expectation }) => {
        at(at(expectation.tasks, 0).steps, 0).endings = []
      },
      'must be complete after 1',
    ],
    [
      'an end that is not the planned one',
      ({ expectation }) => {
        at(at(expectation.tasks, 0).steps, 1).endings = ['fail']
      },
      'must become blocked_by_failures',
    ],
    ['a missing step', ({ task }) => task.steps.splice(1), 'step second is missing'],
  ])('objects to %s', (_what, breakIt, problem) => {
    expect(problemsAfter(breakIt).join('\n')).toContain(problem)
  })
})
