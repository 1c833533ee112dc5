// Stores the results of a tick in one statement, and answers for each of them what became of it.

import { hostname } from 'node:os'
import type { StepId, WorkerId } from '../../model/ids.ts'
import { emptyObject, type JsonText } from '../../model/json-text.ts'
import type { JudgedAnswer } from '../../model/orchestration-store.ts'
import type { StepFailure, StepSuccess } from '../../model/step-result.ts'
import type { FinishedStep } from '../../model/step-store.ts'
import type { Queryable } from '../statement.ts'
import { completedBeforeText, completeStatement, documentSeparator, type HowToTell } from './complete-statement.ts'

interface AnswerRow {
  step_uuid: StepId
  status: JudgedAnswer['status']
  reason: string | null
  completes: boolean
}

const statements = {
  messages: completeStatement('messages'),
  silent: completeStatement('silent'),
  judged: completeStatement('judged'),
} as const

/** One success by the function of migration 0012, whose small plans the session keeps: two of them would cost more than one statement for both. */
const oneText = {
  messages: completeOne('$11::int, false, NULL, NULL'),
  silent: completeOne('NULL, false, NULL, NULL'),
  judged: completeOne('NULL, true, $11, $12'),
} as const

function completeOne(told: string): string {
  return `
SELECT $1::uuid AS step_uuid, d.status, d.reason, d.completes
  FROM stephost.complete_step($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ${told}) AS d`
}

const retryAfterSMax = 2_147_483_647

export interface CompleteStepsOptions {
  readonly workerId: WorkerId
  readonly how: HowToTell
  /** With `messages`: an orchestrator of ours whose heartbeat is younger counts as live. */
  readonly leaseMs?: number
  /** With `judged`, for each result: the version of the template in which its success makes no other steps; null: nobody knows. */
  readonly plainIn?: readonly (string | null)[]
}

export async function completeSteps(
  database: Queryable,
  finished: readonly FinishedStep[],
  options: CompleteStepsOptions,
): Promise<readonly JudgedAnswer[]> {
  const [first] = finished
  if (finished.length === 1 && first?.result.success === true) {
    return completeStep(database, first, first.result, options)
  }
  const { workerId, how, leaseMs = 0, plainIn = [] } = options
  const rows = await database.query<AnswerRow>({
    name: `complete-steps:${how}`,
    text: statements[how],
    values: [
      ...[...columnsOf(finished), workerId, hostname()],
      ...(how === 'messages' ? [leaseMs] : []),
      ...(how === 'judged' ? [idArray(finished.map(({ step }) => step.namedTaskId)), plainIn] : []),
    ],
  })
  if (rows.length === finished.length) return rows.map(answerOf)
  const answered = new Set(rows.map((row) => row.step_uuid))
  const others = finished.filter(({ step }) => !answered.has(step.stepId))
  const before = await database.query<AnswerRow>({
    name: 'completed-before',
    text: completedBeforeText,
    values: [others.map(({ step }) => step.stepId), others.map(({ step }) => step.token)],
  })
  return [...rows, ...before].map(answerOf)
}

/** It answers of itself whether an earlier try stored the result. */
async function completeStep(
  database: Queryable,
  { step, runtime }: FinishedStep,
  { result, metadata, executionTimeMs }: StepSuccess,
  { workerId, how, leaseMs = 0, plainIn = [] }: CompleteStepsOptions,
): Promise<readonly JudgedAnswer[]> {
  const rows = await database.query<AnswerRow>({
    name: `complete-steps:one:${how}`,
    text: oneText[how],
    values: [
      ...[step.stepId, step.token, step.taskId, step.correlationId],
      ...[result, unlessEmpty(metadata), wholeMs(executionTimeMs), runtime, workerId, hostname()],
      ...(how === 'messages' ? [leaseMs] : []),
      ...(how === 'judged' ? [step.namedTaskId, plainIn[0] ?? null] : []),
    ],
  })
  return rows.map(answerOf)
}

function answerOf({ step_uuid, status, reason, completes }: AnswerRow): JudgedAnswer {
  return { stepId: step_uuid, status, reason, completes }
}

/** One array per column, of documents one text; a document that says nothing is null. The statement checks the documents of handlers. */
function columnsOf(finished: readonly FinishedStep[]): unknown[] {
  return [
    idArray(finished.map(({ step }) => step.stepId)),
    idArray(finished.map(({ step }) => step.token)),
    idArray(finished.map(({ step }) => step.taskId)),
    idArray(finished.map(({ step }) => step.correlationId)),
    documents(finished.map(({ result }) => (result.success ? result.result : null))),
    documents(finished.map(({ result }) => unlessEmpty(result.metadata))),
    documents(finished.map(({ result }) => (result.success ? null : unlessEmpty(result.context)))),
    finished.map(({ result }) => wholeMs(result.executionTimeMs)),
    finished.map(({ runtime }) => runtime),
    finished.map(({ step, result }) => (result.success ? null : failureDocument(result, step.retryable))),
  ]
}

/** The literal of an array of UUIDs that PostgreSQL itself gave us: nothing in it needs quotes, and the driver would look for some in each. */
function idArray(ids: readonly string[]): string {
  return `{${ids.join(',')}}`
}

/** Side by side in one text, nothing for null: in an array each quotation mark would be escaped here and read again there. */
function documents(texts: readonly (JsonText | null)[]): string {
  return texts.map((text) => (text === null ? '' : separable(text))).join(documentSeparator)
}

/** No JSON has a separator in it, and none is empty: what does is as invalid with another control character. */
function separable(text: JsonText): string {
  return text === '' || text.includes(documentSeparator)
    ? `\u001e${text.replaceAll(documentSeparator, '\u001e')}`
    : text
}

function unlessEmpty(document: JsonText): JsonText | null {
  return document === emptyObject ? null : document
}

/** What the host itself knows of a failure. SQL readiness asks the step too: retryable on a step that is not would wait for ever (wire-protocol §5.5). */
function failureDocument(failure: StepFailure, stepRetryable: boolean): string {
  return JSON.stringify({
    message: storableText(failure.message),
    error_type: storableText(failure.errorType),
    error_code: failure.errorCode === null ? null : storableText(failure.errorCode),
    retryable: failure.retryable && stepRetryable,
    retry_after_s: failure.retryAfterS === null ? null : wholeSeconds(failure.retryAfterS),
    backtrace: failure.backtrace.map(storableText),
  })
}

/** Without what PostgreSQL cannot hold in a text. */
function storableText(text: string): string {
  return text
    .replaceAll('\u0000', '\ufffd')
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
}

/** NaN is a time too, as far as a runtime's arithmetic is concerned; the envelope wants an integer of 64 bits. */
function wholeMs(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms) || 0), Number.MAX_SAFE_INTEGER)
}

/** The header holds an integer (wire-protocol §5.5). */
function wholeSeconds(seconds: number): number {
  return Math.min(Math.max(0, Math.ceil(seconds)), retryAfterSMax)
}
