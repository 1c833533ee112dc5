// Documents from a runtime are untrusted: what the database cannot hold becomes the failure of that step alone (design D2).

import { scanJson } from '../model/json-scan.ts'
import type { JsonLimits, JsonText } from '../model/json-text.ts'
import { hostFailure, type StepResult } from '../model/step-result.ts'

/** The same result, or the permanent failure `invalid_result` with the reason. */
export function checkedResult(result: StepResult, limits: JsonLimits): StepResult {
  const problem =
    documentProblem('metadata', result.metadata, limits, 'object') ??
    (result.success
      ? documentProblem('result', result.result, limits, 'value')
      : documentProblem('error context', result.context, limits, 'object'))
  return problem === null ? result : hostFailure(result.stepId, 'invalid_result', problem, result.executionTimeMs)
}

function documentProblem(name: string, text: JsonText, limits: JsonLimits, kind: 'object' | 'value'): string | null {
  const reason = scanJson(text, limits)
  if (reason !== null) return `The handler's ${name} cannot be stored as JSON: ${reason}`
  return kind === 'object' && !text.trimStart().startsWith('{') ? `The handler's ${name} must be a JSON object` : null
}
