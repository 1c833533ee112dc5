// The shared table of cases passes in every language.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LogRecord, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type CaseServer, startCaseServer } from './case-server.ts'
import {
  callFor,
  casesOf,
  type Expected,
  type ExpectedError,
  expectedIn,
  readCases,
  type TableCase,
  tableLanguages,
} from './case-table.ts'
import { openRuntime } from './table-runtime.ts'

const names = readCases('')

describe.each([...tableLanguages, 'rust'] as const)('the table of cases in %s', (language) => {
  const lines: LogRecord[] = []
  let server: CaseServer
  let adapter: RuntimeAdapter
  let cases: readonly TableCase[] = []

  beforeAll(async () => {
    server = await startCaseServer()
    cases = casesOf(language, readCases(server.url))
    adapter = await openRuntime(language, (record) => lines.push(record))
  })

  afterAll(async () => {
    await adapter?.stop()
    await server?.stop()
  })

  it('runs over files that all load', () => {
    expect(adapter.loadFailures()).toEqual([])
  })

  it.each(casesOf(language, names).map(({ name }) => name))('%s', async (name) => {
    const row = cases.find((each) => each.name === name)
    if (row === undefined) throw new Error('The case has gone.')
    const since = lines.length
    const results = await adapter.execute(callFor(row), {
      started: () => {},
      log: (record) => lines.push(record),
      checkpoint: () => Promise.resolve({ stored: true, message: null }),
    })
    const expected = expectedIn(language, row)
    expect(results).toHaveLength(expected.length)
    for (const [index, result] of results.entries()) expectResult(result, expected[index] ?? {})
    const { says } = row
    if (says === undefined) return
    await eventually(`it says "${says}"`, () => lines.slice(since).some(({ line }) => line.includes(says)))
  })
})

it('names each case once', () => {
  expect(names.map(({ name }) => name)).toHaveLength(new Set(names.map(({ name }) => name)).size)
})

function expectResult(result: StepResult, expected: Expected): void {
  const shown = result.success ? result : `${result.errorType}: ${result.message}`
  if (expected.success !== undefined) expect(result.success, String(shown)).toBe(expected.success)
  if (expected.metadata !== undefined) expect(JSON.parse(result.metadata)).toMatchObject(expected.metadata)
  if (expected.error !== undefined) expectError(result, expected.error)
  if (!result.success) return
  if ('result' in expected) expect(JSON.parse(result.result)).toEqual(expected.result)
  if (expected.result_has !== undefined) expect(JSON.parse(result.result)).toMatchObject(wild(expected.result_has))
  if (expected.outcome === undefined) return
  const { outcome } = result
  const lifted = outcome === null ? null : { kind: outcome.kind, document: JSON.parse(outcome.document) }
  expect(lifted).toEqual(expected.outcome)
}

const pattern = /^\$matches (.*)$/s

/** `$any` stands for whatever is there, `$matches` for a text that the expression behind it finds. */
function wild(expected: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = JSON.stringify(expected)
  return JSON.parse(text, (_key, value: unknown) => {
    if (value === '$any') return expect.anything()
    const expression = typeof value === 'string' ? pattern.exec(value)?.[1] : undefined
    return expression === undefined ? value : expect.stringMatching(new RegExp(expression))
  }) as Record<string, unknown>
}

function expectError(result: StepResult, expected: ExpectedError): void {
  if (result.success) throw new Error(`It succeeded: ${result.result}`)
  if (expected.message_matches !== undefined) expect(result.message).toMatch(new RegExp(expected.message_matches))
  if (expected.error_type !== undefined) expect(result.errorType).toBe(expected.error_type)
  if (expected.error_code !== undefined) expect(result.errorCode).toBe(expected.error_code)
  if (expected.retryable !== undefined) expect(result.retryable, result.message).toBe(expected.retryable)
  if (expected.retry_after_s !== undefined) expect(result.retryAfterS).toBe(expected.retry_after_s)
  if (expected.context !== undefined) expect(JSON.parse(result.context)).toMatchObject(expected.context)
}
