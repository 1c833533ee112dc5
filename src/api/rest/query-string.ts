// Reads the query of a request by the names that a route knows; whatever else is sent is refused, not passed over.

import { Refusal } from './refusal.ts'

/** What one parameter becomes; `text` is null where it was not sent. */
export type Parameter<T> = (text: string | null, name: string) => T

type Read<Shape> = { readonly [Name in keyof Shape]: Shape[Name] extends Parameter<infer T> ? T : never }

/** Throws a Refusal (400): a misspelt filter would otherwise show everything. */
export function readQuery<Shape extends Readonly<Record<string, Parameter<unknown>>>>(
  query: unknown,
  shape: Shape,
): Read<Shape> {
  const sent = new Map(Object.entries(query ?? {}))
  const unknown = [...sent.keys()].find((name) => !Object.hasOwn(shape, name))
  if (unknown !== undefined) {
    const known = Object.keys(shape).join(', ') || 'none'
    throw bad(`Unknown query parameter ${JSON.stringify(unknown.slice(0, 100))}; known: ${known}`)
  }
  const read = Object.entries(shape).map(([name, parameter]) => {
    const value = sent.get(name) ?? null
    if (value !== null && typeof value !== 'string') throw bad(`The query parameter ${name} was sent more than once`)
    return [name, parameter(value, name)]
  })
  return Object.fromEntries(read)
}

export const optionalText: Parameter<string | null> = (text, name) => {
  if (text?.includes('\0')) throw bad(`${name} holds characters that cannot be stored`)
  return text
}

export function integer(min: number, max: number, absent: number): Parameter<number> {
  return (text, name) => {
    if (text === null) return absent
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) throw bad(`${name} must be an integer from ${min} to ${max}`)
    return value
  }
}

function bad(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message)
}
