// A success completed in two ways, alone and beside another, and all that is stored and announced of it, to be compared.
import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { ClaimId, ClaimToken, CorrelationId, NamedTaskId, StepId, TaskId, WorkerId } from '../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import type { JudgedAnswer } from '../../src/model/orchestration-store.ts'
import type { StepSuccess } from '../../src/model/step-result.ts'
import type { FinishedStep } from '../../src/model/step-store.ts'
import { Database } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import type { HowToTell } from '../../src/postgres/queries/complete-statement.ts'
import { completeSteps } from '../../src/postgres/queries/complete-steps.ts'
import { orchestrationStore } from '../../src/postgres/queries/orchestration/orchestration-store.ts'
import type { Queryable, Statement } from '../../src/postgres/statement.ts'
import { type Ear, listenTo } from '../fixtures/heard-notifications.ts'
import { insertTask, insertTransition } from '../fixtures/tasker-rows.ts'

export const workerId = randomUUID() as string as WorkerId
export const leaseMs = 60_000
export const hows: readonly HowToTell[] = ['judged', 'messages', 'silent']
export const channels = ['pgmq_message_ready', 'pgmq_message_ready.orchestration']

/** A database in which steps are in progress. */
export class Place {
  readonly database: Database
  readonly #ear: Ear
  readonly #drop: () => Promise<void>

  private constructor(database: Database, ear: Ear, drop: () => Promise<void>) {
    this.database = database
    this.#ear = ear
    this.#drop = drop
  }

  static async open({ url, drop }: { url: string; drop: () => Promise<void> }): Promise<Place> {
    const database = new Database({ url, applicationName: 'test', connectionsMax: 4, acquireTimeoutMs: 10_000 })
    await database.start()
    await migrate(database)
    await orchestrationStore(database).createQueues([])
    return new Place(database, await listenTo(url, channels), drop)
  }

  async close(): Promise<void> {
    await this.#ear.close()
    await this.database.stop()
    await this.#drop()
  }

  forget(): void {
    this.#ear.forget()
  }

  rows<Row extends object>(text: string, ...values: unknown[]): Promise<Row[]> {
    return this.database.query<Row>({ text, values })
  }

  async finished(more: Partial<StepSuccess> = {}, runtime: string | null = 'ruby'): Promise<FinishedStep> {
    const { steps, taskId } = await insertTask(this.database, { steps: { only: { state: 'enqueued', attempts: 1 } } })
    const stepId = (steps['only'] ?? '') as StepId
    const token = await insertTransition(this.database, stepId, 'in_progress')
    const [task] = await this.rows<{ correlation_id: string; named_task_uuid: string }>(
      'SELECT correlation_id, named_task_uuid FROM tasker.tasks WHERE task_uuid = $1',
      taskId,
    )
    const [correlationId, namedTaskId] = [task?.correlation_id ?? '', task?.named_task_uuid ?? '']
    return finished({ stepId, token, taskId, correlationId, namedTaskId }, more, runtime)
  }

  async version({ step }: FinishedStep): Promise<string> {
    const text = 'SELECT xmin::text AS version FROM tasker.named_tasks WHERE named_task_uuid = $1'
    return (await this.rows<{ version: string }>(text, step.namedTaskId))[0]?.version ?? ''
  }

  /** Everything that is stored of a step, and what was announced since the last call; not the audit row's own id, which nothing refers to. */
  async stored({ step }: FinishedStep): Promise<readonly string[]> {
    const rows = await this.rows<{ row: string }>(
      `SELECT to_jsonb(s)::text AS row FROM tasker.workflow_steps s WHERE workflow_step_uuid = $1
        UNION ALL SELECT row FROM (SELECT to_jsonb(t)::text AS row FROM tasker.workflow_step_transitions t WHERE workflow_step_uuid = $1 ORDER BY sort_key) AS t
        UNION ALL SELECT (to_jsonb(a) - 'workflow_step_result_audit_uuid')::text FROM tasker.workflow_step_result_audit a WHERE workflow_step_uuid = $1
        UNION ALL SELECT (to_jsonb(q) - 'msg_id')::text FROM pgmq.q_orchestration_step_results q WHERE message ->> 'step_uuid' = $1::uuid::text`,
      step.stepId,
    )
    const heard = (await this.#ear.heard()).map((one) => JSON.stringify(one).replace(/"msg_id":\d+/, ''))
    this.forget()
    return withoutIdsAndTimes([...rows.map(({ row }) => row), ...heard])
  }
}

/** Ids by the order in which they first appear, so that one in the place of another shows. */
function withoutIdsAndTimes(texts: readonly string[]): readonly string[] {
  const ids = new Map<string, string>([[workerId, 'worker']])
  return texts.map((text) =>
    text
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?/g, 'time')
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
        ids.set(id, ids.get(id) ?? `id ${ids.size}`)
        return ids.get(id) ?? ''
      }),
  )
}

