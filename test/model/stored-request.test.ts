// A request goes into a file and comes back as it was; whatever else a file may hold is refused with the reason.
import { describe, expect, it } from 'vitest'
import type { JsonText } from '../../src/model/json-text.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import { readStoredRequest, storedRequest } from '../../src/model/stored-request.ts'
import { claimedStep, stepRequest } from '../dispatch/steps.ts'

const request: StepRequest = stepRequest(claimedStep('charge', { attempts: 2 }), {
  handler: { callable: 'payments.charge', method: 'refund', resolver: null },
  timeoutMs: 1500,
  task: '{"task":{"context":{"amount":1.0,"id":12345678901234567890123,"text":"a \\u00e9 \\"q\\""}}}' as JsonText,
})

/** The stored file with some members changed; undefined takes one away. */
function changed(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(storedRequest(request)) as object), ...members })
}

describe('storedRequest', () => {
  it('comes back exactly, documents letter by letter', () => {
    expect(readStoredRequest(storedRequest(request))).toEqual(request)
  })

  it('reads a file without what may be absent, and ignores what it does not know', () => {
    const text = changed({ method: undefined, resolver: undefined, timeout_ms: undefined, stored_at: 'today' })
    expect(readStoredRequest(text)).toEqual({
      ...request,
      handler: { callable: 'payments.charge', method: null, resolver: null },
      timeoutMs: null,
    })
  })

  it.each([
    ['a broken file', '{"callable":', 'is no JSON'],
    ['an array', '[]', 'must hold a JSON object'],
    ['null', 'null', 'must hold a JSON object'],
    ['no callable', changed({ callable: undefined }), '"callable" must be a text that is not empty'],
    ['an empty callable', changed({ callable: '' }), '"callable" must be a text that is not empty'],
    ['a method that is no text', changed({ method: 5 }), '"method" must be a text that is not empty'],
    ['negative attempts', changed({ attempts: -1 }), '"attempts" must be an integer, 0 or more'],
    ['attempts in parts', changed({ attempts: 0.5 }), '"attempts" must be an integer, 0 or more'],
    ['a document as a value', changed({ task: {} }), '"task" must be a string that holds the text of a JSON object'],
    ['a broken document', changed({ task: '{' }), '"task" is no JSON'],
    ['a list as a document', changed({ step_definition: '[]' }), '"step_definition" must hold a JSON object'],
  ])('refuses %s', (_, text, reason) => {
    expect(readStoredRequest(text)).toContain(reason)
  })
})
