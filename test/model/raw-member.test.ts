// The text of a member is found as it was written, in every JSON that a client may send.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rawElements, rawMember } from '../../src/model/raw-member.ts'

describe('rawMember', () => {
  it.each([
    ['{"context":1.0}', '1.0'],
    ['{"a":"context","context":"x"}', '"x"'],
    ['{ "context"\n:\t{ "a" : [ 1 ] } }', '{ "a" : [ 1 ] }'],
    ['{"context":1,"context":[2]}', '[2]'],
    ['{"b":{"context":1}}', null],
    ['{"context":-1e5 ,"b":1}', '-1e5'],
    ['{"context":true}', 'true'],
    ['{"context":null\n}', 'null'],
    ['{"\\u0063ontext":"\\"}"}', '"\\"}"'],
    ['{"a\\"b":1,"context":{"k\\\\":"}"}}', '{"k\\\\":"}"}'],
    ['{}', null],
    ['  { }', null],
  ])('of %s', (text, expected) => {
    expect(rawMember(text, 'context')).toBe(expected)
  })

  it('means what the parser says it means', () => {
    const object = fc.dictionary(fc.oneof(fc.constant('context'), fc.string()), fc.jsonValue())
    const indent = fc.constantFrom(undefined, 1, '\t')
    fc.assert(
      fc.property(object, indent, (value, space) => {
        const text = JSON.stringify(value, null, space)
        const found = rawMember(text, 'context')
        const expected = (JSON.parse(text) as Record<string, unknown>)['context']
        expect(found === null ? undefined : JSON.parse(found)).toEqual(expected)
      }),
    )
  })
})

describe('rawElements', () => {
  it('means what the parser says it means', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (values, space) => {
        const elements = rawElements(JSON.stringify(values, null, space))
        expect(elements.map((text) => JSON.parse(text))).toEqual(JSON.parse(JSON.stringify(values)))
      }),
    )
  })

  it('leaves numbers as they are written', () => {
    expect(rawElements('[9223372036854775807, 1.0]')).toEqual(['9223372036854775807', '1.0'])
  })
})
