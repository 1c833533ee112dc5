// The templates that tasks were made of lately, each with the steps that a task of it begins with.

import type { NewTask, OrchestrationStore, TemplateSelection } from '../model/orchestration-store.ts'
import { initialSteps } from './initial-steps.ts'

export type KeptTemplate = Pick<NewTask, 'template' | 'steps'>

/** Beyond these the one that was met first goes; a template with more steps than all may have is not kept. */
const templatesMax = 1_000
const stepsMax = 50_000

/** What is kept may be out of date: whoever makes a task of it is told so by the database, and whoever refuses one for it asks anew before. */
export class KeptTemplates {
  readonly #store: Pick<OrchestrationStore, 'template'>
  readonly #kept = new Map<string, KeptTemplate>()
  #steps = 0

  constructor(store: Pick<OrchestrationStore, 'template'>) {
    this.#store = store
  }

  get(selection: TemplateSelection): KeptTemplate | null {
    return this.#kept.get(keyOf(selection)) ?? null
  }

  /** As it is now. null: there is no such template. */
  async load(selection: TemplateSelection): Promise<KeptTemplate | null> {
    const template = await this.#store.template(selection)
    const key = keyOf(selection)
    this.#forget(key)
    if (template === null) return null
    const loaded = { template, steps: initialSteps(template.steps) }
    this.#kept.set(key, loaded)
    this.#steps += template.steps.length
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= templatesMax && this.#steps <= stepsMax) break
      this.#forget(oldest)
    }
    return loaded
  }

  #forget(key: string): void {
    this.#steps -= this.#kept.get(key)?.template.steps.length ?? 0
    this.#kept.delete(key)
  }
}

function keyOf({ namespace, name, version }: TemplateSelection): string {
  return JSON.stringify([namespace, name, version])
}
