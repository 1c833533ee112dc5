// Makes the steps that decisions and analyzers ask for, in the transaction that completes them; what they may not ask for fails them.

import type { StepId, TaskId } from '../model/ids.ts'
import type {
  NewEdge,
  NewStep,
  OrchestrationTransaction,
  StepPlace,
  StoredStep,
  TaskStep,
  TemplateRevision,
} from '../model/orchestration-store.ts'
import { type Growth, grow } from './growth.ts'
import { batchWish, decisionWish, type OutcomeLimits, type Wish } from './outcomes.ts'
import { TemplateGraph } from './template-graph.ts'

/** What to make, and which steps must fail instead, each with one sentence. */
export interface Expansion {
  readonly problems: ReadonlyMap<StepId, string>
  readonly steps: readonly NewStep[]
  readonly edges: readonly NewEdge[]
}

interface Kept {
  readonly revision: string
  readonly graph: TemplateGraph
  /** Steps whose results have to be looked at. */
  readonly makers: ReadonlyMap<string, StoredStep>
}

interface Maker {
  readonly place: StepPlace
  readonly step: StoredStep
  readonly graph: TemplateGraph
}

type TaskSteps = Map<string, Pick<TaskStep, 'name' | 'state'>[]>

const templatesMax = 1_000
const nothing: Expansion = { problems: new Map(), steps: [], edges: [] }

/** Keeps the templates' graphs, so that results of ordinary steps cost no statement and no look at their template. */
export class Expander {
  readonly #limits: OutcomeLimits
  readonly #onWarning: (message: string) => void
  readonly #kept = new Map<TemplateRevision['namedTaskId'], Kept>()

  constructor(limits: OutcomeLimits, onWarning: (message: string) => void = () => {}) {
    this.#limits = limits
    this.#onWarning = onWarning
  }

  /** For steps that are about to be complete; their tasks must be locked. Nothing is written. */
  async plan(transaction: OrchestrationTransaction, places: readonly StepPlace[]): Promise<Expansion> {
    const makers = await this.#makers(transaction, places)
    if (makers.length === 0) return nothing
    const documents = new Map(
      (await transaction.outcomeDocuments(makers.map(({ place }) => place.stepId))).map((one) => [one.stepId, one]),
    )
    const problems = new Map<StepId, string>()
    const granted: { maker: Maker; wish: Exclude<Wish, { problem: string }> }[] = []
    for (const maker of makers) {
      const document = documents.get(maker.place.stepId)
      if (document === undefined) continue
      const wishOf = maker.step.type === 'decision' ? decisionWish : batchWish
      const wish = wishOf(maker.step, document, maker.graph, this.#limits)
      if (wish.problem !== null) {
        problems.set(maker.place.stepId, wish.problem)
        continue
      }
      if (wish.warning !== undefined) this.#onWarning(`task ${maker.place.taskId}: ${wish.warning}`)
      if (wish.branches.length + wish.instances.length > 0) granted.push({ maker, wish })
    }
    return { problems, ...(await grown(transaction, granted)) }
  }

  /** The version of the template in which a success of the step makes nothing; null: it may, or the template is not known here yet. */
  plainIn(namedTaskId: TemplateRevision['namedTaskId'], templateStep: string): string | null {
    const kept = this.#kept.get(namedTaskId)
    return kept === undefined || kept.makers.has(templateStep) ? null : kept.revision
  }

  async #makers(transaction: OrchestrationTransaction, places: readonly StepPlace[]): Promise<readonly Maker[]> {
    const stale = new Set<TemplateRevision['namedTaskId']>()
    for (const { template } of places) {
      if (this.#kept.get(template.namedTaskId)?.revision !== template.revision) stale.add(template.namedTaskId)
    }
    if (stale.size > 0) await this.#read(transaction, [...stale])
    return places.flatMap((place) => {
      const kept = this.#kept.get(place.template.namedTaskId)
      const step = kept?.makers.get(place.templateStep)
      return kept === undefined || step === undefined ? [] : [{ place, step, graph: kept.graph }]
    })
  }

  async #read(transaction: OrchestrationTransaction, ids: readonly TemplateRevision['namedTaskId'][]): Promise<void> {
    for (const { namedTaskId, revision, steps } of await transaction.templates(ids)) {
      const makers = steps.filter((step) => step.type === 'decision' || step.type === 'batchable')
      const byName = new Map(makers.map((step) => [step.name, step]))
      this.#kept.delete(namedTaskId)
      this.#kept.set(namedTaskId, { revision, graph: new TemplateGraph(steps), makers: byName })
    }
    while (this.#kept.size > templatesMax) {
      const [first] = this.#kept.keys()
      if (first !== undefined) this.#kept.delete(first)
    }
  }
}

/** One after the other within a task: what one makes is there for the next. */
async function grown(
  transaction: OrchestrationTransaction,
  granted: readonly { readonly maker: Maker; readonly wish: Exclude<Wish, { problem: string }> }[],
): Promise<Pick<Expansion, 'steps' | 'edges'>> {
  const tasks = new Map<TaskId, TaskSteps>()
  if (granted.length === 0) return { steps: [], edges: [] }
  for (const step of await transaction.taskSteps([...new Set(granted.map(({ maker }) => maker.place.taskId))])) {
    const steps: TaskSteps = tasks.get(step.taskId) ?? new Map()
    tasks.set(step.taskId, steps)
    steps.set(step.templateStep, [...(steps.get(step.templateStep) ?? []), step])
  }
  const [steps, edges]: [NewStep[], NewEdge[]] = [[], []]
  for (const { maker, wish } of granted) {
    const { taskId, templateStep: by } = maker.place
    const present: TaskSteps = tasks.get(taskId) ?? new Map()
    const instances = wish.instances.filter(({ name, worker }) =>
      (present.get(worker.name) ?? []).every((step) => step.name !== name),
    )
    const growth = grow(maker.graph, present, { by, branches: wish.branches, instances })
    steps.push(...growth.steps.map((step) => newStep(taskId, step)))
    for (const { name, worker, cursor, extra } of instances) {
      steps.push({ ...newStep(taskId, worker), name, batch: { cursor, extra } })
    }
    edges.push(...growth.edges.map((edge) => ({ ...edge, taskId })))
    remember(present, growth, instances)
  }
  return { steps, edges }
}

function newStep(taskId: TaskId, { name, retryable, attemptsMax, initialization }: StoredStep): NewStep {
  return { taskId, name, retryable, attemptsMax, initialization, batch: null }
}

function remember(
  present: TaskSteps,
  growth: Growth,
  instances: readonly { readonly name: string; readonly worker: StoredStep }[],
): void {
  for (const { name } of growth.steps) present.set(name, [{ name, state: 'pending' }])
  for (const { name, worker } of instances) {
    present.set(worker.name, [...(present.get(worker.name) ?? []), { name, state: 'pending' }])
  }
}
