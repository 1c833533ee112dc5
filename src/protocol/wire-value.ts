// What a message may be made of, and the walk that keeps everything else from being sent (PROTOCOL.md §3).

import { depthMax } from './msgpack-scan.ts'
import { WireError } from './wire-error.ts'

export type WireValue = null | boolean | number | string | readonly WireValue[] | { readonly [key: string]: WireValue }

/**
 * The value as msgpackr packs it right: itself, or a copy where it holds integers beyond 32 bits.
 * @throws WireError `bad_message` for what the wire forbids: floats, unsafe integers, lone surrogates, undefined.
 */
export function packable(value: WireValue): unknown {
  return hasWideIntegers(value, 0) ? widen(value) : value
}

function hasWideIntegers(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? false : refuse('a string is not valid UTF-8')
    case 'number':
      if (!Number.isSafeInteger(value)) {
        refuse(Number.isInteger(value) ? 'an integer beyond ±(2^53−1)' : 'a float')
      }
      return isWide(value)
    case 'boolean':
      return false
    case 'object':
      return value !== null && containsWideIntegers(value, depth)
    default:
      return refuse(`a value of the type ${typeof value}`)
  }
}

function containsWideIntegers(value: object, depth: number): boolean {
  if (depth === depthMax) refuse(`nested deeper than ${depthMax} levels`)
  let wide = false
  if (Array.isArray(value)) {
    for (const item of value) wide = hasWideIntegers(item, depth + 1) || wide
    return wide
  }
  const map = value as Readonly<Record<string, unknown>>
  for (const key of Object.keys(map)) {
    if (!key.isWellFormed()) refuse('a map key is not valid UTF-8')
    wide = hasWideIntegers(map[key], depth + 1) || wide
  }
  return wide
}

/** msgpackr writes a number beyond 32 bits as a float; as a bigint it becomes the integer that it is. */
function widen(value: WireValue): unknown {
  if (typeof value === 'number') return isWide(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(widen)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, widen(item)]))
}

function isWide(value: number): boolean {
  return value > 0xffff_ffff || value < -0x8000_0000
}

function refuse(reason: string): never {
  throw new WireError('bad_message', `The message cannot be sent: ${reason}.`)
}