interface Ids {
  readonly stepId: string
  readonly token: string
  readonly taskId: string
  readonly correlationId: string
  readonly namedTaskId: string
}

function finished(ids: Ids, more: Partial<StepSuccess> = {}, runtime: string | null = 'ruby'): FinishedStep {
  const step: FinishedStep['step'] = {
    stepId: ids.stepId as StepId,
    token: ids.token as ClaimToken,
    taskId: ids.taskId as TaskId,
    correlationId: ids.correlationId as CorrelationId,
    namedTaskId: ids.namedTaskId as NamedTaskId,
    ...{ namespace: 'ns', templateStep: 'only', claimId: randomUUID() as string as ClaimId },
    ...{ attempts: 0, attemptsMax: 3, retryable: true, runnable: true, recoveries: 0, priority: 0 },
  }
  const said = { result: '{"ok":true}' as JsonText, metadata: emptyObject, executionTimeMs: 7, outcome: null }
  return { step, runtime, request: null, result: { stepId: step.stepId, success: true, ...said, ...more } }
}

/** Notes the names of the statements that pass. */
export class Noted implements Queryable {
  readonly names: (string | undefined)[] = []
  readonly #database: Queryable

  constructor(database: Queryable) {
    this.#database = database
  }

  query<Row extends object>(statement: Statement): Promise<Row[]> {
    this.names.push(statement.name)
    return this.#database.query<Row>(statement)
  }
}

export type Answer = Pick<JudgedAnswer, 'status' | 'reason' | 'completes'>
type Complete = (place: Place, one: FinishedStep, how: HowToTell, plainIn?: string | null) => Promise<Answer>

/** By the function: it stands alone. */
export const alone: Complete = async ({ database }, one, how, plainIn = null) => {
  const noted = new Noted(database)
  const answers = await completeSteps(noted, [one], { workerId, how, leaseMs, plainIn: [plainIn] })
  expect([noted.names, answers.length]).toEqual([[`complete-steps:one:${how}`], 1])
  return answerFor(answers, one)
}

/** By the statement: it stands beside one that nobody knows. */
export const beside: Complete = async ({ database }, one, how, plainIn = null) => {
  const [stepId, token, taskId] = [randomUUID(), randomUUID(), randomUUID()]
  const other = finished({ stepId, token, taskId, correlationId: randomUUID(), namedTaskId: randomUUID() })
  const noted = new Noted(database)
  const answers = await completeSteps(noted, [one, other], { workerId, how, leaseMs, plainIn: [plainIn, null] })
  expect(noted.names[0]).toBe(`complete-steps:${how}`)
  return answerFor(answers, one)
}

export function answerFor(answers: readonly JudgedAnswer[], { step }: FinishedStep): Answer {
  const found = answers.find(({ stepId }) => stepId === step.stepId)
  if (found === undefined) throw new Error('the step has no answer')
  const { status, reason, completes } = found
  return { status, reason, completes }
}

/** `make` makes the same step for both ways. Resolves with the answer of both. */
export async function expectSame(at: Place, how: HowToTell, make: () => Promise<FinishedStep>): Promise<Answer> {
  const seen: { answer: Answer; rows: readonly string[] }[] = []
  for (const complete of [alone, beside]) {
    const one = await make()
    at.forget()
    seen.push({ answer: await complete(at, one, how), rows: await at.stored(one) })
  }
  const [few, many] = seen
  expect(few).toEqual(many)
  return few?.answer as Answer
}
