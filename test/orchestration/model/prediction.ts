// What must become of a workflow whoever runs it, and however many do, as long as nobody dies with its steps, cancels or helps.
import { type Ending, type PlannedStep, type PlannedTask, workerOf } from './plan.ts'

export interface PredictedStep {
  readonly templateStep: string
  readonly state: 'complete' | 'error'
  readonly attempts: number
}

export interface Prediction {
  /** By name; every step that there is when nothing fails for good. */
  readonly steps: ReadonlyMap<string, PredictedStep>
  /** Some step fails for good, which ends the task before or after others have run. */
  readonly fails: boolean
}

export function predict(task: PlannedTask): Prediction {
  const byName = new Map(task.steps.map((step) => [step.name, step]))
  const known = new Map<string, boolean>()
  const isThere = (name: string): boolean => {
    const answer = known.get(name) ?? exists(byName.get(name), byName, isThere)
    known.set(name, answer)
    return answer
  }
  const steps = new Map<string, PredictedStep>()
  const reached = new Map<string, boolean>()
  let fails = false
  // Parents stand before their children.
  for (const step of task.steps) {
    if (!isThere(step.name)) continue
    const predicted = { templateStep: step.name, ...outcome(step) }
    for (const name of instanceNames(step, byName)) steps.set(name, predicted)
    const isReached = step.after.filter(isThere).every((parent) => reached.get(parent) === true)
    if (isReached && predicted.state === 'error') fails = true
    reached.set(step.name, isReached && predicted.state === 'complete')
  }
  return { steps, fails }
}

type Steps = ReadonlyMap<string, PlannedStep>

function exists(step: PlannedStep | undefined, steps: Steps, isThere: (name: string) => boolean): boolean {
  if (step === undefined) return false
  if (step.type === 'batch_worker') {
    return isThere(step.after[0] ?? '') && instanceNames(step, steps).length > 0
  }
  if (step.type === 'deferred_convergence') return step.after.some(isThere)
  return step.after.every((parent) => {
    const { type, chooses } = steps.get(parent) ?? { type: null, chooses: [] }
    return isThere(parent) && (type !== 'decision' || chooses.includes(step.name))
  })
}

function instanceNames(step: PlannedStep, steps: Steps): readonly string[] {
  if (step.type !== 'batch_worker') return [step.name]
  const analyzer = steps.get(step.after[0] ?? '')
  if (analyzer === undefined || analyzer.cursors === 'bad') return []
  if (analyzer.cursors === 0) return analyzer.placeholder ? [`${workerOf(analyzer.name)}_000`] : []
  return Array.from({ length: analyzer.cursors }, (_, i) => `${step.name}_${i + 1}`)
}

function outcome(step: PlannedStep): { readonly state: 'complete' | 'error'; readonly attempts: number } {
  const isBad = step.chooses === 'bad' || step.cursors === 'bad'
  for (let attempts = 1; ; attempts += 1) {
    const ending: Ending = step.endings[attempts - 1] ?? 'ok'
    if (ending === 'ok') return { state: isBad ? 'error' : 'complete', attempts }
    if (ending === 'retry' && step.retryable && attempts < step.attemptsMax) continue
    const goesOn = step.type === 'batch_worker' && step.strategy === 'continue_on_failure'
    return { state: goesOn ? 'complete' : 'error', attempts }
  }
}
