// The checker is shown sound histories, which it must accept, and the same ones broken in one place, to which it must object.
import { describe, expect, it } from 'vitest'
import type { ExecutionLine, ExecutionPhase } from './execution-log.ts'
import type { History, StepHistory, TaskHistory, Transition, TransitionResult } from './history.ts'
import { historyProblems } from './history-check.ts'

type Draft<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Draft<Item>[] : T[Key] }

interface Sound {
  history: Draft<History>
  executions: Draft<ExecutionLine>[]
  task: Draft<TaskHistory>
  step: Draft<StepHistory>
}

const success = (run: string): TransitionResult => ({ success: true, retryable: false, errorType: null, run })
const failure = (run: string | null, errorType: string, retryable: boolean): TransitionResult => ({
  ...{ success: false, retryable, errorType, run },
})

interface Move {
  readonly to: string
  readonly released?: string
  readonly recoveredFrom?: string
  readonly result?: TransitionResult
}

function transitions(...moves: (string | Move)[]): Draft<Transition>[] {
  const given = moves.map((move) => (typeof move === 'string' ? { to: move } : move)) as Move[]
  return given.map(({ to, released = null, recoveredFrom = null, result = null }, place) => ({
    ...{ id: `t${place}`, from: given[place - 1]?.to ?? null, to, sortKey: place + 1, released, recoveredFrom, result },
    mostRecent: place === given.length - 1,
  }))
}

/** A step that was released, then ran twice: its first worker died, its second attempt yielded once, failed, and the third succeeded. */
const eventful = () =>
  transitions(
    ...['pending', 'enqueued', 'in_progress', { to: 'enqueued', released: 'the worker shuts down' }],
    ...['in_progress', { to: 'enqueued', recoveredFrom: 'w1' }, 'in_progress'],
    ...[{ to: 'enqueued_as_error_for_orchestration', result: failure('r2', 'retryable_error', true) }],
    ...['waiting_for_retry', 'pending', 'enqueued', 'in_progress'],
    ...[{ to: 'enqueued_for_orchestration', result: success('r3') }, 'complete'],
  )

function ran(...lines: [ExecutionPhase, attempt: number, items: number, run: string][]): Draft<ExecutionLine>[] {
  return lines.map(([phase, attempt, items, run]) => ({ phase, stepId: 's', attempt, items, run }))
}

function sound(): Sound {
  const moves = eventful()
  const step: Draft<StepHistory> = {
    ...{ id: 's', name: 'work', attempts: 3, attemptsMax: 5, inProcess: false, processed: true, storedRun: 'r3' },
    ...{ transitions: moves, audited: ['t7', 't12'], messages: 4, resultMessages: 2 },
  }
  const task: Draft<TaskHistory> = { id: 'k', workflow: 'mixed', state: 'complete', steps: [step] }
  return {
    ...{
      task,
      step,
      history: { tasks: [task], messagesLeft: 0, resultMessagesLeft: 0, rejectedMessages: 0, orphans: 0 },
    },
    executions: ran(
      ['begin', 0, 0, 'r0'],
      ['begin', 1, 0, 'r1'],
      ['yield', 1, 0, 'r1'],
      ['begin', 1, 1, 'r2'],
      ['failure', 1, 1, 'r2'],
      ['begin', 2, 1, 'r3'],
      ['success', 2, 1, 'r3'],
    ),
  }
}

function problemsOf({ history, executions }: Sound): readonly string[] {
  return historyProblems(history, executions, { accepted: [{ taskId: 'k', steps: 1 }], settledBy: 'orchestrator' })
}

/** Replaces what came of the step, with its ids and counts made to fit, so that nothing but the end is wrong. */
function endAs(all: Sound, moves: Draft<Transition>[]): void {
  const results = moves.filter(({ result }) => result !== null)
  const attempts = moves.filter(({ to }) => to === 'in_progress').length
  Object.assign(all.step, {
    ...{ transitions: moves, audited: results.map(({ id }) => id), resultMessages: results.length, attempts },
    ...{ messages: moves.filter(({ to }) => to === 'enqueued').length, storedRun: results.at(-1)?.result?.run ?? null },
    processed: moves.at(-1)?.to === 'complete',
  })
  all.executions = []
}

