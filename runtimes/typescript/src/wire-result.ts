// What a handler came to, as an entry of `result` (PROTOCOL.md §3.1), with limits and clean text.

import { ErrorType, PermanentError, RetryableError } from './errors.ts'
import { HandlerMistake } from './handler-mistake.ts'
import { JsonTextError, writeJson } from './json-text.ts'
import type { ErrorEntry, StepOutcome } from './messages.ts'
import type { StepHandlerResult } from './step-result.ts'

const backtraceLinesMax = 50
const ownDirectory = new URL('.', import.meta.url).href
const outcomes = [
  ['decision_point_outcome', 'decision'],
  ['batch_processing_outcome', 'batches'],
] as const
const messageCharactersMax = 10_000

export type Outcome =
  | { readonly success: true; readonly metadata: string; readonly result: string; readonly outcome?: StepOutcome }
  | { readonly success: false; readonly metadata: string; readonly error: ErrorEntry }

export function toOutcome(result: StepHandlerResult, where: string): Outcome {
  try {
    if (result.success && result.metadata['checkpoint_yield'] === true) return yielded(result.result)
    const metadata = writeObject(result.metadata, 'metadata')
    if (result.success) {
      return { success: true, metadata, result: writePart(result.result, 'result'), ...decided(result.result) }
    }
    const hint = result.orchestrationMetadata?.backoff_hint
    const outcome = failed({
      message: result.errorMessage ?? 'The handler failed without a message.',
      error_type: result.errorType ?? ErrorType.HANDLER_ERROR,
      error_code: result.errorCode,
      retryable: result.retryable,
      retry_after_s: seconds(hint?.delay_seconds),
    })
    return { ...outcome, metadata }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return failed({
      message: `The result of ${where} is refused: ${problem}.`,
      error_type: 'invalid_result',
      retryable: false,
    })
  }
}

/** The `outcome` of a result that has one, however the handler made it. Orchestration reads it in the result. */
function decided(result: unknown): { outcome?: StepOutcome } {
  if (typeof result !== 'object' || result === null) return {}
  for (const [key, kind] of outcomes) {
    const document: unknown = Reflect.get(result, key)
    if (typeof document === 'object' && document !== null) return { outcome: { kind, document: writeJson(document) } }
  }
  return {}
}

/** Its `type` is for Tasker's eyes only. */
function yielded(result: unknown): Outcome {
  const { type: _type, ...checkpoint } = Object(result) as Record<string, unknown>
  const document = writePart(checkpoint, 'checkpoint')
  return { success: true, metadata: '{}', result: 'null', outcome: { kind: 'checkpoint', document } }
}

/** PermanentError and RetryableError say themselves whether a retry can help; anything else is worth one. */
export function fromThrown(thrown: unknown, where: string): Outcome {
  const said = thrown instanceof Error ? thrown.message || thrown.name : `${where} threw ${String(thrown)}`
  const message = thrown instanceof HandlerMistake ? `H${where.slice(1)}: ${said}` : said
  const backtrace = backtraceOf(thrown)
  if (!(thrown instanceof PermanentError) && !(thrown instanceof RetryableError)) {
    return failed({ message, error_type: ErrorType.HANDLER_ERROR, retryable: true, backtrace })
  }
  const retryable = thrown instanceof RetryableError
  return failed({
    message,
    error_type: thrown.errorType,
    error_code: thrown.errorCode,
    retryable,
    retry_after_s: seconds(retryable ? thrown.retryAfter : null),
    backtrace,
    context: contextOf(thrown.metadata),
  })
}

export function failed(error: Partial<ErrorEntry> & Pick<ErrorEntry, 'message' | 'error_type' | 'retryable'>): Outcome {
  const defaults = { error_code: null, retry_after_s: null, backtrace: [], context: '{}' }
  const backtrace = (error.backtrace ?? []).map(storable)
  return {
    success: false,
    metadata: '{}',
    error: { ...defaults, ...error, message: storable(error.message), backtrace },
  }
}

/** A message is text from anywhere; what PostgreSQL cannot store must not cost the whole failure. */
function storable(text: string): string {
  return text.slice(0, messageCharactersMax).replace(/\u0000|\p{Surrogate}/gu, '\ufffd')
}

/** A thrown error's details are a courtesy: what JSON cannot hold must not hide the error itself. */
function contextOf(metadata: unknown): string {
  try {
    return writeObject(metadata, 'metadata')
  } catch (error) {
    return writeJson({ metadata_left_out: error instanceof Error ? error.message : 'unreadable' })
  }
}

function writeObject(value: unknown, name: string): string {
  const text = writePart(value ?? {}, name)
  if (!text.startsWith('{')) throw new JsonTextError(name, 'not an object; metadata must be one')
  return text
}

/** The message names the value from the author's view: `result.lines[3].price`. */
function writePart(value: unknown, name: string): string {
  try {
    return writeJson(value)
  } catch (error) {
    if (error instanceof JsonTextError) throw new JsonTextError(error.path.replace('$', name), error.problem)
    throw error
  }
}

function seconds(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.ceil(value) : null
}

/** The author's lines: Node's and the runtime's own say nothing about the handler. */
function backtraceOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return []
  const lines = thrown.stack.split('\n').map((line) => line.trim())
  const authored = lines.filter((line) => !line.includes(ownDirectory) && !/\(?node:/.test(line))
  return authored.filter((line) => line.startsWith('at ')).slice(0, backtraceLinesMax)
}
