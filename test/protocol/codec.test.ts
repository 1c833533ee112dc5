// The codec: typed values of the vectors both ways, and all that the wire refuses.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePayload, encodePayload } from '../../src/protocol/codec.ts'
import type { WireValue } from '../../src/protocol/wire-value.ts'
import { fromHex, loadVectors, toHex } from './vectors.ts'

type TypedValue =
  | { nil: true }
  | { bool: boolean }
  | { int: string }
  | { string: string }
  | { array: TypedValue[] }
  | { map: [string, TypedValue][] }

type ValueVector = { name: string; encodings: string[] } & (
  | { value: TypedValue; error?: never }
  | { value?: never; error: string }
)

const vectors = loadVectors<ValueVector>('values')

describe('decodePayload and encodePayload on the value vectors', () => {
  it.each(vectors.filter((vector) => vector.error === undefined))('$name', ({ value, encodings }) => {
    const plain = plainValue(value as TypedValue)
    for (const encoding of encodings) expect(decodePayload(fromHex(encoding))).toEqual(plain)
    expect(encodings).toContain(toHex(encodePayload(plain)))
  })

  it.each(vectors.filter((vector) => vector.error !== undefined))('refuses $name', ({ encodings, error }) => {
    for (const encoding of encodings) {
      expect(() => decodePayload(fromHex(encoding))).toThrowError(expect.objectContaining({ wireCode: error }))
    }
  })
})

describe('encodePayload', () => {
  const unsendable = [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), '\ud800', undefined]
  it.each(unsendable)('refuses %s', (value) => {
    expect(() => encodePayload({ value } as unknown as WireValue)).toThrowError(
      expect.objectContaining({ wireCode: 'bad_message' }),
    )
  })

  it('refuses 33 levels, and a key that is half a surrogate pair', () => {
    const nested = (levels: number): WireValue => (levels === 0 ? null : [nested(levels - 1)])
    expect(encodePayload(nested(32))).toHaveLength(33)
    expect(() => encodePayload(nested(33))).toThrowError(/deeper than 32/)
    expect(() => encodePayload({ '\udc00': 1 })).toThrowError(/map key/)
  })

  it('gives only what decodePayload takes', () => {
    // Readers rename this one key: see below.
    const key = fc.string().filter((name) => name !== '__proto__')
    const leaf = fc.oneof(fc.constant(null), fc.boolean(), fc.maxSafeInteger(), fc.string({ unit: 'binary' }))
    const { value: wireValue } = fc.letrec<{ value: WireValue }>((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
    }))
    fc.assert(
      fc.property(wireValue, (value) => {
        expect(decodePayload(encodePayload(value))).toEqual(value)
      }),
    )
  })
})

describe('decodePayload', () => {
  it('reads a repeated key as its last value', () => {
    expect(decodePayload(fromHex('82a16101a16102'))).toEqual({ a: 2 })
  })

  it('refuses 33 levels and bytes that would exhaust the stack', () => {
    expect(decodePayload(fromHex(`${'91'.repeat(32)}c0`))).toBeDefined()
    for (const levels of [33, 200_000]) {
      expect(() => decodePayload(fromHex(`${'91'.repeat(levels)}c0`))).toThrowError(/deeper than 32/)
    }
  })

  it('does not let a key reach a prototype', () => {
    const value = decodePayload(encodePayload(JSON.parse('{"__proto__":{"polluted":1}}') as WireValue))
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect('polluted' in {}).toBe(false)
  })
})

function plainValue(typed: TypedValue): WireValue {
  if ('nil' in typed) return null
  if ('bool' in typed) return typed.bool
  if ('int' in typed) return Number(typed.int)
  if ('string' in typed) return typed.string
  if ('array' in typed) return typed.array.map(plainValue)
  return Object.fromEntries(typed.map.map(([key, item]) => [key, plainValue(item)]))
}
