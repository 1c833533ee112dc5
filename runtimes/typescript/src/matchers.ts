// Matchers for vitest and jest over a HandlerRun: `expect.extend(stephostMatchers)`.

import { isDeepStrictEqual } from 'node:util'
import type { HandlerRun } from './handler-run.ts'

interface Verdict {
  readonly pass: boolean
  message(): string
}

/** For the compiler: `declare module 'vitest' { interface Matchers extends StephostMatchers {} }`. */
export interface StephostMatchers {
  toSucceedWith(fields: object): void
  toFailPermanently(message?: string | RegExp, code?: string): void
  toFailRetryably(message?: string | RegExp, afterS?: number): void
  toDecideOn(...steps: string[]): void
  toYieldCheckpoint(cursor: unknown): void
}

export const stephostMatchers = {
  /** The result has these fields. */
  toSucceedWith(run: HandlerRun, fields: object): Verdict {
    const result = Object(run.result) as Readonly<Record<string, unknown>>
    const pass = run.success && Object.entries(fields).every(([name, value]) => isDeepStrictEqual(result[name], value))
    return verdict(pass, run, `a success with ${JSON.stringify(fields)}`)
  },

  /** No other try would help. */
  toFailPermanently(run: HandlerRun, message: string | RegExp = '', code?: string): Verdict {
    return verdict(!run.success && !run.retryable && says(run, message, code), run, `a permanent failure: ${message}`)
  },

  /** Another try may help; `afterS` is the wished wait in seconds. */
  toFailRetryably(run: HandlerRun, message: string | RegExp = '', afterS?: number): Verdict {
    const waits = afterS === undefined || run.error?.retry_after_s === afterS
    return verdict(run.retryable && waits && says(run, message), run, `a retryable failure: ${message}`)
  },

  /** These branches run; without any, none does. */
  toDecideOn(run: HandlerRun, ...steps: string[]): Verdict {
    return verdict(isDeepStrictEqual(run.branches, steps), run, `the branches ${JSON.stringify(steps)}`)
  },

  /** The run ends with a checkpoint there. */
  toYieldCheckpoint(run: HandlerRun, cursor: unknown): Verdict {
    const yields = run.outcome?.kind === 'checkpoint' && isDeepStrictEqual(run.outcome.document['cursor'], cursor)
    return verdict(yields, run, `a checkpoint at ${JSON.stringify(cursor)}`)
  },
}

function says({ error }: HandlerRun, message: string | RegExp, code?: string): boolean {
  const said = error?.message ?? ''
  const fits = typeof message === 'string' ? said.includes(message) : message.test(said)
  return fits && (code === undefined || error?.error_code === code)
}

function verdict(pass: boolean, run: HandlerRun, wanted: string): Verdict {
  const got = run.outcome === null ? run.describe() : `${run.describe()}, ${JSON.stringify(run.outcome)}`
  return { pass, message: () => `expected ${pass ? 'anything but ' : ''}${wanted}, got ${got}` }
}
