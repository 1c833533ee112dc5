// An adapter in use, for the suites: calls by callable and context, and everything that came out of it.

import { expect } from 'vitest'
import type { StepId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { HandlerCall, LogRecord, RuntimeAdapter } from '../../src/model/runtime-adapter.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { type CallOptions, handlerCall } from '../fixtures/handler-call.ts'

/** An adapter in use: calls by callable and context, and every line that came out of it. */
export interface Session {
  readonly adapter: RuntimeAdapter
  readonly lines: readonly LogRecord[]
  /** Steps whose code had begun, in that order. */
  readonly started: readonly StepId[]
  begin(options: CallOptions): { call: HandlerCall; result: Promise<StepResult> }
  run(callable: string, context?: unknown): Promise<StepResult>
}

export function openSession(adapter: RuntimeAdapter, lines: LogRecord[]): Session {
  const started: StepId[] = []
  const begin = (options: CallOptions) => {
    const call = handlerCall(options)
    const results = adapter.execute(call, {
      started: (step) => started.push(step),
      log: (record) => lines.push(record),
      checkpoint: () => Promise.resolve({ stored: false, message: 'The suite stores none.' }),
    })
    const result = results.then((all) => {
      expect(all.map(({ stepId }) => stepId)).toEqual(call.requests.map(({ stepId }) => stepId))
      const [only] = all
      if (only === undefined) throw new Error('A call of one step has one result.')
      return only
    })
    return { call, result }
  }
  const run = (callable: string, context: unknown = {}) =>
    begin({ callable, context: JSON.stringify(context) as JsonText }).result
  return { adapter, lines, started, begin, run }
}

/** The text of a successful result, without blanks; handlers of the suite return no string with blanks where this is used. */
export function resultText(result: StepResult): string {
  if (!result.success) throw new Error(`The handler failed: ${result.errorType}: ${result.message}`)
  return result.result.replace(/\s/g, '')
}

export function resultValue(result: StepResult): unknown {
  if (!result.success) throw new Error(`The handler failed: ${result.errorType}: ${result.message}`)
  return JSON.parse(result.result)
}
