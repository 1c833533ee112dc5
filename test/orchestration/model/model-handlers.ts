// Handlers that do what the plan says, and count how often each step ran.
import { setTimeout as delay } from 'node:timers/promises'
import { emptyObject } from '../../../src/model/json-text.ts'
import type { RuntimeAdapter } from '../../../src/model/runtime-adapter.ts'
import type { StepRequest } from '../../../src/model/step-request.ts'
import { hostFailure, type StepResult } from '../../../src/model/step-result.ts'
import { ScriptedAdapter } from '../../dispatch/scripted-adapter.ts'
import { type PlannedTask, resultOf, templateStepOf } from './plan.ts'

export class ModelHandlers {
  readonly #steps: ReadonlyMap<string, PlannedTask['steps'][number]>
  /** By step id. */
  readonly runs = new Map<string, number>()

  constructor(tasks: readonly PlannedTask[]) {
    this.#steps = new Map(tasks.flatMap((task) => task.steps.map((step) => [step.name, step])))
  }

  /** A runtime of its own for each life of a worker. */
  adapter(): RuntimeAdapter {
    return new ScriptedAdapter(async (request, cancelled) => {
      const step = this.#steps.get(templateStepOf(request.stepName))
      if (step === undefined)
        return hostFailure(request.stepId, 'handler_not_found', `nobody planned ${request.stepName}`)
      this.runs.set(request.stepId, (this.runs.get(request.stepId) ?? 0) + 1)
      if (step.lastsMs > 0) await Promise.race([delay(step.lastsMs), cancelled])
      const ending = step.endings[request.attempts] ?? 'ok'
      return ending === 'ok' ? success(request, resultOf(step)) : failure(request, ending === 'retry')
    })
  }
}

function success({ stepId }: StepRequest, result: ReturnType<typeof resultOf>): StepResult {
  return { stepId, success: true, outcome: null, result, metadata: emptyObject, executionTimeMs: 1 }
}

function failure({ stepId }: StepRequest, retryable: boolean): StepResult {
  return { ...hostFailure(stepId, 'handler_error', 'as planned'), retryable }
}
