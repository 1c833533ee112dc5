// Reads an operator's action out of the raw body of PATCH on a step. Source: orchestration-semantics §2.11.

import { type JsonText, nullDocument } from '../../model/json-text.ts'
import { rawMember } from '../../model/raw-member.ts'
import type { StepAction } from '../../model/task.ts'
import { Refusal } from './refusal.ts'
import { type Fields, missing, parseObject, requiredText, unprocessable } from './task-request.ts'

export const stepActionTypes = ['reset_for_retry', 'resolve_manually', 'complete_manually'] as const

/** Throws a Refusal: 400 when the body is no JSON, 422 when a field is missing or of another type. */
export function readStepAction(body: unknown): StepAction {
  const text = typeof body === 'string' ? body : ''
  const fields = parseObject(text)
  const actionType = requiredText(fields, 'action_type')
  switch (stepActionTypes.find((known) => known === actionType)) {
    case 'reset_for_retry':
      return {
        actionType: 'reset_for_retry',
        ...{ reason: requiredText(fields, 'reason'), resetBy: requiredText(fields, 'reset_by') },
      }
    case 'resolve_manually':
      return {
        actionType: 'resolve_manually',
        ...{ reason: requiredText(fields, 'reason'), resolvedBy: requiredText(fields, 'resolved_by') },
      }
    case 'complete_manually':
      return {
        actionType: 'complete_manually',
        ...{ reason: requiredText(fields, 'reason'), completedBy: requiredText(fields, 'completed_by') },
        ...completionData(fields, text),
      }
    default:
      throw new Refusal(422, unprocessable, `The field action_type must be one of ${stepActionTypes.join(', ')}`)
  }
}

function completionData(fields: Fields, text: string): { result: JsonText; metadata: JsonText | null } {
  const data = rawMember(text, 'completion_data')
  if (data === null) throw missing('completion_data')
  const parsed = fields['completion_data']
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Refusal(422, unprocessable, 'The field completion_data must be an object')
  }
  const result = rawMember(data, 'result')
  if (result === null) throw missing('completion_data.result')
  const metadata = rawMember(data, 'metadata')
  return { result, metadata: metadata === nullDocument ? null : metadata }
}
