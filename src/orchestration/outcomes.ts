// What decisions and analyzers ask for, read from what their handlers returned. Source: wire-protocol §6.1, §6.2, orchestration-semantics §5.3.

import { type JsonText, toJsonText } from '../model/json-text.ts'
import { suggestion } from '../model/nearest-name.ts'
import type { OutcomeDocument, StoredStep } from '../model/orchestration-store.ts'
import type { TemplateGraph } from './template-graph.ts'

export interface OutcomeLimits {
  /** False: decisions make nothing, whatever they choose. */
  readonly decisionsEnabled: boolean
  /** False: there are no tasks of templates with batches. */
  readonly batchesEnabled: boolean
  readonly decisionStepsMax: number
  readonly decisionDepthMax: number
  /** From so many steps or levels on it is told. */
  readonly decisionStepsWarn: number
  readonly decisionDepthWarn: number
  readonly batchWorkersMax: number
}

export const outcomeLimitDefaults: OutcomeLimits = {
  decisionsEnabled: true,
  batchesEnabled: true,
  decisionStepsMax: 100,
  decisionDepthMax: 20,
  decisionStepsWarn: 50,
  decisionDepthWarn: 10,
  batchWorkersMax: 10_000,
}

/** A worker of a batch, as it is to be made. */
export interface Instance {
  readonly name: string
  readonly worker: StoredStep
  readonly cursor: JsonText
  readonly extra: JsonText
}

/** `problem`: one sentence; the step fails with it. Empty lists: nothing is made. */
export type Wish =
  | { readonly problem: string }
  | {
      readonly problem: null
      readonly branches: readonly string[]
      readonly instances: readonly Instance[]
      /** One sentence about what is odd and was done all the same. */
      readonly warning?: string
    }

const nothing = { problem: null, branches: [], instances: [] } as const satisfies Wish
/** Of the column that holds them. */
const stepNameCharsMax = 128

export function decisionWish(
  step: StoredStep,
  document: OutcomeDocument,
  graph: TemplateGraph,
  limits: OutcomeLimits,
): Wish {
  const place = `The decision "${step.name}"`
  if (!limits.decisionsEnabled) {
    return { ...nothing, warning: `${place} makes nothing: orchestration.decision_points.enabled is false` }
  }
  const shapes = '{"type":"no_branches"} or {"type":"create_steps","step_names":[…]}'
  if (document.decision === null) return { problem: `${place} gave no decision_point_outcome; it must be ${shapes}` }
  const outcome = parsed(document.decision)
  if (outcome['type'] === 'no_branches') return nothing
  const names: unknown = outcome['step_names']
  if (outcome['type'] !== 'create_steps' || !isTexts(names)) {
    return { problem: `${place} gave a decision_point_outcome that is not ${shapes}` }
  }
  const branches = [...new Set(names)]
  if (branches.length > limits.decisionStepsMax) {
    return { problem: `${place} asks for ${branches.length} steps; at most ${limits.decisionStepsMax} are allowed` }
  }
  const depth = graph.decisionDepth(step.name)
  if (branches.length > 0 && depth > limits.decisionDepthMax) {
    return { problem: `${place} is nested ${depth} deep; at most ${limits.decisionDepthMax} are allowed` }
  }
  const choices = graph.choices(step.name)
  for (const name of branches) {
    const problem = branchProblem(name, choices, graph)
    if (problem !== null) return { problem: `${place} asks for the step "${name}", ${problem}` }
  }
  const isLarge =
    branches.length >= limits.decisionStepsWarn || (branches.length > 0 && depth >= limits.decisionDepthWarn)
  const steps = `${branches.length} of at most ${limits.decisionStepsMax} steps`
  return {
    ...{ problem: null, branches, instances: [] },
    ...(isLarge
      ? { warning: `${place} is large: ${steps}, depth ${depth} of at most ${limits.decisionDepthMax}` }
      : {}),
  }
}

function branchProblem(name: string, choices: ReadonlySet<string>, graph: TemplateGraph): string | null {
  const step = graph.step(name)
  if (step === null) {
    const all = graph.steps.map((other) => other.name)
    return `which the template does not have${suggestion(name, all)}`
  }
  if (!choices.has(name)) return 'which does not lie below it, or lies behind another decision'
  return step.type === 'batch_worker' ? 'which only a batch can make' : null
}

