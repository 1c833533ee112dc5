// The steps of the templates that this worker met, kept until the template's row changes: a batch of steps asks for each template once.

import type { NamedTaskId } from '../model/ids.ts'
import { loadStepDefinitions, type StepDefinition } from './queries/load-step-definitions.ts'
import type { Queryable } from './statement.ts'

export type { StepDefinition } from './queries/load-step-definitions.ts'

/** A template as a hydrated row names it: its version is that of the row, and changes whenever somebody registers it anew. */
export interface TemplateVersion {
  readonly id: NamedTaskId
  readonly version: string
}

export interface KeptTemplate {
  readonly version: string
  /** The rest of the document that handlers get of a task: its names, and the brace that closes it. */
  readonly names: string
  readonly steps: ReadonlyMap<string, StepDefinition>
}

/** Far more than a worker has; beyond that the one that was met first goes. */
const templatesMax = 1_000

export class StepDefinitions {
  readonly #database: Queryable
  readonly #kept = new Map<NamedTaskId, KeptTemplate>()

  constructor(database: Queryable) {
    this.#database = database
  }

  /** Reads the templates that are new or have changed. Rejects with a HostError. */
  async prepare(templates: readonly TemplateVersion[]): Promise<void> {
    const stale = new Set<NamedTaskId>()
    for (const { id, version } of templates) if (this.#kept.get(id)?.version !== version) stale.add(id)
    if (stale.size === 0) return
    for (const { id, version, names, steps } of await loadStepDefinitions(this.#database, [...stale])) {
      this.#kept.delete(id)
      const rest = JSON.stringify(names).slice(1)
      this.#kept.set(id, { version, names: rest, steps: new Map(steps.map((step) => [step.name, step])) })
    }
    while (this.#kept.size > templatesMax) {
      const [first] = this.#kept.keys()
      if (first !== undefined) this.#kept.delete(first)
    }
  }

  /** Its steps that name a callable. null: there is no such template. */
  template(id: NamedTaskId): KeptTemplate | null {
    return this.#kept.get(id) ?? null
  }
}
