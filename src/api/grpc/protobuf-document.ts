// JSON documents and times as protobuf has them, and back. A Struct has doubles only, so the exact text goes beside it (design D13).

import type { JsonText } from '../../model/json-text.ts'
import { Refusal } from '../rest/refusal.ts'
import type { Message } from './method.ts'

/** One level of JSON is up to three of messages, and clients read a hundred of those. */
const structDepthMax = 24

/** A double holds every decimal number of fifteen digits. What looks like a number inside a string counts: then the text is there without need. */
const perhapsInexact = /(?:^|[\s:,[])-?(?:\d[\d.]{15}|[\d.]+[eE][+-]?\d)/

/** The fields `name` and `name_json`; the first is left out where the document is no object or nested too deep, the second where the first says it all. */
export function documentFields(name: string, text: JsonText | null): Message {
  if (text === null || text === 'null') return {}
  const parsed: unknown = JSON.parse(text)
  const struct = isObject(parsed) && depthWithin(parsed, structDepthMax) ? structOf(parsed) : null
  const isWhole = struct !== null && !perhapsInexact.test(text)
  return { ...(struct === null ? {} : { [name]: struct }), ...(isWhole ? {} : { [`${name}_json`]: text }) }
}

/** For documents of our own. */
export function structOf(document: object): Message {
  return { fields: Object.fromEntries(Object.entries(document).map(([key, value]) => [key, protobufValue(value)])) }
}

function protobufValue(value: unknown): Message {
  if (typeof value === 'number') return { numberValue: value }
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (Array.isArray(value)) return { listValue: { values: value.map(protobufValue) } }
  if (isObject(value)) return { structValue: structOf(value) }
  return { nullValue: 'NULL_VALUE' }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function depthWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((member) => depthWithin(member, levels - 1))
}

/**
 * The document of a request, sent as a google.protobuf.Value or as text; null: neither. Throws a Refusal (400) when both were, or when the
 * text is not one JSON value.
 */
export function sentDocument(name: string, value: Message | null, text: unknown): JsonText | null {
  if (typeof text !== 'string') return value === null ? null : (JSON.stringify(plain(name, value)) as JsonText)
  if (value !== null) throw bad(`Send ${name} or ${name}_json, not both`)
  try {
    JSON.parse(text)
  } catch {
    throw bad(`${name}_json is not JSON`)
  }
  return text as JsonText
}

/** A message inside of a message; null: not sent. */
export function sentMessage(request: Message, field: string): Message | null {
  const value = request[field]
  return isObject(value) ? (value as Message) : null
}

function plain(name: string, value: Message): unknown {
  const { numberValue, stringValue, boolValue, listValue, structValue } = value
  if (typeof numberValue === 'number') {
    if (!Number.isFinite(numberValue)) throw bad(`${name} holds a number that JSON does not have`)
    return numberValue
  }
  if (stringValue !== undefined) return stringValue
  if (boolValue !== undefined) return boolValue
  if (listValue !== undefined) return messagesIn(listValue, 'values').map((item) => plain(name, item))
  if (!isObject(structValue)) return null
  const fields = Object.entries((structValue as { fields?: Record<string, Message> }).fields ?? {})
  return Object.fromEntries(fields.map(([key, member]) => [key, plain(name, member)]))
}

function messagesIn(message: unknown, field: string): readonly Message[] {
  const list = (message as Readonly<Record<string, unknown>>)[field]
  return Array.isArray(list) ? list : []
}

/** One JSON object of fields that were sent and of documents, as REST gets it; null: not sent. */
export function jsonObject(fields: Message, documents: Readonly<Record<string, JsonText | null>>): JsonText {
  const sent = Object.entries(documents).filter(([, text]) => text !== null)
  const own = JSON.stringify(fields).slice(1, -1)
  const members = [...(own === '' ? [] : [own]), ...sent.map(([key, text]) => `${JSON.stringify(key)}:${text}`)]
  return `{${members.join(',')}}` as JsonText
}

/** Every text whose name ends in `_at` or is in `names` is a time: RFC 3339 in UTC with at most nanoseconds, with `Z` or without. */
export function withTimes(fields: Message, names: readonly string[] = []): Message {
  const isTime = (key: string) => key.endsWith('_at') || names.includes(key)
  const convert = ([key, value]: [string, unknown]) => [
    key,
    isTime(key) && typeof value === 'string' ? timestamp(value) : value,
  ]
  return Object.fromEntries(Object.entries(fields).map(convert))
}

export function timestamp(text: string): Message {
  const [, whole = '', fraction = ''] = /^([^.Z]+)(?:\.(\d+))?Z?$/.exec(text) ?? []
  return { seconds: Date.parse(`${whole}Z`) / 1000, nanos: Number(fraction.padEnd(9, '0').slice(0, 9)) }
}

function bad(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message)
}
