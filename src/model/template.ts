// Task templates as their authors write them. Source: wire-protocol §9.1, §9.2.

import type { JsonText } from './json-text.ts'

export const stepTypes = ['standard', 'decision', 'deferred_convergence', 'batchable', 'batch_worker'] as const
export type StepType = (typeof stepTypes)[number]

export const backoffKinds = ['none', 'linear', 'exponential', 'fibonacci'] as const
export type BackoffKind = (typeof backoffKinds)[number]

/** More than a task of this many steps would be no workflow but a data set; batches are for those. */
export const templateStepsMax = 10_000

/** What a template with so many steps is told; null: it is within the limit. */
export function stepCountProblem(steps: number): string | null {
  return steps > templateStepsMax ? `has ${steps} steps; at most ${templateStepsMax} are allowed` : null
}

/** When two tasks of a template are the same. Source: orchestration-semantics §1.5. */
export const identityStrategies = ['strict', 'caller_provided', 'always_unique'] as const
export type IdentityStrategy = (typeof identityStrategies)[number]

export interface RetryPolicy {
  readonly retryable: boolean
  readonly attemptsMax: number
  readonly backoff: BackoffKind
  readonly backoffBaseMs: number | null
  readonly backoffMaxMs: number | null
}

export interface StepTemplate {
  readonly name: string
  readonly type: StepType
  readonly callable: string
  readonly method: string | null
  readonly resolver: string | null
  readonly dependencies: readonly string[]
  readonly retry: RetryPolicy
  readonly timeoutMs: number | null
  /** `handler.initialization`; the step's `inputs`. null when it is empty. */
  readonly initialization: JsonText | null
}

export interface TaskTemplate {
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly description: string | null
  readonly steps: readonly StepTemplate[]
  readonly inputSchema: JsonText | null
  /** The whole template in its stored form (`type`, `dependencies`): what `named_tasks.configuration` holds. */
  readonly configuration: JsonText
}

/** Something wrong with one template file. An error keeps the template from loading; a warning does so under `--strict`. */
export interface TemplateProblem {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** One sentence that names the place and the cure. */
  readonly message: string
}

export interface LoadedTemplate {
  readonly template: TaskTemplate
  readonly file: string
  /** The handler root above the file; null for templates of `TASKER_TEMPLATE_PATH`. */
  readonly root: string | null
}

export function templateKey(template: Pick<TaskTemplate, 'namespace' | 'name' | 'version'>): string {
  return `${template.namespace}/${template.name}@${template.version}`
}
