// What can be wrong with a template whose fields are all in order: its steps and how they depend on each other.

import { suggestion } from './nearest-name.ts'
import type { StepTemplate } from './template.ts'

export interface StepFault {
  /** Position in the template's list. */
  readonly stepIndex: number
  readonly message: string
}

/** Duplicate names, dependencies that do not exist, cycles, decisions that nothing leads to. Source: wire-protocol §9.2. */
export function checkSteps(steps: readonly StepTemplate[]): readonly StepFault[] {
  const faults = steps.flatMap((step, stepIndex) =>
    stepMessages(steps, step, stepIndex).map((message) => ({ stepIndex, message })),
  )
  // Names that are twice or missing would be reported again as cycles, so they come first.
  return faults.length > 0 ? faults : cycleFaults(steps)
}

function stepMessages(steps: readonly StepTemplate[], step: StepTemplate, stepIndex: number): string[] {
  const messages: string[] = []
  const names = steps.map((other) => other.name)
  if (names.indexOf(step.name) < stepIndex) {
    messages.push(`two steps are named "${step.name}"; rename one`)
  }
  for (const dependency of step.dependencies) {
    if (names.includes(dependency)) continue
    const others = names.filter((name) => name !== step.name)
    messages.push(`step "${step.name}" depends on "${dependency}", which is no step${suggestion(dependency, others)}`)
  }
  if (step.type === 'decision' && step.dependencies.length === 0) {
    messages.push(`decision step "${step.name}" needs at least one dependency`)
  }
  return messages
}

function cycleFaults(steps: readonly StepTemplate[]): StepFault[] {
  const stuck = withoutRunnable(steps)
  const first = stuck.values().next().value
  if (first === undefined) return []
  const cycle = cycleFrom(first, stuck)
  const name = cycle[0]
  return [
    {
      stepIndex: steps.findIndex((step) => step.name === name),
      message: `steps wait for each other in a cycle: ${cycle.join(' → ')}; remove one of these dependencies`,
    },
  ]
}

/** Takes away every step that can run at some time; what stays is in a cycle or behind one. */
function withoutRunnable(steps: readonly StepTemplate[]): Map<string, StepTemplate> {
  const left = new Map(steps.map((step) => [step.name, step]))
  let before: number
  do {
    before = left.size
    for (const step of left.values()) {
      if (!step.dependencies.some((name) => left.has(name))) left.delete(step.name)
    }
  } while (left.size < before)
  return left
}

/** Walks from dependency to dependency until a name returns; gives the loop in the order in which the steps would run. */
function cycleFrom(start: StepTemplate, stuck: ReadonlyMap<string, StepTemplate>): string[] {
  const walked: string[] = []
  let step: StepTemplate | undefined = start
  while (step !== undefined && !walked.includes(step.name)) {
    walked.push(step.name)
    step = stuck.get(step.dependencies.find((name) => stuck.has(name)) ?? '')
  }
  const loop = walked.slice(walked.indexOf(step?.name ?? ''))
  return [...loop, loop[0] ?? ''].reverse()
}
