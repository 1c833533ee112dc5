// Reads a TaskRequest out of the raw body of POST /v1/tasks. Source: orchestration-semantics §1.2, §1.4.

import { messageOf } from '../../model/host-error.ts'
import { rawMember } from '../../model/raw-member.ts'
import type { InputSchemaCheck, TaskRequest } from '../../model/task.ts'
import { Refusal } from './refusal.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Throws a Refusal: 400 when the body is no JSON, 422 when a field is missing or of another type. Unknown fields are ignored. */
export function readTaskRequest(body: unknown, inputSchema: InputSchemaCheck): TaskRequest {
  const text = typeof body === 'string' ? body : ''
  const fields = parseObject(text)
  const context = rawMember(text, 'context')
  if (context === null) throw missing('context')
  return {
    namespace: requiredText(fields, 'namespace'),
    name: requiredText(fields, 'name'),
    version: requiredText(fields, 'version'),
    context,
    initiator: requiredText(fields, 'initiator'),
    sourceSystem: requiredText(fields, 'source_system'),
    reason: requiredText(fields, 'reason'),
    tags: textList(fields, 'tags'),
    priority: optionalInteger(fields, 'priority'),
    correlationId: optionalUuid(fields, 'correlation_id'),
    parentCorrelationId: optionalUuid(fields, 'parent_correlation_id'),
    idempotencyKey: optionalString(fields, 'idempotency_key'),
    freshIdentity: false,
    inputSchema,
  }
}

/** Throws a Refusal: 400 when it is no JSON, 422 when it is no object. */
export function parseObject(text: string): Fields {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Refusal(400, 'JSON_ERROR', `The body is not JSON: ${messageOf(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Refusal(422, unprocessable, 'The body must be a JSON object')
  }
  return parsed as Fields
}

export const unprocessable = 'UNPROCESSABLE_ENTITY'

export function missing(field: string): Refusal {
  return new Refusal(422, unprocessable, `The field ${field} is missing`)
}

function illTyped(field: string, wanted: string): Refusal {
  return new Refusal(422, unprocessable, `The field ${field} must be ${wanted}`)
}

/** What is inherited is no field of the body. */
function fieldOf(fields: Fields, field: string): unknown {
  return Object.hasOwn(fields, field) ? fields[field] : undefined
}

export function requiredText(fields: Fields, field: string): string {
  const value = fieldOf(fields, field)
  if (value === undefined) throw missing(field)
  if (typeof value !== 'string') throw illTyped(field, 'a string')
  return value
}

/** null: missing. */
export function optionalString(fields: Fields, field: string): string | null {
  const value = fieldOf(fields, field) ?? null
  if (value === null) return null
  if (typeof value !== 'string') throw illTyped(field, 'a string')
  if (/\p{Surrogate}|\0/u.test(value)) {
    throw new Refusal(400, 'BAD_REQUEST', `${field} holds characters that PostgreSQL cannot store`)
  }
  return value
}

function textList(fields: Fields, field: string): readonly string[] {
  const value = fieldOf(fields, field)
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw illTyped(field, 'an array of strings')
  }
  return value
}

function optionalInteger(fields: Fields, field: string): number | null {
  const value = fieldOf(fields, field) ?? null
  if (value === null) return null
  // Of 32 bits, in Tasker's type and in the column.
  if (typeof value !== 'number' || (value | 0) !== value) throw illTyped(field, 'an integer of 32 bits')
  return value
}

function optionalUuid(fields: Fields, field: string): string | null {
  const value = fieldOf(fields, field) ?? null
  if (value === null) return null
  if (typeof value !== 'string' || !isUuid(value)) throw illTyped(field, 'a UUID')
  return value
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)
}
