// A worker's way to the database, with or without an orchestrator beside it, and all that is stored of its tasks.
import { randomUUID } from 'node:crypto'
import type { ClaimRequest, RunnableStep } from '../../src/model/claim-source.ts'
import type { ClaimId, NamedTaskId, WorkerId } from '../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import type { ResultJudge } from '../../src/model/result-judge.ts'
import type { FinishedStep } from '../../src/model/step-store.ts'
import { settledTaskStates } from '../../src/model/task-state.ts'
import type { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { PgmqClaimSource } from '../../src/postgres/pgmq-claim-source.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { until } from './fake-worker.ts'
import { type Bench, namespace, request } from './orchestration-bench.ts'

const leaseMs = 60_000

export type Answer = (name: string) => { readonly success: boolean; readonly result?: JsonText }

export class WorkerWay {
  readonly workerId = randomUUID() as string as WorkerId
  readonly store: PostgresStepStore
  readonly #source: PgmqClaimSource
  #runnable: readonly RunnableStep[] = []

  private constructor(bench: Bench, judge: ResultJudge | null) {
    this.store = new PostgresStepStore(bench.database, { leaseMs, judge })
    this.#source = new PgmqClaimSource(bench.database, {
      ...{ namespaces: [namespace], onClaim: 'archive' },
      ...{ foreignRetryMs: 1_000, foreignGraceMs: 60_000 },
    })
  }

  static async open(bench: Bench, judge: ResultJudge | null): Promise<WorkerWay> {
    const way = new WorkerWay(bench, judge)
    await way.#register()
    return way
  }

  async #register(): Promise<void> {
    const named = await this.store.load([namespace])
    this.#runnable = named.flatMap(({ namedTaskId, steps }) =>
      steps.map(({ name }) => ({ namedTaskId: namedTaskId as NamedTaskId, templateStep: name })),
    )
    const runnable = this.#runnable
    await this.store.register({ workerId: this.workerId, host: 'test', namespaces: [namespace], runnable })
  }

  async claim(): Promise<readonly FinishedStep['step'][]> {
    return (await this.#source.claim(this.claimRequest())).steps
  }

  claimRequest(): ClaimRequest {
    const [runnable, claimId] = [this.#runnable, randomUUID() as string as ClaimId]
    return { workerId: this.workerId, claimId, free: 50, prefetch: 0, runnable, lanes: null }
  }

  complete(steps: readonly FinishedStep['step'][], answer: Answer = () => ({ success: true })) {
    return this.store.complete(
      this.workerId,
      steps.map((step) => finished(step, answer(step.templateStep))),
    )
  }
}

export function finished(step: FinishedStep['step'], answer: ReturnType<Answer>): FinishedStep {
  const common = { stepId: step.stepId, metadata: emptyObject, executionTimeMs: 1 }
  const result: FinishedStep['result'] = answer.success
    ? { ...common, success: true, outcome: null, result: answer.result ?? ('{"ok":true}' as JsonText) }
    : {
        ...{ ...common, success: false, message: 'it failed', errorType: 'Oops', errorCode: null, retryable: true },
        ...{ retryAfterS: null, context: emptyObject, backtrace: [] },
      }
  return { step, result, runtime: 'ruby', request: null }
}

/** Claims and completes the steps of a new task until it rests. Resolves with its id. */
export async function runTask(
  { orchestrator, way }: { orchestrator: Orchestrator; way: WorkerWay },
  name: string,
  answer?: Answer,
): Promise<string> {
  const { taskId } = await orchestrator.createTask(request(name))
  await until(async () => {
    const steps = (await way.claim()).filter((step) => step.taskId === taskId)
    if (steps.length > 0) await way.complete(steps, answer)
    return settledTaskStates.has((await orchestrator.progress(taskId)).state)
  })
  return taskId
}

/** All that is stored of a task, without ids and times. */
export async function storedRows(bench: Bench, taskId: string): Promise<unknown> {
  const steps = await bench.rows(
    `SELECT n.name, s.in_process, s.processed, s.processed_at IS NOT NULL AS at, s.attempts, s.results ->> 'success' AS success,
            s.backoff_request_seconds,
            (SELECT jsonb_agg(jsonb_build_array(w.from_state, w.to_state, w.sort_key, w.most_recent,
                                                CASE WHEN pg_input_is_valid(w.metadata ->> 'event', 'jsonb') THEN (w.metadata ->> 'event')::jsonb - 'data' END,
                                                (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(w.metadata) k)) ORDER BY w.sort_key)
               FROM tasker.workflow_step_transitions w WHERE w.workflow_step_uuid = s.workflow_step_uuid) AS transitions,
            (SELECT jsonb_agg(jsonb_build_array(a.success, a.execution_time_ms)) FROM tasker.workflow_step_result_audit a
              WHERE a.workflow_step_uuid = s.workflow_step_uuid) AS audits
       FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid)
      WHERE s.task_uuid = $1 ORDER BY n.name`,
    taskId,
  )
  const task = await bench.rows(
    `SELECT k.complete, k.completed_at IS NOT NULL AS at,
            (SELECT jsonb_agg(jsonb_build_array(t.from_state, t.to_state, t.sort_key, t.most_recent, t.metadata ->> 'event') ORDER BY t.sort_key)
               FROM tasker.task_transitions t WHERE t.task_uuid = k.task_uuid) AS transitions
       FROM tasker.tasks k WHERE k.task_uuid = $1`,
    taskId,
  )
  return { task, steps }
}

export async function resultMessages(bench: Bench, taskId: string): Promise<number> {
  const [row] = await bench.rows(
    `SELECT (SELECT count(*)::int FROM pgmq.q_orchestration_step_results WHERE message ->> 'task_uuid' = $1)
          + (SELECT count(*)::int FROM pgmq.a_orchestration_step_results WHERE message ->> 'task_uuid' = $1) AS n`,
    taskId,
  )
  return Number(row?.['n'])
}
