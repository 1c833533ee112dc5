// Proves from what is left that every step got exactly one result, every attempt is counted, and nothing is lost, doubled or stuck.
import { executionProblems } from './execution-check.ts'
import type { ExecutionLine } from './execution-log.ts'
import { attemptsOf, type History, resultsOf, type StepHistory, type TaskHistory } from './history.ts'

export interface Accepted {
  readonly taskId: string
  readonly steps: number
}

export interface Expectation {
  /** What was handed in and accepted; all of it must be there, and nothing else. */
  readonly accepted: readonly Accepted[]
  /** Who has the last word: without an orchestrator a step is done when its result is stored. */
  readonly settledBy: 'orchestrator' | 'worker'
}

/** None of the steps under test is ever cancelled, resolved or reset by hand. */
const legalMoves: Readonly<Record<string, readonly string[]>> = {
  pending: ['enqueued'],
  enqueued: ['in_progress'],
  in_progress: ['enqueued_for_orchestration', 'enqueued_as_error_for_orchestration', 'enqueued'],
  enqueued_for_orchestration: ['complete'],
  enqueued_as_error_for_orchestration: ['waiting_for_retry', 'error'],
  waiting_for_retry: ['pending'],
  complete: [],
  error: [],
}
/** Failures that the blows themselves may cause for good, after the attempts or the deaths that a step may have. */
const causedByBlows = new Set(['worker_lost', 'handler_lost', 'handler_timeout', 'checkpoint_error'])
const refusing = 'refused'

/** One sentence for each thing that must not be; empty: the run is proved. */
export function historyProblems(
  history: History,
  executions: readonly ExecutionLine[],
  expectation: Expectation,
): readonly string[] {
  const steps = history.tasks.flatMap((task) => task.steps)
  const problems = [
    ...acceptedProblems(history, expectation.accepted),
    ...history.tasks.flatMap((task) => taskProblems(task, expectation.settledBy)),
    ...executionProblems(steps, executions),
  ]
  const { messagesLeft, resultMessagesLeft, rejectedMessages, orphans } = history
  if (messagesLeft > 0) problems.push(`${messagesLeft} messages are left in the queue of the workers`)
  if (rejectedMessages > 0) problems.push(`${rejectedMessages} messages were rejected`)
  if (orphans > 0) problems.push(`${orphans} rows refer to a step or a transition that is not there`)
  if (expectation.settledBy === 'orchestrator' && resultMessagesLeft > 0) {
    problems.push(`${resultMessagesLeft} messages are left in the queue of results`)
  }
  return problems
}

function acceptedProblems(history: History, accepted: readonly Accepted[]): string[] {
  const stored = new Map(history.tasks.map((task) => [task.id, task.steps.length]))
  const problems = accepted.flatMap(({ taskId, steps }) => {
    const found = stored.get(taskId) ?? 0
    return found === steps ? [] : [`task ${taskId}: ${steps} steps were accepted, ${found} are there`]
  })
  const known = new Set(accepted.map(({ taskId }) => taskId))
  return [...problems, ...[...stored.keys()].flatMap((id) => (known.has(id) ? [] : [`nobody handed in task ${id}`]))]
}

function taskProblems(task: TaskHistory, settledBy: Expectation['settledBy']): string[] {
  const states = task.steps.map(currentState)
  const blocked = states.includes('error')
  const problems = task.steps.flatMap((step) =>
    [
      ...chainProblems(step),
      ...attemptProblems(step),
      ...resultProblems(step),
      ...endProblems(step, { settledBy, blocked, refused: task.workflow === refusing }),
    ].map((problem) => `task ${task.id}, step ${step.name} ${step.id}: ${problem}`),
  )
  const end = blocked ? 'blocked_by_failures' : 'complete'
  if (settledBy === 'orchestrator' && task.state !== end && !(blocked && task.state === 'error')) {
    problems.push(`task ${task.id} is ${task.state}, not ${end}; its steps: ${states.join(', ')}`)
  }
  return problems
}

function currentState(step: StepHistory): string {
  return step.transitions.at(-1)?.to ?? 'pending'
}

