// The templates that tasks were made of lately, each with the steps that a task of it begins with.

import type { NewTask, OrchestrationStore, TemplateSelection } from '../model/orchestration-store.ts'
import { stepCountProblem } from '../model/template.ts'
import { storedOrderProblem } from '../model/template-check.ts'
import { initialSteps } from './initial-steps.ts'

export interface KeptTemplate extends Pick<NewTask, 'template' | 'steps'> {
  /** Why no task is made of it, which whoever registered it may not have looked for; null: nothing is wrong. */
  readonly fault: string | null
}

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
    const before = this.#kept.get(key)
    this.#forget(key)
    if (template === null) return null
    const loaded = { template, steps: initialSteps(template.steps), fault: faultOf(template, before) }
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

/** Looked for once in each revision: whoever is refused may ask again and again. */
function faultOf(template: NewTask['template'], before: KeptTemplate | undefined): string | null {
  const { namedTaskId, revision, steps } = template
  if (before?.template.namedTaskId === namedTaskId && before.template.revision === revision) return before.fault
  return stepCountProblem(steps.length) ?? storedOrderProblem(steps)
}

function keyOf({ namespace, name, version }: TemplateSelection): string {
  return JSON.stringify([namespace, name, version])
}
