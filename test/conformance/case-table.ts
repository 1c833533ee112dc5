// The shared table of cases: its files, read and turned into calls; what it means stands in runtimes/cases/README.md.

import { readdirSync, readFileSync } from 'node:fs'
import type { RuntimeName } from '../../src/model/handler.ts'
import { toJsonText } from '../../src/model/json-text.ts'
import type { CallMode, HandlerCall } from '../../src/model/runtime-adapter.ts'
import { callOf, type StepOptions, stepRequest } from '../fixtures/handler-call.ts'

export type TableLanguage = Exclude<RuntimeName, 'rust'>
export const tableLanguages: readonly TableLanguage[] = ['ruby', 'python', 'typescript']

/** What of the table Rust runs: the rows of its own examples. */
export const rustExamples = [
  ...['greet', 'insert_rows', 'merge_rows', 'price_order', 'process_rows', 'reserve_stock', 'route_approval'],
  ...['split_rows', 'summarize_text'],
]

export interface ExpectedError {
  readonly message_matches?: string
  readonly error_type?: string
  readonly error_code?: string | null
  readonly retryable?: boolean
  readonly retry_after_s?: number | null
  readonly context?: Readonly<Record<string, unknown>>
}

export interface Expected {
  readonly success?: boolean
  readonly result?: unknown
  readonly result_has?: Readonly<Record<string, unknown>>
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly error?: ExpectedError
  readonly outcome?: { readonly kind: string; readonly document: unknown } | null
}

export interface TableCase {
  readonly name: string
  readonly languages?: readonly TableLanguage[]
  readonly callable: string
  readonly method?: string | null
  readonly resolver?: string | null
  readonly context?: Readonly<Record<string, unknown>>
  readonly contexts?: readonly Readonly<Record<string, unknown>>[]
  readonly config?: Readonly<Record<string, unknown>>
  readonly inputs?: Readonly<Record<string, unknown>> | null
  readonly checkpoint?: Readonly<Record<string, unknown>> | null
  readonly dependencies?: Readonly<Record<string, unknown>>
  readonly attempts?: number
  readonly max_attempts?: number
  readonly step_name?: string
  readonly step_type?: string
  readonly mode?: CallMode
  readonly event?: Readonly<Record<string, unknown>>
  readonly expect?: Expected | readonly Expected[]
  readonly expect_in?: Partial<Readonly<Record<RuntimeName, Expected>>>
  readonly says?: string
  readonly covers?: Partial<Readonly<Record<TableLanguage, readonly string[]>>>
}

const directory = new URL('../../runtimes/cases/', import.meta.url)

/** Every case of the table; `httpUrl` stands where the files say `$HTTP`. */
export function readCases(httpUrl: string): readonly TableCase[] {
  const files = readdirSync(directory).filter((name) => name.endsWith('.json'))
  return files.flatMap((name) => {
    const text = readFileSync(new URL(name, directory), 'utf8').replaceAll('$HTTP', httpUrl)
    return JSON.parse(text) as TableCase[]
  })
}

export function casesOf(language: RuntimeName, cases: readonly TableCase[]): readonly TableCase[] {
  if (language === 'rust')
    return cases.filter(({ callable }) => rustExamples.some((name) => callable === `examples.${name}`))
  return cases.filter(({ languages }) => languages?.includes(language) ?? true)
}

export function callFor(row: TableCase): HandlerCall {
  const contexts = row.contexts ?? [row.context ?? {}]
  const requests = contexts.map((context) => stepRequest(stepOptions(row, context)))
  return callOf(requests, row.mode ?? 'single', row.event === undefined ? null : toJsonText(row.event))
}

function stepOptions(row: TableCase, context: Readonly<Record<string, unknown>>): StepOptions {
  return {
    callable: row.callable,
    method: row.method ?? null,
    resolver: row.resolver ?? null,
    context: toJsonText(context),
    dependencies: row.dependencies ?? {},
    config: row.config ?? {},
    inputs: row.inputs ?? null,
    checkpoint: row.checkpoint ?? null,
    attempts: row.attempts ?? 0,
    attemptsMax: row.max_attempts ?? 3,
    ...(row.step_name === undefined ? {} : { stepName: row.step_name }),
    ...(row.step_type === undefined ? {} : { stepType: row.step_type }),
  }
}

/** What each step of the case must come to, in that language. */
export function expectedIn(language: RuntimeName, row: TableCase): readonly Expected[] {
  const all = Array.isArray(row.expect) ? (row.expect as readonly Expected[]) : [(row.expect ?? {}) as Expected]
  const differs = row.expect_in?.[language] ?? {}
  return all.map((expected) => ({ ...expected, ...differs }))
}
