// Reads the change of a dead letter entry out of the raw body of PATCH /v1/dlq/entry/{uuid}.

import { type DlqChange, type DlqResolution, dlqResolutions } from '../../model/orchestration-reads.ts'
import { rawMember } from '../../model/raw-member.ts'
import { Refusal } from './refusal.ts'
import { optionalString, parseObject, unprocessable } from './task-request.ts'

const resolvedByCharsMax = 255

export interface DlqRequest {
  readonly change: DlqChange
  /** Ours, beside Tasker's fields: the task shall go on. */
  readonly redrive: boolean
}

/** Throws a Refusal. A field that is missing or null stays as it is. */
export function readDlqRequest(body: unknown): DlqRequest {
  const text = typeof body === 'string' ? body : ''
  const fields = parseObject(text)
  const status = optionalString(fields, 'resolution_status')
  const resolvedBy = optionalString(fields, 'resolved_by')
  if (resolvedBy !== null && [...resolvedBy].length > resolvedByCharsMax) {
    throw new Refusal(400, 'BAD_REQUEST', `resolved_by has more than ${resolvedByCharsMax} characters`)
  }
  const metadata = Object.hasOwn(fields, 'metadata') ? (fields['metadata'] ?? null) : null
  if (metadata !== null && (typeof metadata !== 'object' || Array.isArray(metadata))) {
    throw new Refusal(422, unprocessable, 'The field metadata must be an object')
  }
  const redrive = fields['redrive'] ?? false
  if (typeof redrive !== 'boolean') throw new Refusal(422, unprocessable, 'The field redrive must be true or false')
  const change: DlqChange = {
    resolutionStatus: status === null ? null : resolutionOf(status, 422),
    resolutionNotes: optionalString(fields, 'resolution_notes'),
    resolvedBy,
    metadata: metadata === null ? null : rawMember(text, 'metadata'),
  }
  if (redrive && change.resolutionStatus !== null && change.resolutionStatus !== 'manually_resolved') {
    throw new Refusal(
      400,
      'BAD_REQUEST',
      'A redrive resolves its entry: leave resolution_status out, or say manually_resolved',
    )
  }
  return { change, redrive }
}

/** Tasker's JSON says `ManuallyResolved`, its client sends `manually_resolved`: both are understood. */
export function resolutionOf(text: string, refusedWith: 400 | 422): DlqResolution {
  const plain = text.replaceAll('_', '').toLowerCase()
  const known = dlqResolutions.find((name) => name.replaceAll('_', '') === plain)
  if (known !== undefined) return known
  const code = refusedWith === 400 ? 'BAD_REQUEST' : unprocessable
  throw new Refusal(refusedWith, code, `resolution_status must be one of ${dlqResolutions.join(', ')}`)
}
