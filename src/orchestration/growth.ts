// Which steps of a template a task gets when a decision chose or an analyzer cut its batches, and what they wait for.

import type { NewEdge, StoredStep, TaskStep } from '../model/orchestration-store.ts'
import { finishedStepStates } from '../model/task-state.ts'
import type { Instance } from './outcomes.ts'
import type { TemplateGraph } from './template-graph.ts'

export interface GrowthSeed {
  /** The decision or the batchable step. */
  readonly by: string
  readonly branches: readonly string[]
  readonly instances: readonly Instance[]
}

export interface Growth {
  readonly steps: readonly StoredStep[]
  readonly edges: readonly Omit<NewEdge, 'taskId'>[]
}

type Present = ReadonlyMap<string, readonly Pick<TaskStep, 'name' | 'state'>[]>

/**
 * What was chosen, what follows from it, and the convergences that wait for some of it. A step follows when all that it depends on is there and
 * no other decision has to choose it; a convergence is there as soon as one of its branches is. It waits for those branches that exist, and for
 * the decisions and analyzers that may yet make more of them. `present`: the steps of the task by the name of their template entry.
 */
export function grow(graph: TemplateGraph, present: Present, seed: GrowthSeed): Growth {
  const added = addedSteps(graph, present, seed)
  const names = new Map<string, readonly string[]>()
  for (const [name, steps] of present)
    names.set(
      name,
      steps.map((step) => step.name),
    )
  for (const name of added) names.set(name, [name])
  for (const { worker, name } of seed.instances) names.set(worker.name, [...(names.get(worker.name) ?? []), name])
  const edges: Omit<NewEdge, 'taskId'>[] = []
  for (const { worker, name } of seed.instances) {
    edges.push({ from: seed.by, to: name, name: 'batch_dependency' })
    edges.push(
      ...edgesTo(
        name,
        worker.dependencies.filter((parent) => parent !== seed.by),
        names,
        graph,
      ),
    )
  }
  const steps = graph.steps.filter((step) => added.has(step.name))
  for (const step of steps) {
    const own = edgesTo(step.name, step.dependencies, names, graph)
    const incomplete = step.dependencies.some((parent) => !names.has(parent))
    edges.push(...own)
    // A branch that was chosen although something else that it depends on is not there runs behind the decision.
    if (own.length === 0 || (incomplete && step.type !== 'deferred_convergence')) {
      edges.push({ from: seed.by, to: step.name, name: 'provides' })
    }
  }
  edges.push(...convergenceEdges(graph, { present, added, names, by: seed.by }))
  return { steps, edges }
}

function addedSteps(graph: TemplateGraph, present: Present, seed: GrowthSeed): ReadonlySet<string> {
  const added = new Set(seed.branches.filter((name) => !present.has(name)))
  const workers = new Set(seed.instances.map(({ worker }) => worker.name))
  const isThere = (name: string) => added.has(name) || workers.has(name) || present.has(name)
  const follows = (step: StoredStep) =>
    step.dependencies.every((name) => isThere(name) && (name === seed.by || graph.step(name)?.type !== 'decision'))
  // A work list, not recursion: what follows may be a chain of thousands of steps.
  const open = [...added, ...workers]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const step of graph.dependants(name)) {
      if (isThere(step.name) || step.type === 'batch_worker') continue
      if (step.type !== 'deferred_convergence' && !follows(step)) continue
      added.add(step.name)
      open.push(step.name)
    }
  }
  return added
}

function edgesTo(
  step: string,
  parents: readonly string[],
  names: ReadonlyMap<string, readonly string[]>,
  graph: TemplateGraph,
): Omit<NewEdge, 'taskId'>[] {
  const converges = graph.step(step)?.type === 'deferred_convergence'
  return parents.flatMap((parent) =>
    (names.get(parent) ?? []).map((from) => {
      const ofWorker = converges && graph.step(parent)?.type === 'batch_worker'
      return { from, to: step, name: ofWorker ? ('worker_to_convergence' as const) : ('provides' as const) }
    }),
  )
}

/** A convergence that has not begun waits for branches that came later, and for whoever may make those that are not there yet. */
function convergenceEdges(
  graph: TemplateGraph,
  task: {
    readonly present: Present
    readonly added: ReadonlySet<string>
    readonly names: ReadonlyMap<string, readonly string[]>
    readonly by: string
  },
): Omit<NewEdge, 'taskId'>[] {
  const { present, added, names, by } = task
  const isUndecided = (name: string) => {
    const type = graph.step(name)?.type
    if (name === by || (type !== 'decision' && type !== 'batchable')) return false
    return added.has(name) || (present.get(name) ?? []).some(({ state }) => !finishedStepStates.has(state))
  }
  const waits = (step: StoredStep) =>
    added.has(step.name) || (present.get(step.name) ?? []).some(({ state }) => state === 'pending')
  return graph.steps
    .filter((step) => step.type === 'deferred_convergence' && waits(step))
    .flatMap((step) => {
      const missing = step.dependencies.filter((parent) => !names.has(parent))
      const makers = new Set(missing.flatMap((parent) => [...graph.ancestors(parent)].filter(isUndecided)))
      return edgesTo(step.name, [...step.dependencies, ...makers], names, graph)
    })
}
