// The codec: typed values of the vectors both ways, and all that the wire refuses.

import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePayload, encodePayload } from '../../src/protocol/codec.ts'
import { WireError } from '../../src/protocol/wire-error.ts'
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

// Readers rename the one key that is left out: see below.
const key = fc.string().filter((name) => name !== '__proto__')
const leaf = fc.oneof(fc.constant(null), fc.boolean(), fc.maxSafeInteger(), fc.string({ unit: 'binary' }))
const { value: wireValue } = fc.letrec<{ value: WireValue }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
}))

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

  it('refuses half a surrogate pair in a long string too, where msgpackr would write another character', () => {
    expect(() => encodePayload(`${'x'.repeat(200)}\ud800`)).toThrowError(/UTF-8/)
  })

  it('gives only what decodePayload takes', () => {
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

  it('takes whatever bytes come: it refuses them, or gives what can be sent again', () => {
    const damage = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }), isInserted: fc.boolean() })
    fc.assert(
      fc.property(wireValue, fc.array(damage, { maxLength: 3 }), fc.nat(), (value, damages, cut) => {
        const bytes = Array.from(encodePayload(value))
        for (const { at, to, isInserted } of damages) bytes.splice(at % (bytes.length + 1), isInserted ? 0 : 1, to)
        bytes.splice(bytes.length - (cut % 8 === 0 ? 1 : 0))
        const read = readOrRefusal(Uint8Array.from(bytes))
        if (read instanceof WireError) expect(read.wireCode).toBe('bad_message')
        else expect(decodePayload(encodePayload(read))).toEqual(read)
      }),
      { numRuns: 1000 },
    )
  })

  it('finds the bytes that are no UTF-8 wherever they stand in a string of whatever length', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 150 }),
      fc.string({ unit: 'binary', maxLength: 60 }),
    )
    const text = texts.map((each) => Buffer.from(each))
    fc.assert(
      fc.property(text, fc.nat(), fc.option(fc.integer({ min: 0x80, max: 0xff })), (bytes, at, byte) => {
        if (byte !== null && bytes.length > 0) bytes[at % bytes.length] = byte
        const header = Buffer.from([0xda, bytes.length >>> 8, bytes.length & 0xff])
        const read = readOrRefusal(Buffer.concat([header, bytes]))
        expect(read instanceof WireError).toBe(!isUtf8(bytes))
        if (!(read instanceof WireError)) expect(read).toBe(bytes.toString())
      }),
      { numRuns: 1000 },
    )
  })

  it('takes the integers of 64 bits that a number holds exactly, and no other', () => {
    const edge = fc.constantFrom(
      0n,
      2n ** 31n,
      2n ** 32n,
      2n ** 53n,
      -(2n ** 31n),
      -(2n ** 32n),
      -(2n ** 53n),
      2n ** 62n,
    )
    fc.assert(
      fc.property(edge, fc.bigInt({ min: -5n, max: 5n }), (near, offset) => {
        const exact = near + offset
        for (const format of exact < 0n ? [0xd3] : [0xd3, 0xcf]) {
          const view = new DataView(new ArrayBuffer(9))
          view.setUint8(0, format)
          view.setBigInt64(1, exact)
          const read = readOrRefusal(new Uint8Array(view.buffer))
          const isSafe = Number.isSafeInteger(Number(exact))
          expect(read instanceof WireError).toBe(!isSafe)
          if (isSafe) expect(read).toBe(Number(exact))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('does not let a key reach a prototype', () => {
    const value = decodePayload(encodePayload(JSON.parse('{"__proto__":{"polluted":1}}') as WireValue))
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect('polluted' in {}).toBe(false)
  })
})

function readOrRefusal(payload: Uint8Array): WireValue | WireError {
  try {
    return decodePayload(payload)
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
}

function plainValue(typed: TypedValue): WireValue {
  if ('nil' in typed) return null
  if ('bool' in typed) return typed.bool
  if ('int' in typed) return Number(typed.int)
  if ('string' in typed) return typed.string
  if ('array' in typed) return typed.array.map(plainValue)
  return Object.fromEntries(typed.map.map(([key, item]) => [key, plainValue(item)]))
}
