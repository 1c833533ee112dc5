// Proves from what a schedule left behind that no rule of orchestration was broken; one sentence for each thing that must not be.
import type { History, StepHistory, TaskHistory, Transition } from './history.ts'
import { type PlannedTask, templateStepOf } from './plan.ts'
import { predictionProblems } from './prediction-check.ts'

export interface Expectation {
  readonly tasks: readonly PlannedTask[]
  /** Tasks, by name, that somebody tried to cancel or to help: nobody can say how they end. */
  readonly touched: ReadonlySet<string>
  readonly malformedMessages: number
  /** How often a handler ran, by step. */
  readonly runs: ReadonlyMap<string, number>
}

const done = ['complete', 'resolved_manually']
const finished = [...done, 'cancelled']
const open = [
  ...['pending', 'enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration'],
  ...['waiting_for_retry', 'error'],
]

/** `from event to`. Source: orchestration-semantics §2.4; ours are the release of a claim, and what an operator does to a cancelled step. */
const stepMoves = new Set([
  ...['pending Enqueue enqueued', 'enqueued Start in_progress', 'in_progress Enqueue enqueued'],
  'in_progress EnqueueForOrchestration enqueued_for_orchestration',
  'in_progress EnqueueAsErrorForOrchestration enqueued_as_error_for_orchestration',
  ...['enqueued_for_orchestration Complete complete', 'enqueued_for_orchestration Fail error'],
  'enqueued_as_error_for_orchestration WaitForRetry waiting_for_retry',
  ...['enqueued_as_error_for_orchestration Fail error', 'enqueued_as_error_for_orchestration Complete complete'],
  ...['waiting_for_retry Retry pending', 'error ResetForRetry pending', 'cancelled ResetForRetry pending'],
  ...open.map((from) => `${from} Cancel cancelled`),
  ...[...open, 'cancelled'].flatMap((from) => [
    `${from} ResolveManually resolved_manually`,
    `${from} CompleteManually complete`,
  ]),
])

/**
 * Source: orchestration-semantics §2.2; ours are the ways out of `blocked_by_failures` and `error` for a task that an operator helped. The ends of
 * stuck tasks are left out: no schedule searches for them, so a task must not go that way.
 */
const taskMoves: Readonly<Record<string, readonly string[]>> = {
  pending: ['initializing', 'cancelled'],
  initializing: ['enqueuing_steps', 'complete', 'waiting_for_dependencies', 'cancelled'],
  enqueuing_steps: ['steps_in_process', 'error', 'cancelled'],
  steps_in_process: ['evaluating_results', 'waiting_for_retry', 'cancelled'],
  evaluating_results: ['complete', 'enqueuing_steps', 'waiting_for_dependencies', 'blocked_by_failures', 'cancelled'],
  waiting_for_dependencies: ['evaluating_results', 'cancelled'],
  waiting_for_retry: ['enqueuing_steps', 'cancelled'],
  blocked_by_failures: ['error', 'resolved_manually', 'enqueuing_steps', 'evaluating_results', 'cancelled'],
  error: ['pending'],
}

export function historyProblems(history: History, expectation: Expectation): readonly string[] {
  const plans = new Map(expectation.tasks.map((task) => [task.name, task]))
  const problems = history.tasks.flatMap((task) => {
    const plan = plans.get(task.name)
    return plan === undefined ? [`nobody planned task ${task.name}`] : taskProblems(task, plan, expectation)
  })
  for (const { name } of expectation.tasks) {
    const found = history.tasks.filter((task) => task.name === name).length
    if (found !== 1) problems.push(`task ${name} is there ${found} times`)
  }
  const { resultMessagesLeft, rejectedMessages } = history
  const { malformedMessages } = expectation
  if (resultMessagesLeft > 0) problems.push(`${resultMessagesLeft} messages are left in the queue of results`)
  if (rejectedMessages !== malformedMessages) {
    problems.push(`${rejectedMessages} messages were set aside, ${malformedMessages} were malformed`)
  }
  return problems
}

function taskProblems(task: TaskHistory, plan: PlannedTask, { touched, runs }: Expectation): readonly string[] {
  const byId = new Map(task.steps.map((step) => [step.id, step]))
  const afterOf = new Map(plan.steps.map((step) => [step.name, step.after]))
  const named = task.steps.flatMap((step) => {
    const after = afterOf.get(templateStepOf(step.name))
    if (after === undefined) return [`step ${step.name}: nobody planned it`]
    const planned = task.steps.filter((other) => after.includes(templateStepOf(other.name)))
    const parents = new Set([...planned, ...step.parents.flatMap((id) => byId.get(id) ?? [])])
    return [
      ...chainProblems(step.transitions, (move) => stepMoves.has(`${move.from} ${move.event} ${move.to}`)),
      ...attemptProblems(step, runs.get(step.id) ?? 0),
      ...orderProblems(step, [...parents]),
      ...flagProblems(step),
      ...waitProblems(step),
    ].map((problem) => `step ${step.name}: ${problem}`)
  })
  const chain = chainProblems(task.transitions, ({ from, to }) => taskMoves[from ?? '']?.includes(to) ?? false)
  const problems = [...chain, ...endProblems(task), ...named]
  const undisturbed =
    !touched.has(task.name) && task.steps.every((step) => step.transitions.every((one) => !one.recovered))
  if (undisturbed) problems.push(...predictionProblems(task, plan))
  return problems.map((problem) => `task ${task.name}: ${problem}`)
}

