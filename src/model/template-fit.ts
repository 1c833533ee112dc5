// Does a handler fit its template: the steps that it asks for, the branches and workers that it names, the type of its step?

import type { HandlerDescriptor } from './handler.ts'
import { suggestion } from './nearest-name.ts'
import type { StepOutcome } from './step-result.ts'
import type { StepTemplate } from './template.ts'

/** One sentence with the cure; null: the template has all steps whose results the declaration asks for. */
export function dependencyProblem(handler: HandlerDescriptor, stepNames: readonly string[]): string | null {
  const unknown = handler.dependsOn.find((name) => !stepNames.includes(name))
  if (unknown === undefined) return null
  const place = `Handler "${handler.callable}" (${handler.file})`
  return `${place} depends on the step "${unknown}", which the template does not have${suggestion(unknown, stepNames)}; correct the declaration or the template.`
}

/** One sentence with the cure; null: the template has every step that a decision or an analyzer names. */
export function outcomeProblem(
  handler: HandlerDescriptor,
  outcome: StepOutcome,
  stepNames: readonly string[],
): string | null {
  const place = `Handler "${handler.callable}" (${handler.file})`
  const unknown = namedSteps(outcome).find((name) => !stepNames.includes(name))
  if (unknown === undefined) return null
  const what = outcome.kind === 'decision' ? 'decides on the step' : 'wants workers of the step'
  return `${place} ${what} "${unknown}", which the template does not have${suggestion(unknown, stepNames)}; correct the name or add the step.`
}

/** What a person should know of a handler and the type of its step; nothing keeps them from running. */
export function typeProblem(handler: HandlerDescriptor, step: StepTemplate): string | null {
  // A library may tell nothing of its handlers; what they return is checked when they return it.
  if (handler.runtime === 'rust' && handler.capabilities.length === 0) return null
  const wanted = { decision: 'decision', batchable: 'batchable', batch_worker: 'batchable' }[step.type as string]
  if (wanted !== undefined && !handler.capabilities.includes(wanted)) {
    return `is a ${step.type} step, and ${handler.file} does not say that it is ${wanted}: include the mixin, or correct the type`
  }
  if (step.type !== 'decision' && handler.capabilities.includes('decision')) {
    return `is a ${step.type} step, and ${handler.file} decides: its branches are ignored unless the type is "decision"`
  }
  return null
}

/** The documents are a runtime's own words, so each part is looked at before it is believed. */
function namedSteps({ kind, document }: StepOutcome): readonly string[] {
  const { step_names: names, worker_template_name: worker } = Object(parsed(document)) as Readonly<
    Record<string, unknown>
  >
  const given = kind === 'decision' && Array.isArray(names) ? (names as unknown[]) : kind === 'batches' ? [worker] : []
  return given.filter((name): name is string => typeof name === 'string')
}

function parsed(document: string): unknown {
  try {
    return JSON.parse(document)
  } catch {
    return null
  }
}
