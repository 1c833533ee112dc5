// One route as its document describes it: permission, purpose, parameters and answer. The document is made of these, requests are checked by the routes.

import type { FastifyReply, RouteShorthandOptions } from 'fastify'
import type { JsonText } from '../../model/json-text.ts'
import type { Permission } from '../../model/permission.ts'
import { Refusal } from './refusal.ts'
import { isUuid } from './task-request.ts'

export type Schema = Readonly<Record<string, unknown>>

export interface RouteDescription {
  /** null: open to everybody. */
  readonly permission: Permission | null
  readonly tag: string
  readonly summary: string
  readonly query?: Readonly<Record<string, Schema>>
  readonly body?: Schema
  readonly answer?: Schema
  /** Default application/json. */
  readonly answerType?: string
  readonly errors?: readonly number[]
}

export const errorBody: Schema = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        retry_after_seconds: { type: 'integer' },
      },
      required: ['code', 'message'],
    },
  },
  required: ['error'],
}

export function route(description: RouteDescription): RouteShorthandOptions {
  const { permission, tag, summary, query, body, answer, answerType = 'application/json' } = description
  const codes = [...(permission === null ? [] : [401, 403]), 408, ...(description.errors ?? [])]
  const failures = codes.map((code) => [code, { description: meanings[code] ?? 'Refused', ...errorBody }])
  const schema = {
    tags: [tag],
    summary,
    ...(permission === null
      ? {}
      : { security: [{ bearer_auth: [] }, { api_key_auth: [] }], 'x-required-permission': permission }),
    ...(query === undefined ? {} : { querystring: { type: 'object', properties: query } }),
    ...(body === undefined ? {} : { body }),
    response: {
      200: { description: 'Success', content: { [answerType]: { schema: answer ?? { type: 'object' } } } },
      ...Object.fromEntries(failures),
    },
  }
  return { schema, ...(permission === null ? {} : { config: { permission } }) }
}

const meanings: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  401: 'Who are you?',
  403: 'The permission is missing',
  404: 'There is no such thing',
  408: 'It took longer than the server waits',
  409: 'It exists already, or is not in the state for it',
  415: 'The body must be application/json',
  422: 'A field is missing or of another type',
  503: 'Try again later; see Retry-After',
}

export function checkedUuid(text: string): string {
  if (!isUuid(text)) throw new Refusal(400, 'INVALID_UUID', `Invalid UUID: ${text.slice(0, 100)}`)
  return text
}

export function sendDocument(reply: FastifyReply, text: JsonText): FastifyReply {
  return reply.type('application/json').send(text)
}

/** Throws a Refusal (404) where there is nothing. */
export function found(text: JsonText | null, message = 'Resource not found'): JsonText {
  if (text === null) throw new Refusal(404, 'NOT_FOUND', message)
  return text
}
