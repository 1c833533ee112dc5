// scanJson against the vectors, and against JSON.parse on generated documents and on generated damage.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scanJson } from '../../src/model/json-scan.ts'
import { expandRuns, loadVectors, type Run } from '../protocol/vectors.ts'

interface DocumentVector {
  name: string
  text: Run | Run[]
  refused: string | null
}

const limits = { bytesMax: 1_048_576, depthMax: 200 }

describe('scanJson on the document vectors', () => {
  it.each(loadVectors<DocumentVector>('documents'))('$name', ({ text, refused }) => {
    const reason = scanJson(expandRuns(text), limits)
    if (refused === null) expect(reason).toBeNull()
    else expect(reason).toContain(refused)
  })

  it('refuses lone surrogates that stand raw in a string', () => {
    expect(scanJson('"\ud800"', limits)).toContain('surrogate')
    expect(scanJson('"\udc00"', limits)).toContain('surrogate')
    expect(scanJson('"\ud800', limits)).toContain('surrogate')
  })
})

describe('scanJson against JSON.parse', () => {
  /** Characters that make text look like JSON more often than chance would. */
  const fragment = fc.constantFrom(
    ...'{}[],:"\\ 01-.eE+tfn\n',
    'true',
    'null',
    '\\u00e9',
    '\\ud83d\\ude82',
    '"a"',
    '{"k":',
    'é',
  )
  const almostJson = fc.array(fragment, { maxLength: 24 }).map((parts) => parts.join(''))

  it('accepts every document that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        fc.pre(!text.includes('\\u0000') && !text.includes('\\ud'))
        expect(scanJson(text, limits)).toBeNull()
      }),
    )
  })

  it('agrees with JSON.parse on text that is almost JSON', () => {
    fc.assert(
      fc.property(almostJson, (text) => {
        const value = parsed(text)
        const reason = scanJson(text, limits)
        if (reason === null) expect(value).toBeDefined()
        else if (!reason.includes('surrogate')) expect(value).toBeUndefined()
      }),
      { numRuns: 5000 },
    )
  })

  it('counts UTF-8 bytes exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (content) => {
        const text = JSON.stringify(content)
        fc.pre(!text.includes('\\u0000') && !text.includes('\\ud'))
        const bytes = Buffer.byteLength(text)
        expect(scanJson(text, { bytesMax: bytes, depthMax: 1 })).toBeNull()
        expect(scanJson(text, { bytesMax: bytes - 1, depthMax: 1 })).toBe(`larger than ${bytes - 1} bytes`)
      }),
    )
  })

  it('counts depth exactly', () => {
    for (const depth of [1, 2, 7]) {
      const text = `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`
      expect(scanJson(text, { bytesMax: 1000, depthMax: depth * 2 })).toBeNull()
      expect(scanJson(text, { bytesMax: 1000, depthMax: depth * 2 - 1 })).toContain('deeper')
    }
  })
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
