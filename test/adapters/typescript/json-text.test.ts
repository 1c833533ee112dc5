// JSON text of the TypeScript runtime: exact integers in and out, and no document that jsonb cannot hold.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonTextError, parseJson, writeJson } from '../../../runtimes/typescript/src/json-text.ts'
import { RawJson } from '../../../runtimes/typescript/src/raw-json.ts'

const storableString = fc.string({ unit: 'grapheme' }).filter((text) => !/[\0\p{Surrogate}]/u.test(text))
const exactValue = fc.letrec((value) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    storableString,
    fc.boolean(),
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.bigInt().filter((number) => number > 2n ** 53n || number < -(2n ** 53n)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.array(value('any')),
    fc.dictionary(storableString, value('any')),
  ),
})).any

describe('parseJson', () => {
  it('reads what JSON.parse reads when no integer is too large', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(!/\d{16}/.test(text))
        expect(parseJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('keeps integers beyond ±(2^53−1) exact and leaves everything else a number', () => {
    const text =
      '[9007199254740991, 9007199254740992, -9007199254740993, 9223372036854775807, 12345678901234567.5, 1e20]'
    expect(parseJson(text)).toEqual([
      9007199254740991,
      9007199254740992n,
      -9007199254740993n,
      9223372036854775807n,
      Number('12345678901234567.5'),
      1e20,
    ])
  })

  it('does not take digits inside strings and keys for numbers', () => {
    const text = '{"9007199254740993": "say \\"9007199254740993\\"", "n": 9007199254740993}'
    expect(parseJson(text)).toEqual({ '9007199254740993': 'say "9007199254740993"', n: 9007199254740993n })
  })

  it('refuses what is not JSON, however large its numbers', () => {
    for (const text of ['', '{', '[1,]', '{"a":9007199254740993,}', '09007199254740993']) {
      expect(() => parseJson(text)).toThrow(SyntaxError)
    }
  })
})

describe('writeJson', () => {
  it('gives back every value it can hold', () => {
    fc.assert(
      fc.property(exactValue, (value) => {
        expect(parseJson(writeJson(value))).toEqual(plain(value))
      }),
    )
  })

  it('writes what JSON.stringify writes for ordinary values', () => {
    const ordinary = {
      date: new Date(0),
      absent: undefined,
      list: [undefined, () => 1],
      boxed: [Object(1.5), Object('s'), Object(true)],
      nested: { toJSON: () => ({ kept: 1 }) },
    }
    expect(writeJson(ordinary)).toBe(JSON.stringify(ordinary))
  })

  it.each([
    [2n ** 63n - 1n, '9223372036854775807'],
    [1e16, '10000000000000000.0'],
    [-1.5e21, '-1500000000000000000000.0'],
    [1e23, '100000000000000000000000.0'],
    [Object(1e16), '10000000000000000.0'],
    [9007199254740991, '9007199254740991'],
    [new RawJson('[1.0, 1e2]'), '[1.0, 1e2]'],
  ])('writes %s as %s', (value, text) => {
    expect(writeJson(value)).toBe(text)
    expect(writeJson({ a: [value] })).toBe(`{"a":[${text}]}`)
  })

  it.each([
    [{ lines: [{ price: Number.NaN }] }, '$.lines[0].price', 'NaN'],
    [[Number.POSITIVE_INFINITY], '$[0]', 'Infinity'],
    [{ name: 'a\0b' }, '$.name', 'NUL'],
    [{ 'a key': '\ud800' }, '$["a key"]', 'surrogate'],
    [{ 'a\0b': 1 }, '$["a\\u0000b"]', 'NUL'],
    [undefined, '$', 'undefined'],
    [() => 1, '$', 'a function'],
    [Symbol('s'), '$', 'a symbol'],
  ])('refuses %j and names the place', (value, path, problem) => {
    const error = refusalOf(value)
    expect(error.path).toBe(path)
    expect(error.message).toContain(problem)
  })

  it('tells a cycle from mere depth, at the place where it closes', () => {
    const order: Record<string, unknown> = { lines: [] }
    order['lines'] = [{ order }]
    expect(refusalOf(order)).toMatchObject({ path: '$.lines[0].order', problem: expect.stringContaining('cycle') })
    expect(refusalOf(nested(201)).problem).toContain('deeper than 200')
    expect(writeJson(nested(200))).toBe(`${'['.repeat(200)}${']'.repeat(200)}`)
  })

  it('takes the same object twice for what it is', () => {
    const shared = { a: 1 }
    expect(writeJson([shared, shared])).toBe('[{"a":1},{"a":1}]')
  })
})

function nested(depth: number): unknown[] {
  let value: unknown[] = []
  for (let level = 1; level < depth; level += 1) value = [value]
  return value
}

function refusalOf(value: unknown): JsonTextError {
  try {
    writeJson(value)
  } catch (error) {
    if (error instanceof JsonTextError) return error
  }
  throw new Error('the value was not refused')
}

/** fast-check's dictionaries have no prototype, which toEqual tells apart. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
}
