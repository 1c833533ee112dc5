// Slices of JSON text: the exact characters of a value, found by its path.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sliceJson, toJsonPath } from '../../../runtimes/typescript/src/raw-json.ts'

describe('sliceJson', () => {
  it('gives the text as it stands', () => {
    const document = ' { "order" : {"total": 1.0, "lines": [ 1e2 , {"sku":"a\\"]"} ]}, "none": null } '
    expect(sliceJson(document, ['order', 'total'])?.text).toBe('1.0')
    expect(sliceJson(document, ['order', 'lines'])?.text).toBe('[ 1e2 , {"sku":"a\\"]"} ]')
    expect(sliceJson(document, ['order', 'lines', 0])?.text).toBe('1e2')
    expect(sliceJson(document, ['order', 'lines', '1', 'sku'])?.text).toBe('"a\\"]"')
    expect(sliceJson(document, ['none'])?.text).toBe('null')
    expect(sliceJson(document, [])?.text).toBe(document.trim())
  })

  it('gives null where nothing is', () => {
    for (const path of [['a'], ['b', 'c'], ['b', 1], ['c', 0]]) expect(sliceJson('{"b":[1],"c":{}}', path)).toBeNull()
  })

  it('agrees with JSON.parse about every member of every document', () => {
    const blanks = fc.constantFrom(undefined, 1, '\t')
    fc.assert(
      fc.property(fc.jsonValue(), blanks, (value, indent) => {
        const document = JSON.stringify(value, null, indent)
        for (const { path, text } of members(JSON.parse(document) as unknown, [])) {
          expect(JSON.stringify(JSON.parse(sliceJson(document, path)?.text ?? ''))).toBe(text)
        }
      }),
    )
  })

  it('takes the last of duplicate keys, as JSON.parse does', () => {
    expect(sliceJson('{"a":1,"a":2}', ['a'])?.text).toBe('2')
  })
})

describe('toJsonPath', () => {
  it('splits at dots and leaves lists alone', () => {
    expect(toJsonPath('a.0.b')).toEqual(['a', '0', 'b'])
    expect(toJsonPath(['a.b', 0])).toEqual(['a.b', 0])
    expect(toJsonPath('')).toEqual([])
  })
})

function* members(value: unknown, path: string[]): Generator<{ path: string[]; text: string }> {
  yield { path, text: JSON.stringify(value) }
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value)) yield* members(member, [...path, key])
}