function transition({ step }: Sound, place: number): Draft<Transition> {
  const found = step.transitions[place]
  if (found === undefined) throw new Error(`there is no transition ${place}`)
  return found
}

const died = (result: TransitionResult) =>
  transitions('pending', 'enqueued', 'in_progress', { to: 'enqueued_as_error_for_orchestration', result }, 'error')

describe('the checker accepts', () => {
  it('a step that was released, recovered, tried again and completed', () => {
    expect(problemsOf(sound())).toEqual([])
  })

  it('a step that blows have used up, and those behind it', () => {
    const all = sound()
    endAs(all, died(failure(null, 'worker_lost', false)))
    all.task.state = 'blocked_by_failures'
    const behind = { ...all.step, id: 's2', transitions: transitions('pending'), audited: [], storedRun: null }
    all.task.steps.push({ ...behind, attempts: 0, messages: 0, resultMessages: 0 })
    const expectation = { accepted: [{ taskId: 'k', steps: 2 }], settledBy: 'orchestrator' as const }
    expect(historyProblems(all.history, [], expectation)).toEqual([])
  })

  it('a stored result as the end where there is no orchestrator', () => {
    const all = sound()
    endAs(
      all,
      transitions('pending', 'enqueued', 'in_progress', { to: 'enqueued_for_orchestration', result: success('r') }),
    )
    all.task.state = 'steps_in_process'
    all.history.resultMessagesLeft = 1
    all.executions = ran(['begin', 0, 0, 'r'], ['success', 0, 0, 'r'])
    const expectation = { accepted: [{ taskId: 'k', steps: 1 }], settledBy: 'worker' as const }
    expect(historyProblems(all.history, all.executions, expectation)).toEqual([])
    expect(problemsOf(all).join('\n')).toMatch('it is stuck in enqueued_for_orchestration')
  })
})