export function batchWish(
  step: StoredStep,
  document: OutcomeDocument,
  graph: TemplateGraph,
  limits: OutcomeLimits,
): Wish {
  const place = `The batchable step "${step.name}"`
  const shapes =
    '{"type":"no_batches"} or {"type":"create_batches","worker_template_name":…,"worker_count":…,"cursor_configs":[…],"total_items":…}'
  if (document.batch === null) return { problem: `${place} gave no batch_processing_outcome; it must be ${shapes}` }
  // The bare word makes nothing, not even the worker that an object makes.
  if (parsedValue(document.batch) === 'no_batches') return nothing
  const outcome = parsed(document.batch)
  if (outcome['type'] === 'no_batches') return placeholder(step, graph)
  const { worker_template_name: name, worker_count: count } = outcome
  if (outcome['type'] !== 'create_batches' || typeof name !== 'string') {
    return { problem: `${place} gave a batch_processing_outcome that is not ${shapes}` }
  }
  const worker = workerStep(name, graph)
  if (typeof worker === 'string') return { problem: `${place} wants workers of the step "${name}", ${worker}` }
  const { cursors } = document
  if (cursors.length === 0) return { problem: `${place} gave no cursor_configs; say {"type":"no_batches"} instead` }
  if (count !== undefined && count !== cursors.length) {
    return { problem: `${place} says worker_count ${toJsonText(count)}, and gives ${cursors.length} cursor_configs` }
  }
  if (cursors.length > limits.batchWorkersMax) {
    return { problem: `${place} asks for ${cursors.length} workers; at most ${limits.batchWorkersMax} are allowed` }
  }
  const instances = new Map<string, Instance>()
  for (const [index, cursor] of cursors.entries()) {
    const id = parsed(cursor)['batch_id']
    const problem = cursorProblem(parsed(cursor), `${worker.name}_`)
    if (problem !== null) return { problem: `${place}: cursor_configs[${index}] ${problem}` }
    const instance = `${worker.name}_${id as string}`
    if (instances.has(instance)) return { problem: `${place} gives the batch_id "${id as string}" twice` }
    instances.set(instance, instanceOf(instance, worker, cursor, false))
  }
  return { problem: null, branches: [], instances: [...instances.values()] }
}

/** Only where the analyzer's own `initialization` names the worker. */
function placeholder(step: StoredStep, graph: TemplateGraph): Wish {
  const name = step.initialization === null ? undefined : parsed(step.initialization)['worker_template_name']
  if (typeof name !== 'string') return nothing
  const worker = workerStep(name, graph)
  if (typeof worker === 'string') {
    return { problem: `The batchable step "${step.name}" names the worker "${name}" in its initialization, ${worker}` }
  }
  const cursor = toJsonText({ batch_id: '000', start_cursor: 0, end_cursor: 0, batch_size: 0 })
  return { problem: null, branches: [], instances: [instanceOf(`${name}_000`, worker, cursor, true)] }
}

function workerStep(name: string, graph: TemplateGraph): StoredStep | string {
  const worker = graph.step(name)
  if (worker === null) {
    const all = graph.steps.filter((step) => step.type === 'batch_worker').map((step) => step.name)
    return `which the template does not have${suggestion(name, all)}`
  }
  if (worker.type !== 'batch_worker') return `which is a ${worker.type} step, not a batch_worker`
  return worker.batch === null ? 'which has no batch_config' : worker
}

function cursorProblem(cursor: Readonly<Record<string, unknown>>, prefix: string): string | null {
  const { batch_id: id, batch_size: size } = cursor
  if (typeof id !== 'string' || id === '') return 'must have a batch_id that is a text'
  if ([...prefix, ...id].length > stepNameCharsMax) {
    return `has a batch_id that makes a step name of more than ${stepNameCharsMax} characters`
  }
  if (!('start_cursor' in cursor) || !('end_cursor' in cursor)) return 'must have start_cursor and end_cursor'
  const whole = typeof size === 'number' && Number.isInteger(size) && size >= 0
  return whole ? null : 'must have a batch_size that is an integer of 0 or more'
}

function instanceOf(name: string, worker: StoredStep, cursor: JsonText, isNoOp: boolean): Instance {
  const extra = toJsonText({
    batch_metadata: {
      cursor_field: worker.batch?.cursorField ?? null,
      failure_strategy: worker.batch?.failureStrategy ?? null,
    },
    is_no_op: isNoOp,
    __template_step_name: worker.name,
  })
  return { name, worker, cursor, extra }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function parsedValue(text: JsonText): unknown {
  return JSON.parse(text)
}

/** For looking only; what is stored is the text itself. What is no object has no members. */
function parsed(text: JsonText): Readonly<Record<string, unknown>> {
  const value = parsedValue(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
