// What can be wrong with a template whose fields are all in order: its steps and how they depend on each other.

import { suggestion } from './nearest-name.ts'
import type { StepTemplate } from './template.ts'

export type CheckedStep = Pick<StepTemplate, 'name' | 'type' | 'dependencies'>

export interface StepFault {
  /** Position in the template's list. */
  readonly stepIndex: number
  readonly message: string
}

/** Whoever has so many to mend needs no more; each may cost a look at all names. */
const faultsMax = 100
const storedFaultsMax = 3
/** Beyond it a name is nobody's slip, and too long to compare. */
const comparedCharsMax = 128
const shownStepsMax = 20
const messageCharsMax = 2_000

/** Duplicate names, dependencies that do not exist, cycles, decisions that nothing leads to. Source: wire-protocol §9.2. */
export function checkSteps(steps: readonly CheckedStep[]): readonly StepFault[] {
  return firstOf(faultsOf(steps, decisionMessages), faultsMax)
}

/**
 * The same for a template that somebody else has stored: what would make its steps wait for ever, or run before others; null: nothing.
 * A decision that nothing leads to is left alone, because it runs.
 */
export function storedOrderProblem(steps: readonly CheckedStep[]): string | null {
  const faults = firstOf(
    faultsOf(steps, () => []),
    storedFaultsMax,
  )
  if (faults.length === 0) return null
  const said = faults.map(({ stepIndex, message }) => `steps[${stepIndex}]: ${message}`).join('; ')
  return `cannot run: ${said.slice(0, messageCharsMax)}; correct it and register it again`
}

function firstOf(faults: Iterable<StepFault>, max: number): StepFault[] {
  const first: StepFault[] = []
  for (const fault of faults) {
    first.push(fault)
    if (first.length === max) break
  }
  return first
}

/** Names that are twice or missing would be reported again as cycles, so those come only where there are no others. */
function* faultsOf(
  steps: readonly CheckedStep[],
  more: (step: CheckedStep) => readonly string[],
): Generator<StepFault, void> {
  const names = new Set(steps.map((step) => step.name))
  const before = new Set<string>()
  let found = false
  for (const [stepIndex, step] of steps.entries()) {
    if (before.has(step.name)) {
      found = true
      yield { stepIndex, message: `two steps are named "${step.name}"; rename one` }
    }
    before.add(step.name)
    for (const dependency of step.dependencies) {
      if (names.has(dependency)) continue
      found = true
      yield { stepIndex, message: strangerMessage(step, dependency, names) }
    }
    for (const message of more(step)) {
      found = true
      yield { stepIndex, message }
    }
  }
  if (!found) yield* cycleFaults(steps)
}

function strangerMessage({ name }: CheckedStep, dependency: string, names: ReadonlySet<string>): string {
  const others = dependency.length > comparedCharsMax ? [] : [...names].filter((other) => other !== name)
  return `step "${name}" depends on "${dependency}", which is no step${suggestion(dependency, others)}`
}

function decisionMessages(step: CheckedStep): readonly string[] {
  if (step.type !== 'decision' || step.dependencies.length > 0) return []
  return [`decision step "${step.name}" needs at least one dependency`]
}

function cycleFaults(steps: readonly CheckedStep[]): StepFault[] {
  const stuck = withoutRunnable(steps)
  const first = stuck.values().next().value
  if (first === undefined) return []
  const cycle = cycleFrom(first, stuck)
  const name = cycle[0]
  return [
    {
      stepIndex: steps.findIndex((step) => step.name === name),
      message: `steps wait for each other in a cycle: ${shown(cycle)}; remove one of these dependencies`,
    },
  ]
}

/**
 * Takes away every step that can run at some time; what stays is in a cycle or behind one. Each dependency is looked at once: a stored
 * template is checked while a client waits, and may be a chain of thousands of steps in any order.
 */
function withoutRunnable(steps: readonly CheckedStep[]): ReadonlyMap<string, CheckedStep> {
  const left = new Map(steps.map((step) => [step.name, step]))
  const waitsFor = new Map<string, number>()
  const dependants = new Map<string, CheckedStep[]>()
  for (const step of left.values()) {
    waitsFor.set(step.name, step.dependencies.length)
    for (const name of step.dependencies) {
      const known = dependants.get(name)
      if (known === undefined) dependants.set(name, [step])
      else known.push(step)
    }
  }
  const open = [...left.values()].filter((step) => step.dependencies.length === 0)
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    left.delete(step.name)
    for (const dependant of dependants.get(step.name) ?? []) {
      const others = (waitsFor.get(dependant.name) ?? 0) - 1
      waitsFor.set(dependant.name, others)
      if (others === 0) open.push(dependant)
    }
  }
  return left
}

/** Walks from dependency to dependency until a name returns; gives the loop in the order in which the steps would run. */
function cycleFrom(start: CheckedStep, stuck: ReadonlyMap<string, CheckedStep>): string[] {
  const walked = new Set<string>()
  let step: CheckedStep | undefined = start
  while (step !== undefined && !walked.has(step.name)) {
    walked.add(step.name)
    step = stuck.get(step.dependencies.find((name) => stuck.has(name)) ?? '')
  }
  const names = [...walked]
  const loop = names.slice(names.indexOf(step?.name ?? ''))
  return [...loop, loop[0] ?? ''].reverse()
}

function shown(cycle: readonly string[]): string {
  const left = cycle.length - 1 - shownStepsMax
  if (left <= 0) return cycle.join(' → ')
  return [...cycle.slice(0, shownStepsMax), `${left} more`, cycle.at(-1)].join(' → ')
}
