// Which steps of a template exist from the start, and which only once a decision or a batch has spoken.

import type { StoredStep } from '../model/orchestration-store.ts'

/**
 * A step is deferred when it is a batch worker or a deferred convergence, descends from a decision, or depends on a deferred step;
 * all others are created with the task. Source: orchestration-semantics §1.7, the rule that it calls correct.
 */
export function initialSteps(steps: readonly StoredStep[]): readonly StoredStep[] {
  const byName = new Map(steps.map((step) => [step.name, step]))
  const dependants = new Map<string, StoredStep[]>()
  for (const step of steps) {
    for (const parent of step.dependencies) {
      const children = dependants.get(parent)
      if (children === undefined) dependants.set(parent, [step])
      else children.push(step)
    }
  }
  const deferred = new Set<string>()
  // A work list, not recursion: a template may be a chain of thousands of steps.
  const open = steps.filter((step) => step.type === 'batch_worker' || step.type === 'deferred_convergence')
  open.push(...steps.filter((step) => step.type === 'decision').flatMap((step) => dependants.get(step.name) ?? []))
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (deferred.has(step.name) || !byName.has(step.name)) continue
    deferred.add(step.name)
    open.push(...(dependants.get(step.name) ?? []))
  }
  return steps.filter((step) => !deferred.has(step.name))
}
