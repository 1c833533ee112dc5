// A worker in plain SQL: takes step messages, claims by compare-and-set and hands results in (wire-protocol §2.5, §5.3).
import { randomUUID } from 'node:crypto'
import type { Database } from '../../src/postgres/database.ts'
import type { Queryable } from '../../src/postgres/statement.ts'

export interface FakeStep {
  readonly stepId: string
  readonly taskId: string
  readonly name: string
  /** Counted with this claim. */
  readonly attempts: number
}

export type FakeOutcome =
  | { readonly success: true; readonly result?: unknown }
  | { readonly success: false; readonly retryable: boolean; readonly message?: string; readonly retryAfter?: string }

export class FakeWorker {
  readonly #database: Database
  readonly #namespace: string

  constructor(database: Database, namespace: string) {
    this.#database = database
    this.#namespace = namespace
  }

  /** Every step that a message speaks of and that is still enqueued. */
  async claim(): Promise<readonly FakeStep[]> {
    return this.#database.transaction(async (q) => {
      const messages = await q.query<{ step_uuid: string }>({
        text: `WITH taken AS (DELETE FROM pgmq.q_worker_${this.#namespace}_queue WHERE vt <= clock_timestamp() RETURNING message)
               SELECT DISTINCT message ->> 'step_uuid' AS step_uuid FROM taken ORDER BY 1`,
      })
      const claimed: FakeStep[] = []
      for (const { step_uuid } of messages) claimed.push(...(await claimStep(q, step_uuid)))
      return claimed
    })
  }

  /** Stores the result and sends `copies` messages about it. False: the step is not in progress any more. */
  async complete(step: FakeStep, outcome: FakeOutcome, copies = 1): Promise<boolean> {
    return this.#database.transaction(async (q) => {
      const state = outcome.success ? 'enqueued_for_orchestration' : 'enqueued_as_error_for_orchestration'
      const moved = await move(q, step.stepId, 'in_progress', state)
      if (!moved) return false
      await q.query({
        text: 'UPDATE tasker.workflow_steps SET in_process = false, results = $2::jsonb, updated_at = now() WHERE workflow_step_uuid = $1',
        values: [step.stepId, JSON.stringify(envelope(step, outcome))],
      })
      for (let copy = 0; copy < copies; copy += 1) await sendResult(q, step)
      return true
    })
  }

  /** Claims and completes until `done` says so; `answer` decides by step. */
  async workUntil(done: () => Promise<boolean>, answer: (step: FakeStep) => FakeOutcome): Promise<readonly string[]> {
    const ran: string[] = []
    await until(async () => {
      for (const step of await this.claim()) {
        ran.push(step.name)
        await this.complete(step, answer(step))
      }
      return done()
    })
    return ran
  }
}

export async function sendResult(q: Queryable, step: Pick<FakeStep, 'stepId' | 'taskId'>): Promise<void> {
  const message = { task_uuid: step.taskId, step_uuid: step.stepId, correlation_id: randomUUID() }
  await sendRaw(q, message)
}

export async function sendRaw(q: Queryable, message: unknown): Promise<void> {
  await q.query({
    text: `SELECT pgmq.send('orchestration_step_results', $1::jsonb)`,
    values: [JSON.stringify(message)],
  })
}

/** Asks until it is true; fails after 20 seconds. */
export async function until(fact: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await fact())) {
    if (performance.now() > deadline) throw new Error(`Did not come true in time: ${fact}`)
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
}

async function claimStep(q: Queryable, stepId: string): Promise<readonly FakeStep[]> {
  if (!(await move(q, stepId, 'enqueued', 'in_progress'))) return []
  const rows = await q.query<{ task_uuid: string; name: string; attempts: number }>({
    text: `UPDATE tasker.workflow_steps s
              SET in_process = true, attempts = coalesce(attempts, 0) + 1, last_attempted_at = now(), updated_at = now()
             FROM tasker.named_steps n
            WHERE n.named_step_uuid = s.named_step_uuid AND s.workflow_step_uuid = $1
           RETURNING s.task_uuid, n.name, s.attempts`,
    values: [stepId],
  })
  return rows.map(({ task_uuid, name, attempts }) => ({ stepId, taskId: task_uuid, name, attempts }))
}

async function move(q: Queryable, stepId: string, from: string, to: string): Promise<boolean> {
  const rows = await q.query({
    text: `
WITH old AS (
  UPDATE tasker.workflow_step_transitions SET most_recent = false, updated_at = now()
   WHERE workflow_step_uuid = $1 AND most_recent AND to_state = $2 RETURNING sort_key
)
INSERT INTO tasker.workflow_step_transitions
  (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT $1, $3, $2, '{}', sort_key + 1, true, now(), now() FROM old RETURNING sort_key`,
    values: [stepId, from, to],
  })
  return rows.length === 1
}

function envelope(step: FakeStep, outcome: FakeOutcome): unknown {
  const headers = !outcome.success && outcome.retryAfter !== undefined ? { 'Retry-After': outcome.retryAfter } : {}
  return {
    step_uuid: step.stepId,
    success: outcome.success,
    result: outcome.success ? (outcome.result ?? {}) : {},
    metadata: {
      execution_time_ms: 1,
      retryable: !outcome.success && outcome.retryable,
      completed_at: '2026-01-01T00:00:00Z',
      custom: {},
      context: { runtime: 'ruby' },
    },
    status: outcome.success ? 'completed' : 'failed',
    error: outcome.success ? null : { message: outcome.message ?? 'it failed', retryable: outcome.retryable },
    orchestration_metadata: { headers, error_context: null, backoff_hint: null, custom: {} },
  }
}