function chainProblems({ transitions }: StepHistory): string[] {
  const problems: string[] = []
  const current = transitions.filter(({ mostRecent }) => mostRecent)
  if (current.length !== 1 || current[0] !== transitions.at(-1)) {
    problems.push(`${current.length} transitions are the most recent one, or it is not the last`)
  }
  for (const [place, { from, to, sortKey }] of transitions.entries()) {
    const before = transitions[place - 1]?.to ?? null
    if (sortKey !== place + 1) problems.push(`transition ${place + 1} has the sort key ${sortKey}`)
    if (from !== before) problems.push(`transition ${place + 1} leaves ${from}, but the state was ${before}`)
    if (before === null ? to !== 'pending' : !legalMoves[before]?.includes(to)) {
      problems.push(`transition ${place + 1} leads from ${before} to ${to}`)
    }
  }
  return problems
}

function attemptProblems(step: StepHistory): string[] {
  const problems = step.transitions.flatMap(({ from, to, released, recoveredFrom }) => {
    const wentBack = from === 'in_progress' && to === 'enqueued'
    if (wentBack && released === null && recoveredFrom === null) return ['it went back to the queue without a reason']
    return !wentBack && released !== null ? [`it says "${released}" on the way to ${to}`] : []
  })
  const counted = attemptsOf(step).length
  if (step.attempts !== counted) problems.push(`attempts are ${step.attempts}, but ${counted} claims were not released`)
  if (step.attempts > step.attemptsMax) problems.push(`${step.attempts} attempts of ${step.attemptsMax}`)
  const enqueued = step.transitions.filter(({ to }) => to === 'enqueued').length
  if (step.messages !== enqueued) problems.push(`it was enqueued ${enqueued} times with ${step.messages} messages`)
  return problems
}

function resultProblems(step: StepHistory): string[] {
  const problems: string[] = []
  const results = resultsOf(step)
  const successes = results.filter(({ result }) => result?.success === true)
  if (successes.length > 1) problems.push(`${successes.length} successful results were committed`)
  for (const { to, result } of results) {
    if ((to === 'enqueued_for_orchestration') !== result?.success) problems.push(`a result of another kind is in ${to}`)
  }
  const audited = step.audited.toSorted()
  const ids = results.map(({ id }) => id).toSorted()
  if (audited.join() !== ids.join()) problems.push(`${ids.length} results have ${audited.length} audit rows`)
  if (step.resultMessages !== ids.length) {
    problems.push(`${ids.length} results were told to orchestration in ${step.resultMessages} messages`)
  }
  const last = results.at(-1)?.result ?? null
  if (last !== null && step.storedRun !== last.run) {
    problems.push(`the stored result is of run ${step.storedRun}, the last transition is of run ${last.run}`)
  }
  return problems
}

function endProblems(
  step: StepHistory,
  { settledBy, blocked, refused }: { settledBy: Expectation['settledBy']; blocked: boolean; refused: boolean },
): string[] {
  const state = currentState(step)
  const last = resultsOf(step).at(-1)?.result ?? null
  const problems: string[] = []
  if (step.inProcess) problems.push(`it is marked as in process in ${state}`)
  if (step.processed !== (state === 'complete')) problems.push(`processed is ${step.processed} in ${state}`)
  if (settledBy === 'worker') {
    if (last === null || !state.startsWith('enqueued_')) problems.push(`it is ${state} and has no result`)
    return problems
  }
  if (state === 'complete') {
    if (last?.success !== true) problems.push('it is complete without a successful result')
    if (refused) problems.push('it is complete although its handler refuses')
  } else if (state === 'error') {
    const expected = refused ? last?.errorType === 'permanent_error' : causedByBlows.has(last?.errorType ?? '')
    if (!expected && !(refused && causedByBlows.has(last?.errorType ?? ''))) {
      problems.push(`it failed for good with ${last?.errorType}`)
    }
    if (last?.retryable !== false && step.attempts < step.attemptsMax) {
      problems.push(
        `it failed for good after ${step.attempts} of ${step.attemptsMax} attempts, though it may be retried`,
      )
    }
  } else if (!(blocked && (state === 'pending' || state === 'waiting_for_retry'))) {
    problems.push(`it is stuck in ${state}`)
  }
  return problems
}
