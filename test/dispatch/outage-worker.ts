// Workers as a host makes them, with pools and circuits of their own, for tests that take PostgreSQL away from them.
import { CircuitBreakers } from '../../src/dispatch/circuit-breakers.ts'
import type { Worker } from '../../src/dispatch/worker.ts'
import type { StepId } from '../../src/model/ids.ts'
import { emptyObject, type JsonText } from '../../src/model/json-text.ts'
import type { StepRequest } from '../../src/model/step-request.ts'
import type { StepResult } from '../../src/model/step-result.ts'
import { Database, type DatabaseOptions } from '../../src/postgres/database.ts'
import { PostgresStepStore } from '../../src/postgres/postgres-step-store.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ScriptedAdapter } from './scripted-adapter.ts'
import type { StepDatabase } from './step-database.ts'
import { sourceOf, startWorker, type TestWorkerOptions } from './workers.ts'

export interface OutageWorker {
  readonly worker: Worker
  readonly adapter: ScriptedAdapter
  readonly database: Database
  readonly circuits: CircuitBreakers
  /** Handlers wait until then. */
  letHandlersEnd(): void
  /** How often each step was started here. */
  runs(step: StepId): number
  stop(): Promise<void>
}

interface OutageOptions extends TestWorkerOptions {
  /** Default: that of the steps. */
  readonly url?: string
  readonly database?: Partial<DatabaseOptions>
  readonly handlersWait?: boolean
  /** What every handler returns. */
  readonly result?: JsonText
}

const limits = { failureThreshold: 3, openMs: 200, successThreshold: 1, changeIntervalMinMs: 0 }

export async function startOutageWorker(steps: StepDatabase, options: OutageOptions = {}): Promise<OutageWorker> {
  const {
    url = steps.url,
    database: pool = {},
    handlersWait = false,
    result = emptyObject,
    leaseMs = 1_000,
    ...rest
  } = options
  const database = new Database({
    ...{ url, applicationName: 'outage worker', connectionsMax: 4, acquireTimeoutMs: 5_000 },
    ...pool,
  })
  const lease = new Database({
    ...{ url, applicationName: 'outage lease', connectionsMax: 1, acquireTimeoutMs: 5_000 },
    ...{ statementTimeoutMs: leaseMs / 4, answerGraceMs: leaseMs / 12 },
  })
  await Promise.all([database.start(), lease.start()])
  let letHandlersEnd = () => {}
  const gate = handlersWait ? new Promise<void>((resolve) => (letHandlersEnd = resolve)) : Promise.resolve()
  const adapter = new ScriptedAdapter(async (request) => {
    await gate
    return { ...(await succeed(request)), result }
  })
  const circuits = new CircuitBreakers({ messaging: limits, taskReadiness: limits, web: limits })
  const worker = await startWorker({ ...steps, database }, adapter, {
    leaseMs,
    source: sourceOf({ ...steps, database }),
    store: new PostgresStepStore(database, { leaseMs, heartbeats: lease }),
    breakers: { claims: circuits.make('claims', 'messaging'), completions: circuits.make('completions', 'messaging') },
    ...rest,
  })
  return {
    ...{ worker, adapter, database, circuits },
    letHandlersEnd: () => letHandlersEnd(),
    runs: (step) => adapter.seen.filter(({ stepId }) => stepId === step).length,
    stop: async () => {
      letHandlersEnd()
      await worker.stop()
      await Promise.all([database.stop(), lease.stop()])
    },
  }
}

async function succeed(request: StepRequest): Promise<StepResult> {
  return {
    stepId: request.stepId,
    success: true,
    outcome: null,
    result: emptyObject,
    metadata: emptyObject,
    executionTimeMs: 1,
  }
}

export function enqueueMany(steps: StepDatabase, count: number): Promise<readonly StepId[]> {
  return Promise.all(Array.from({ length: count }, () => steps.enqueue()))
}

/** Every step has one stored result. */
export async function allStored(steps: StepDatabase, ids: readonly StepId[], timeoutMs = 20_000): Promise<void> {
  const stored = async () => {
    const results = `SELECT count(*)::int FROM tasker.workflow_step_transitions
                      WHERE workflow_step_uuid = ANY ($1::uuid[]) AND to_state = 'enqueued_for_orchestration'`
    return (await steps.scalar<number>(results, [ids]).catch(() => 0)) >= ids.length
  }
  await eventually('all results are stored', stored, timeoutMs)
  const once = `SELECT count(*)::int FROM (SELECT workflow_step_uuid FROM tasker.workflow_step_transitions
                 WHERE workflow_step_uuid = ANY ($1::uuid[]) AND to_state = 'enqueued_for_orchestration'
                 GROUP BY 1 HAVING count(*) = 1) one`
  if ((await steps.scalar<number>(once, [ids])) !== ids.length) throw new Error('a result was stored twice')
}

/** Steps whose starts in handlers are more than their counted attempts: what must never be. */
export async function uncounted(
  steps: StepDatabase,
  ids: readonly StepId[],
  workers: readonly OutageWorker[],
): Promise<readonly StepId[]> {
  const rows = await Promise.all(ids.map(async (id) => ({ id, attempts: (await steps.row(id)).attempts ?? 0 })))
  return rows
    .filter(({ id, attempts }) => workers.reduce((runs, worker) => runs + worker.runs(id), 0) > attempts)
    .map(({ id }) => id)
}

/** Results that were not stored as they came, for whatever reason. */
export function dropped({ worker }: OutageWorker): number {
  return Object.values(worker.counters.dropped).reduce((sum, count) => sum + count, 0)
}
