// Compares what handlers say they ran with what the database says was attempted and committed.
import { type ExecutionLine, groupedBy } from './execution-log.ts'
import { attemptsOf, resultsOf, type StepHistory } from './history.ts'

export function executionProblems(
  steps: readonly StepHistory[],
  executions: readonly ExecutionLine[],
): readonly string[] {
  const byStep = groupedBy(executions, ({ stepId }) => stepId)
  const known = new Set(steps.map(({ id }) => id))
  const strangers = [...byStep.keys()].filter((id) => !known.has(id)).map((id) => `step ${id} ran, but is not there`)
  const found = steps.flatMap((step) => {
    const lines = byStep.get(step.id) ?? []
    const problems = [...runProblems(lines), ...attemptNumberProblems(step, lines), ...commitProblems(step, lines)]
    return problems.map((problem) => `step ${step.name} ${step.id}: ${problem}`)
  })
  return [...strangers, ...found]
}

/** Within one attempt runs follow each other, and only a yield is followed by another. */
function runProblems(lines: readonly ExecutionLine[]): string[] {
  const problems: string[] = []
  for (const [attempt, ofAttempt] of groupedBy(lines, (line) => line.attempt)) {
    let before: ExecutionLine | null = null
    for (const line of ofAttempt) {
      if (line.phase === 'begin') {
        if (before !== null && before.phase !== 'yield') {
          problems.push(`attempt ${attempt + 1} began again after "${before.phase}" of run ${before.run}`)
        }
        if (before !== null && line.items !== before.items + 1) {
          problems.push(`attempt ${attempt + 1} went on with item ${line.items} after item ${before.items}`)
        }
      } else if (before?.phase !== 'begin' || before.run !== line.run) {
        problems.push(`run ${line.run} of attempt ${attempt + 1} ended with "${line.phase}" out of turn`)
      }
      before = line
    }
  }
  return problems
}

function attemptNumberProblems(step: StepHistory, lines: readonly ExecutionLine[]): string[] {
  const ran = new Set(lines.map(({ attempt }) => attempt))
  return [...ran]
    .filter((attempt) => attempt >= step.attempts)
    .map((attempt) => `its handler ran for attempt ${attempt + 1}, and ${step.attempts} are counted`)
}

/** A result that a handler gave is of a run that ended so, in the attempt that the result closes. */
function commitProblems(step: StepHistory, lines: readonly ExecutionLine[]): string[] {
  const attempts = attemptsOf(step)
  const problems: string[] = []
  const committed = new Set<string>()
  for (const transition of resultsOf(step)) {
    const run = transition.result?.run ?? null
    if (run === null) {
      if (transition.result?.success === true) problems.push('a successful result names no run')
      continue
    }
    if (committed.has(run)) problems.push(`the result of run ${run} was committed twice`)
    committed.add(run)
    const phase = transition.result?.success === true ? 'success' : 'failure'
    const end = lines.find((line) => line.run === run && line.phase === phase)
    const attempt = attempts.findLastIndex(({ sortKey }) => sortKey < transition.sortKey)
    if (end === undefined) problems.push(`a ${phase} of run ${run} was committed, but no handler ended so`)
    else if (end.attempt !== attempt) {
      problems.push(`the result of attempt ${end.attempt + 1} was committed as that of attempt ${attempt + 1}`)
    }
  }
  return problems
}