export function stateOf({ transitions }: { readonly transitions: readonly Transition[] }): string {
  return transitions.at(-1)?.to ?? 'pending'
}

function chainProblems(transitions: readonly Transition[], isLegal: (move: Transition) => boolean): readonly string[] {
  const problems: string[] = []
  const current = transitions.filter(({ mostRecent }) => mostRecent)
  if (current.length !== 1 || current[0] !== transitions.at(-1)) {
    problems.push(`${current.length} transitions are the most recent one, or it is not the last`)
  }
  for (const [place, move] of transitions.entries()) {
    const before = transitions[place - 1]
    const what = `transition ${place + 1} from ${move.from} to ${move.to}`
    if (move.sortKey !== place + 1) problems.push(`${what} has the sort key ${move.sortKey}`)
    if (move.from !== (before?.to ?? null)) problems.push(`${what} left the state ${before?.to ?? null}`)
    if (move.order <= (before?.order ?? 0)) problems.push(`${what} was written before the one before it`)
    if (before === undefined ? move.to !== 'pending' : !isLegal(move)) {
      problems.push(`${what} by ${move.event} is in no table`)
    }
  }
  return problems
}

/** By it the index of the waits that go on leaves out those that are over. */
function waitProblems({ transitions }: StepHistory): readonly string[] {
  return transitions.flatMap(({ to, mostRecent, waited }, place) => {
    const isOver = to === 'waiting_for_retry' && !mostRecent
    return waited === isOver
      ? []
      : [`transition ${place + 1} to ${to} says ${waited ? 'that' : 'nothing of it that'} its wait is over`]
  })
}

/** Claims that were given back before the handler began do not count; a reset gives all attempts back. */
function attemptProblems(step: StepHistory, runs: number): readonly string[] {
  const { transitions, attempts, attemptsMax, retryable } = step
  const problems: string[] = []
  let [counted, claims] = [0, 0]
  for (const [place, { to, event }] of transitions.entries()) {
    if (event === 'ResetForRetry') counted = 0
    if (to !== 'in_progress') continue
    claims += 1
    if (transitions[place + 1]?.released !== true) counted += 1
    const allowed = retryable ? attemptsMax : 1
    if (counted > allowed) problems.push(`attempt ${counted} of ${allowed} began`)
  }
  if (attempts !== counted) problems.push(`attempts are ${attempts}, but ${counted} began`)
  if (runs > claims) problems.push(`its handler ran ${runs} times with ${claims} claims`)
  const results = transitions.filter(({ event }) => event === 'Complete').length
  if (results > 1) problems.push(`it was completed ${results} times`)
  return problems
}

/** Each time that it was enqueued, all that it depends on was done for good. */
function orderProblems(step: StepHistory, parents: readonly StepHistory[]): readonly string[] {
  const begun = step.transitions.filter(({ from, to }) => from === 'pending' && to === 'enqueued')
  return parents.flatMap((parent) => {
    const last = parent.transitions.at(-1)
    return begun
      .filter(({ order }) => last === undefined || !done.includes(last.to) || last.order > order)
      .map(() => `it was enqueued before ${parent.name} was done, which is ${last?.to}`)
  })
}

function flagProblems(step: StepHistory): readonly string[] {
  const state = stateOf(step)
  const problems: string[] = []
  if (step.inProcess) problems.push(`it is marked as in process in ${state}`)
  if (step.processed !== finished.includes(state)) problems.push(`processed is ${step.processed} in ${state}`)
  return problems
}

/** Everything has come to rest, so the states of the steps say which one the task must be in. */
function endProblems(task: TaskHistory): readonly string[] {
  const state = stateOf(task)
  const states = task.steps.map(stateOf)
  const has = (...some: readonly string[]) => states.some((one) => some.includes(one))
  const problems: string[] = []
  const moving = ['enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration']
  if (has(...moving)) problems.push(`steps are stuck: ${states.join(', ')}`)
  if (task.complete !== (state === 'complete')) problems.push(`complete is ${task.complete} in ${state}`)
  if (state === 'cancelled') {
    if (states.some((one) => !finished.includes(one)))
      problems.push(`it is cancelled, its steps are ${states.join(', ')}`)
    return problems
  }
  const byId = new Map(task.steps.map((step) => [step.id, stateOf(step)]))
  const isReady = (step: StepHistory) =>
    stateOf(step) === 'pending' && step.parents.every((id) => done.includes(byId.get(id) ?? ''))
  const failed = has('error')
  const expected = failed
    ? 'blocked_by_failures'
    : states.every((one) => done.includes(one))
      ? 'complete'
      : 'waiting_for_dependencies'
  if (state !== expected && !(failed && state === 'error')) {
    problems.push(`it is ${state}, not ${expected}; its steps are ${states.join(', ')}`)
  }
  if (expected === 'waiting_for_dependencies') {
    if (!has('cancelled')) problems.push(`nobody will ever move it on; its steps are ${states.join(', ')}`)
    if (has('waiting_for_retry')) problems.push('a retry was forgotten')
    for (const step of task.steps.filter(isReady)) problems.push(`${step.name} is ready and was not enqueued`)
  }
  return problems
}
