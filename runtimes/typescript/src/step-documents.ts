// The four documents of a step: their text as it came, parsed when first read.

import { parseJson, writeJson } from './json-text.ts'

export type JsonObject = Record<string, unknown>

export interface StepDocumentTexts {
  readonly task: string
  readonly workflowStep: string
  readonly dependencyResults: string
  readonly stepDefinition: string
}

/** Handlers rarely read all four, and a large dependency costs nothing until somebody looks at it. */
export class StepDocuments {
  readonly texts: StepDocumentTexts
  #task: JsonObject | null = null
  #workflowStep: JsonObject | null = null
  #dependencyResults: JsonObject | null = null
  #stepDefinition: JsonObject | null = null

  constructor(texts: StepDocumentTexts) {
    this.texts = texts
  }

  /** From the parsed form that events have: the way of unit tests, where speed does not matter. */
  static fromSequenceStep(step: JsonObject): StepDocuments {
    return new StepDocuments({
      task: writeJson(step['task'] ?? {}),
      workflowStep: writeJson(step['workflow_step'] ?? {}),
      dependencyResults: writeJson(step['dependency_results'] ?? {}),
      stepDefinition: writeJson(step['step_definition'] ?? {}),
    })
  }

  /** `{ task: { …, context }, task_name, task_version, namespace_name }`. */
  get task(): JsonObject {
    this.#task ??= objectOf(parseJson(this.texts.task))
    return this.#task
  }

  get workflowStep(): JsonObject {
    this.#workflowStep ??= objectOf(parseJson(this.texts.workflowStep))
    return this.#workflowStep
  }

  get dependencyResults(): JsonObject {
    this.#dependencyResults ??= objectOf(parseJson(this.texts.dependencyResults))
    return this.#dependencyResults
  }

  get stepDefinition(): JsonObject {
    this.#stepDefinition ??= objectOf(parseJson(this.texts.stepDefinition))
    return this.#stepDefinition
  }
}

/** The value where it is an object, an empty one otherwise: documents come from outside and may hold null anywhere. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
