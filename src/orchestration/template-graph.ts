// A template as a graph of its steps: who depends on whom, who lies below whom, how deep decisions are nested.

import type { StoredStep } from '../model/orchestration-store.ts'

export class TemplateGraph {
  readonly steps: readonly StoredStep[]
  readonly #byName: ReadonlyMap<string, StoredStep>
  readonly #dependants = new Map<string, StoredStep[]>()
  readonly #ancestors = new Map<string, ReadonlySet<string>>()

  constructor(steps: readonly StoredStep[]) {
    this.steps = steps
    this.#byName = new Map(steps.map((step) => [step.name, step]))
    for (const step of steps) {
      for (const parent of new Set(step.dependencies)) {
        const children = this.#dependants.get(parent)
        if (children === undefined) this.#dependants.set(parent, [step])
        else children.push(step)
      }
    }
  }

  step(name: string): StoredStep | null {
    return this.#byName.get(name) ?? null
  }

  dependants(name: string): readonly StoredStep[] {
    return this.#dependants.get(name) ?? []
  }

  /** Everything that the step waits for, directly or not. */
  ancestors(name: string): ReadonlySet<string> {
    const known = this.#ancestors.get(name)
    if (known !== undefined) return known
    const found = new Set<string>()
    const open = [...(this.step(name)?.dependencies ?? [])]
    for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
      if (found.has(parent)) continue
      found.add(parent)
      open.push(...(this.step(parent)?.dependencies ?? []))
    }
    this.#ancestors.set(name, found)
    return found
  }

  /** What a decision may choose from: all below it up to other decisions, those included. */
  choices(decision: string): ReadonlySet<string> {
    const found = new Set<string>()
    const open = [...this.dependants(decision)]
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      if (found.has(step.name)) continue
      found.add(step.name)
      if (step.type !== 'decision') open.push(...this.dependants(step.name))
    }
    return found
  }

  /** Decisions on the longest way down to this one, itself included. */
  decisionDepth(name: string): number {
    const above = [...this.ancestors(name)].filter((parent) => this.step(parent)?.type === 'decision')
    const depths = new Map<string, number>()
    // The one with the fewest ancestors cannot lie below another of them.
    for (const decision of above.sort((a, b) => this.ancestors(a).size - this.ancestors(b).size)) {
      const parents = [...this.ancestors(decision)].map((parent) => depths.get(parent) ?? 0)
      depths.set(decision, 1 + parents.reduce((deepest, depth) => Math.max(deepest, depth), 0))
    }
    return 1 + [...depths.values()].reduce((deepest, depth) => Math.max(deepest, depth), 0)
  }
}