describe('the checker objects to', () => {
  const broken: [string, (all: Sound) => void, RegExp][] = [
    ['a lost task', ({ history }) => void history.tasks.pop(), /1 steps were accepted, 0 are there/],
    ['a lost step', ({ task }) => void task.steps.pop(), /1 steps were accepted, 0 are there/],
    ['a task from nowhere', ({ task }) => void Object.assign(task, { id: 'other' }), /nobody handed in task other/],
    ['a step that nobody runs', (all) => endAs(all, transitions('pending', 'enqueued')), /it is stuck in enqueued/],
    [
      'a step that waits for ever',
      (all) => endAs(all, transitions('pending', 'enqueued', 'in_progress')),
      /it is stuck in in_progress/,
    ],
    [
      'attempts that are too few',
      ({ step }) => void Object.assign(step, { attempts: 2 }),
      /attempts are 2, but 3 claims/,
    ],
    [
      'a release that took the attempt',
      ({ step }) => void Object.assign(step, { attempts: 4 }),
      /attempts are 4, but 3 claims/,
    ],
    [
      'a release that does not say so',
      (all) => void Object.assign(transition(all, 3), { released: null }),
      /without a reason/,
    ],
    ['more attempts than there may be', ({ step }) => void Object.assign(step, { attemptsMax: 2 }), /3 attempts of 2/],
    [
      'a second result',
      (all) => {
        const before = eventful().slice(0, -1)
        const again = { to: 'enqueued_for_orchestration', result: success('r4') }
        const moves = [...before.map(({ to, result }) => ({ to, ...(result === null ? {} : { result }) })), again]
        endAs(all, transitions(...moves, 'complete'))
      },
      /2 successful results were committed/,
    ],
    ['a missing audit row', ({ step }) => void step.audited.pop(), /2 results have 1 audit rows/],
    ['a second audit row', ({ step }) => void step.audited.push('t12'), /2 results have 3 audit rows/],
    ['a second message', ({ step }) => void Object.assign(step, { messages: 5 }), /enqueued 4 times with 5 messages/],
    ['a result that was told twice', ({ step }) => void Object.assign(step, { resultMessages: 3 }), /in 3 messages/],
    [
      'the result of another run',
      ({ step }) => void Object.assign(step, { storedRun: 'r2' }),
      /the stored result is of run r2/,
    ],
    [
      'a gap in the sort keys',
      (all) => void Object.assign(transition(all, 13), { sortKey: 15 }),
      /has the sort key 15/,
    ],
    [
      'two current states',
      (all) => void Object.assign(transition(all, 12), { mostRecent: true }),
      /2 transitions are the most recent/,
    ],
    [
      'no current state',
      (all) => void Object.assign(transition(all, 13), { mostRecent: false }),
      /0 transitions are the most recent/,
    ],
    [
      'a broken chain',
      (all) => void Object.assign(transition(all, 4), { from: 'pending' }),
      /leaves pending, but the state was enqueued/,
    ],
    ['an illegal move', (all) => endAs(all, transitions('pending', 'in_progress')), /from pending to in_progress/],
    [
      'a step that is still marked',
      ({ step }) => void Object.assign(step, { inProcess: true }),
      /marked as in process in complete/,
    ],
    [
      'a step that is not processed',
      ({ step }) => void Object.assign(step, { processed: false }),
      /processed is false in complete/,
    ],
    [
      'an end that its handler never chose',
      (all) => endAs(all, died(failure(null, 'oops', false))),
      /for good with oops/,
    ],
    [
      'a retry that was withheld',
      (all) => endAs(all, died(failure(null, 'worker_lost', true))),
      /after 1 of 5 attempts, though it may be retried/,
    ],
    [
      'a refusal that completes',
      ({ task }) => void Object.assign(task, { workflow: 'refused' }),
      /although its handler refuses/,
    ],
    [
      'a task that does not end',
      ({ task }) => void Object.assign(task, { state: 'steps_in_process' }),
      /is steps_in_process, not complete/,
    ],
    [
      'messages that are left',
      ({ history }) => void Object.assign(history, { messagesLeft: 1 }),
      /left in the queue of the workers/,
    ],
    [
      'results that are left',
      ({ history }) => void Object.assign(history, { resultMessagesLeft: 1 }),
      /left in the queue of results/,
    ],
    [
      'rejected messages',
      ({ history }) => void Object.assign(history, { rejectedMessages: 1 }),
      /1 messages were rejected/,
    ],
    [
      'rows that refer to nothing',
      ({ history }) => void Object.assign(history, { orphans: 2 }),
      /2 rows refer to a step or a transition that is not there/,
    ],
    ['a run that nobody counted', (all) => void all.executions.push(...ran(['begin', 3, 1, 'r4'])), /for attempt 4/],
    [
      'an attempt that ran twice',
      (all) => void all.executions.splice(1, 0, ...ran(['begin', 0, 0, 'again'])),
      /attempt 1 began again after "begin" of run r0/,
    ],
    [
      'two runs of one attempt at once',
      (all) => void all.executions.splice(2, 2, ...ran(['begin', 1, 1, 'r2'], ['yield', 1, 0, 'r1'])),
      /attempt 2 began again after "begin" of run r1/,
    ],
    [
      'a checkpoint that was lost between runs',
      (all) => void Object.assign(all.executions[3] ?? {}, { items: 0 }),
      /went on with item 0 after item 0/,
    ],
    ['a success that no handler had', (all) => void all.executions.pop(), /a success of run r3 was committed, but no/],
    [
      'a result under the wrong attempt',
      (all) => {
        Object.assign(transition(all, 7), { result: failure('r0', 'retryable_error', true) })
        all.executions.splice(1, 0, ...ran(['failure', 0, 0, 'r0']))
      },
      /the result of attempt 1 was committed as that of attempt 2/,
    ],
    [
      'a run of a step that is not there',
      (all) => void Object.assign(all.executions[0] ?? {}, { stepId: 'x' }),
      /step x ran/,
    ],
  ]

  it.each(broken)('%s', (_what, damage, objection) => {
    const all = sound()
    damage(all)
    expect(problemsOf(all).join('\n')).toMatch(objection)
  })
})
