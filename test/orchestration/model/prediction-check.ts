// Compares what became of an undisturbed workflow with what must become of it.
import type { TaskHistory } from './history.ts'
import type { PlannedTask } from './plan.ts'
import { predict } from './prediction.ts'

export function predictionProblems(task: TaskHistory, plan: PlannedTask): readonly string[] {
  const { steps, fails } = predict(plan)
  const strategies = new Map(plan.steps.map((step) => [step.name, step.strategy]))
  const state = task.transitions.at(-1)?.to
  const problems: string[] = []
  const expected = fails ? 'blocked_by_failures' : 'complete'
  if (state !== expected) problems.push(`it is ${state}, and must become ${expected}`)
  for (const step of task.steps) {
    const predicted = steps.get(step.name)
    const is = step.transitions.at(-1)?.to ?? 'pending'
    if (predicted === undefined) {
      problems.push(`step ${step.name} must not be there`)
    } else if (is === 'complete' || is === 'error') {
      if (is !== predicted.state || step.attempts !== predicted.attempts) {
        problems.push(
          `step ${step.name} is ${is} after ${step.attempts} attempts, and must be ${predicted.state} after ${predicted.attempts}`,
        )
      }
    } else if (!fails || (is === 'cancelled' && strategies.get(predicted.templateStep) !== 'fail_fast')) {
      problems.push(`step ${step.name} is ${is}, and must be ${predicted.state}`)
    }
  }
  const names = new Set(task.steps.map(({ name }) => name))
  const missing = fails ? [] : [...steps.keys()].filter((name) => !names.has(name))
  return [...problems, ...missing.map((name) => `step ${name} is missing`)]
}
