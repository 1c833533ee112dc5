// A workflow as the model test plans it: its steps, how each run of each step ends, and what decisions and analyzers will say.
import type { JsonText } from '../../../src/model/json-text.ts'
import type { StepType, TaskTemplate } from '../../../src/model/template.ts'

export const namespace = 'shop'

/** `retry`: a failure that may be tried again. `fail`: one for good. */
export type Ending = 'ok' | 'retry' | 'fail'

export interface PlannedStep {
  /** Unique in the whole schedule, so that a handler knows its plan by it. */
  readonly name: string
  readonly type: StepType
  readonly after: readonly string[]
  readonly attemptsMax: number
  readonly retryable: boolean
  /** By attempt; those beyond end well. */
  readonly endings: readonly Ending[]
  readonly lastsMs: number
  /** Of a decision: the steps that it chooses. `bad`: it gives what may not be. */
  readonly chooses: readonly string[] | 'bad'
  /** Of an analyzer: its workers. 0: no batches. `bad`: as above. */
  readonly cursors: number | 'bad'
  /** Of an analyzer: without batches there is one worker that has nothing to do. */
  readonly placeholder: boolean
  /** Of a batch worker. */
  readonly strategy: 'continue_on_failure' | 'fail_fast' | 'isolate'
}

export interface PlannedTask {
  readonly name: string
  readonly steps: readonly PlannedStep[]
}

/** A step that succeeds at once, but for what `more` says. */
export function plannedStep(name: string, more: Partial<PlannedStep> = {}): PlannedStep {
  return {
    ...{ name, type: 'standard', after: [], attemptsMax: 3, retryable: true, endings: [], lastsMs: 0 },
    ...{ chooses: [], cursors: 0, placeholder: false, strategy: 'isolate' },
    ...more,
  }
}

/** The worker of a batch, by its convention the analyzer's name and this. */
export function workerOf(analyzer: string): string {
  return `${analyzer}_worker`
}

/** The template's step: batch workers are called after their cursor. */
export function templateStepOf(name: string): string {
  return name.replace(/_worker_\d+$/, '_worker')
}

export function templateOf(task: PlannedTask): TaskTemplate {
  const steps = task.steps.map((step) => ({
    ...{ name: step.name, type: step.type, dependencies: step.after },
    retry: { retryable: step.retryable, max_attempts: step.attemptsMax, backoff: 'none' },
    handler: {
      callable: 'work',
      initialization: step.placeholder ? { worker_template_name: workerOf(step.name) } : {},
    },
    ...(step.type === 'batch_worker' ? { batch_config: { cursor_field: 'id', failure_strategy: step.strategy } } : {}),
  }))
  const version = '1.0.0'
  const configuration = JSON.stringify({ name: task.name, namespace_name: namespace, version, steps }) as JsonText
  return { namespace, name: task.name, version, description: null, steps: [], inputSchema: null, configuration }
}

/** What the handler of the step returns when it ends well. */
export function resultOf(step: PlannedStep): JsonText {
  return JSON.stringify(resultDocument(step)) as JsonText
}

function resultDocument(step: PlannedStep): object {
  if (step.type === 'decision') {
    if (step.chooses === 'bad') return { decision_point_outcome: { type: 'create_steps', step_names: ['nowhere'] } }
    const outcome =
      step.chooses.length === 0 ? { type: 'no_branches' } : { type: 'create_steps', step_names: step.chooses }
    return { decision_point_outcome: outcome }
  }
  if (step.type !== 'batchable') return {}
  if (step.cursors === 'bad') return { batch_processing_outcome: { type: 'create_batches' } }
  if (step.cursors === 0) return { batch_processing_outcome: { type: 'no_batches' } }
  const cursors = Array.from({ length: step.cursors }, (_, i) => ({
    ...{ batch_id: String(i + 1), start_cursor: i * 10, end_cursor: i * 10 + 9, batch_size: 10 },
  }))
  return {
    batch_processing_outcome: {
      ...{ type: 'create_batches', worker_template_name: workerOf(step.name), worker_count: cursors.length },
      ...{ cursor_configs: cursors, total_items: cursors.length * 10 },
    },
  }
}
