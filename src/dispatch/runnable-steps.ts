// Which steps of the registered templates can run here: the list that every claim passes to the database.

import type { RunnableStep } from '../model/claim-source.ts'
import type { HandlerDescriptor } from '../model/handler.ts'
import type { NamedTaskId } from '../model/ids.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import type { NamedTaskSource, NamedTaskSteps } from '../model/step-store.ts'
import { templateKey } from '../model/template.ts'
import type { CallableUse, HandlerDirectory, ResolvedHandler } from './handler-directory.ts'
import type { PermitUse } from './permit-views.ts'

export interface ListedStep extends RunnableStep {
  /** What the limits look at. */
  readonly use: PermitUse
}

export interface RunnableStepsOptions {
  readonly namespaces: readonly string[]
  /** Template key → the handler root that its file lies under. */
  readonly rootsByTemplate: ReadonlyMap<string, string>
  /** The list is read again at most this often when claims meet steps that it does not have. */
  readonly refreshMs: number
}

export class RunnableSteps {
  readonly #source: NamedTaskSource
  readonly #directory: HandlerDirectory
  readonly #options: RunnableStepsOptions
  #namedTasks = new Map<NamedTaskId, NamedTaskSteps>()
  #readAt = Number.NEGATIVE_INFINITY
  #doubted = false
  #listed: { basis: readonly unknown[]; steps: readonly ListedStep[]; uses: ReadonlyMap<string, PermitUse> } = {
    basis: [],
    steps: [],
    uses: new Map(),
  }
  #announced: { basis: readonly unknown[]; steps: readonly RunnableStep[] } = { basis: [], steps: [] }

  constructor(source: NamedTaskSource, directory: HandlerDirectory, options: RunnableStepsOptions) {
    this.#source = source
    this.#directory = directory
    this.#options = options
  }

  async refresh(): Promise<void> {
    this.#readAt = performance.now()
    this.#doubted = false
    const tasks = await this.#source.load(this.#options.namespaces)
    this.#namedTasks = new Map(tasks.map((task) => [task.namedTaskId, task]))
  }

  /** A step that the list promised could not run. */
  doubt(): void {
    this.#doubted = true
  }

  /** After a claim. One that met foreign steps may have met a new template; a doubted list may come from an old one. */
  async refreshIfOld({ foreign }: { foreign: number }): Promise<void> {
    if (foreign === 0 && !this.#doubted) return
    if (performance.now() - this.#readAt >= this.#options.refreshMs) await this.refresh()
  }

  /** Worked out anew when the templates, a runtime's handlers or its health changed. */
  list(): readonly ListedStep[] {
    const basis = this.#basis()
    if (!isSame(basis, this.#listed.basis)) {
      const steps = this.#workOut((use) => this.#directory.runnable(use))
      this.#listed = { basis, steps, uses: new Map(steps.map((step) => [useKey(step), step.use])) }
    }
    return this.#listed.steps
  }

  /** Also those whose runtime is ill right now: they wait for it, and must not fail as if nobody had them. */
  announced(): readonly RunnableStep[] {
    const basis = this.#basis()
    if (!isSame(basis, this.#announced.basis)) {
      this.#announced = { basis, steps: this.#workOut((use) => this.#directory.resolve(use)) }
    }
    return this.#announced.steps
  }

  /** By the list of the last claim; null: the step was not in it. */
  useOf(step: Pick<ClaimedStep, 'namedTaskId' | 'templateStep'>): PermitUse | null {
    return this.#listed.uses.get(useKey(step)) ?? null
  }

  rootOf(namedTaskId: NamedTaskId): string | null {
    const task = this.#namedTasks.get(namedTaskId)
    return task === undefined ? null : (this.#options.rootsByTemplate.get(templateKey(task)) ?? null)
  }

  /** The steps of a template; null: it is not known here. */
  stepNamesOf(namedTaskId: NamedTaskId): readonly string[] | null {
    return this.#namedTasks.get(namedTaskId)?.steps.map(({ name }) => name) ?? null
  }

  #basis(): readonly unknown[] {
    return [this.#namedTasks, ...this.#directory.tables()]
  }

  #workOut(resolve: (use: CallableUse) => ResolvedHandler | null): readonly ListedStep[] {
    return [...this.#namedTasks.values()].flatMap(({ namedTaskId, namespace, steps }) =>
      steps.flatMap(({ callable, name, resolver }): ListedStep[] => {
        const root = this.rootOf(namedTaskId)
        const resolved = resolve({ callable, resolver, namespace, templateStep: name, root })
        if (resolved === null) return []
        return [{ namedTaskId, templateStep: name, use: useOf(resolved.descriptor, callable, namespace) }]
      }),
    )
  }
}

function isSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((table, index) => table === others[index])
}

function useOf({ callable, aliases, runtime, batch }: HandlerDescriptor, called: string, namespace: string): PermitUse {
  return { namespace, language: runtime, names: [callable, ...aliases, called], batchMax: batch?.sizeMax ?? 1 }
}

function useKey({ namedTaskId, templateStep }: Pick<RunnableStep, 'namedTaskId' | 'templateStep'>): string {
  return `${namedTaskId} ${templateStep}`
}
