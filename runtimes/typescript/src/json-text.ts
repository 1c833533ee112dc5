// JSON documents as text: read with exact integers, written only when PostgreSQL's jsonb can hold them.

import { randomUUID } from 'node:crypto'
import { RawJson } from './raw-json.ts'

/** Deepest nesting of a written document. Source: PROTOCOL.md §5. */
const depthMax = 200
/** From here on a float is written positionally with `.0`; jsonb would make an integer of `1e16`. */
const positionalFrom = 1e16

// Numbers that JavaScript cannot hold pass through JSON.parse and JSON.stringify as strings that begin with a mark no document contains.
const mark = `number:${randomUUID()}:`
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const markedString = new RegExp(`"${mark}(\\d+)"`, 'g')
const integer = /^-?[1-9]\d*$/
const longDigits = /\d{16}/
const unstorable = /\u0000|\p{Surrogate}/u

/** A value that a JSON document cannot hold. `path` leads to it from the top (`$`). */
export class JsonTextError extends Error {
  readonly path: string
  /** What the value is and what to do about it. */
  readonly problem: string

  constructor(path: string, problem: string) {
    super(`${path} is ${problem}`)
    this.name = 'JsonTextError'
    this.path = path
    this.problem = problem
  }
}

/** Reads a document as JSON.parse does, except that integers beyond ±(2^53−1) become exact bigints. */
export function parseJson(text: string): unknown {
  if (!longDigits.test(text)) return JSON.parse(text)
  let marked = false
  const readable = text.replace(stringOrNumber, (token) => {
    if (token.length < 16 || !integer.test(token) || Number.isSafeInteger(Number(token))) return token
    marked = true
    return `"${mark}${token}"`
  })
  if (!marked) return JSON.parse(text)
  return JSON.parse(readable, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  )
}

/**
 * Writes a value as JSON.stringify does, with bigints as digits and RawJson as it stands.
 * Throws JsonTextError for what jsonb cannot hold: NaN, infinities, NUL characters, lone surrogates, cycles, nesting beyond 200,
 * and for a top-level value that is not JSON at all.
 */
export function writeJson(value: unknown): string {
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
    throw new JsonTextError('$', `${describe(value)}; return an object, a list or a plain value`)
  }
  const survey: Survey = { path: [], ancestors: [], exact: false }
  inspect(value, '', survey)
  return survey.exact ? writeExact(value) : JSON.stringify(value)
}

interface Survey {
  readonly path: (string | number)[]
  readonly ancestors: object[]
  /** True when JSON.stringify alone would write something else than was meant. */
  exact: boolean
}

function inspect(original: unknown, key: string, survey: Survey): void {
  const value = typeof original === 'object' ? resolved(original, key) : original
  switch (typeof value) {
    case 'string':
      if (unstorable.test(value))
        throw failure(survey, `a string that holds ${offenderOf(value)}; remove or replace it`)
      return
    case 'number':
      if (!Number.isFinite(value)) throw failure(survey, `${value}, which JSON cannot hold; use null or a number`)
      if (Math.abs(value) >= positionalFrom) survey.exact = true
      return
    case 'bigint':
      survey.exact = true
      return
    case 'object':
      if (value instanceof RawJson) survey.exact = true
      else if (value !== null) inspectMembers(value, survey)
      return
    default:
      return
  }
}

function inspectMembers(container: object, survey: Survey): void {
  const { path, ancestors } = survey
  if (ancestors.length === depthMax) throw tooDeep(container, survey)
  ancestors.push(container)
  if (Array.isArray(container)) {
    for (let index = 0; index < container.length; index += 1) {
      path.push(index)
      inspect(container[index], String(index), survey)
      path.pop()
    }
  } else {
    for (const [key, member] of Object.entries(container)) {
      path.push(key)
      if (unstorable.test(key)) throw failure(survey, `a key that holds ${offenderOf(key)}; rename it`)
      inspect(member, key, survey)
      path.pop()
    }
  }
  ancestors.pop()
}

/** What JSON.stringify would write in place of an object: its `toJSON()`, the primitive inside a wrapper. */
function resolved(value: object | null, key: string): unknown {
  const converted =
    value !== null && 'toJSON' in value && typeof value.toJSON === 'function' ? value.toJSON(key) : value
  if (converted instanceof Number || converted instanceof String) return converted.valueOf()
  return converted as unknown
}

/** A cycle is found by running into the depth limit: that costs nothing for ordinary documents. */
function tooDeep(container: object, survey: Survey): JsonTextError {
  const chain = [...survey.ancestors, container]
  const repeated = chain.findIndex((member, index) => chain.indexOf(member) !== index)
  if (repeated < 0) return failure(survey, `nested deeper than ${depthMax} levels; flatten it`)
  return new JsonTextError(
    pathText(survey.path.slice(0, repeated)),
    'a cycle: it contains itself; return plain data without back references',
  )
}

function writeExact(value: unknown): string {
  const texts: string[] = []
  const text = JSON.stringify(value, (_key, member: unknown) => {
    const exact = exactText(member)
    return exact === null ? member : `${mark}${texts.push(exact) - 1}`
  })
  return text.replace(markedString, (_whole, index: string) => texts[Number(index)] ?? 'null')
}

/** The text of a value that JSON.stringify would refuse or write otherwise; null for all others. */
function exactText(value: unknown): string | null {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof RawJson) return value.text
  const number = value instanceof Number ? value.valueOf() : value
  if (typeof number !== 'number' || Math.abs(number) < positionalFrom) return null
  return positional(number)
}

/** `1.5e21` → `1500000000000000000000.0`: the shortest digits that read back as the same float. */
function positional(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e+')
  if (exponent === undefined) return `${mantissa}.0`
  const [whole = '', fraction = ''] = mantissa.split('.')
  return `${whole}${fraction.padEnd(Number(exponent), '0')}.0`
}

function failure(survey: Survey, problem: string): JsonTextError {
  return new JsonTextError(pathText(survey.path), problem)
}

function pathText(path: readonly (string | number)[]): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`
    return /^[\w$]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
  })
  return `$${steps.join('')}`
}

function describe(value: unknown): string {
  return value === undefined ? 'undefined' : `a ${typeof value}`
}

function offenderOf(text: string): string {
  return text.includes('\u0000') ? 'a NUL character (\\u0000)' : 'half of a surrogate pair'
}
