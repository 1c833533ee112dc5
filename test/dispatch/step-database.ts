// A database with a template, tasks whose steps wait in the queue, and what the tests ask it.
import type { StepId } from '../../src/model/ids.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { OrchestrationStore } from '../../src/model/orchestration-store.ts'
import type { StepTemplate, TaskTemplate } from '../../src/model/template.ts'
import { Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { Database } from '../../src/postgres/database.ts'
import { orchestrationStore } from '../../src/postgres/queries/orchestration/orchestration-store.ts'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'

export interface StepDatabase {
  readonly database: Database
  readonly url: string
  readonly store: OrchestrationStore
  /** One task of one step; resolves with the step. */
  enqueue(context?: string): Promise<StepId>
  state(step: StepId): Promise<string>
  row(step: StepId): Promise<{ attempts: number | null; in_process: boolean; results: string | null }>
  states(step: StepId): Promise<string[]>
  queued(queue?: string): Promise<number>
  scalar<T>(text: string, values?: readonly unknown[]): Promise<T>
  close(): Promise<void>
}

export const queue = 'worker_shop_queue'

interface WorkOptions {
  readonly attemptsMax: number
  readonly retryable: boolean
  /** null: no backoff at all. */
  readonly backoffBaseMs: number | null
  readonly publishesEvents: readonly object[]
}

const workDefaults: WorkOptions = { attemptsMax: 3, retryable: true, backoffBaseMs: null, publishesEvents: [] }

/** `options` are those of the one step `work`, whose callable is `work`; `place`: default a clone on the server of all tests. */
export async function openStepDatabase(
  options: Partial<WorkOptions> = {},
  place?: TestDatabase,
): Promise<StepDatabase> {
  const { url, drop } = place ?? (await createTestDatabase())
  const database = new Database({ url, applicationName: 'step test', connectionsMax: 8, acquireTimeoutMs: 10_000 })
  await database.start()
  const store = orchestrationStore(database)
  await store.registerTemplates([oneStepTemplate(options)])
  // Not started: only its task creation is used, so results stay where the worker put them.
  const tasks = new Orchestrator({ store, wakeUps: null, onFault: () => {}, onWarning: () => {} })
  const scalar = async <T>(text: string, values: readonly unknown[] = []): Promise<T> =>
    Object.values((await database.query<Record<string, T>>({ text, values }))[0] ?? {})[0] as T
  return {
    database,
    url,
    store,
    scalar,
    enqueue: async (context = '{}') => {
      const task = await tasks.createTask({
        namespace: 'shop',
        name: 'one_step',
        version: null,
        context: context as JsonText,
        initiator: 'test',
        sourceSystem: 'test',
        reason: 'test',
        tags: [],
        priority: null,
        correlationId: null,
        parentCorrelationId: null,
        freshIdentity: true,
        inputSchema: 'off',
      })
      const [step] = task.steps
      if (step === undefined) throw new Error('the task has no step')
      return step.stepId
    },
    state: (step) =>
      scalar('SELECT to_state FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1 AND most_recent', [
        step,
      ]),
    states: async (step) =>
      (
        await database.query<{ to_state: string }>({
          text: 'SELECT to_state FROM tasker.workflow_step_transitions WHERE workflow_step_uuid = $1 ORDER BY sort_key',
          values: [step],
        })
      ).map((row) => row.to_state),
    row: async (step) => {
      const text = 'SELECT attempts, in_process, results FROM tasker.workflow_steps WHERE workflow_step_uuid = $1'
      const [row] = await database.query<{ attempts: number | null; in_process: boolean; results: string | null }>({
        text,
        values: [step],
      })
      if (row === undefined) throw new Error('no such step')
      return row
    },
    queued: (name = queue) => scalar(`SELECT count(*)::int FROM pgmq."q_${name}"`),
    close: async () => {
      await database.stop()
      await drop()
    },
  }
}

export function oneStepTemplate(options: Partial<WorkOptions> = {}): TaskTemplate {
  const { attemptsMax, retryable, backoffBaseMs, publishesEvents } = { ...workDefaults, ...options }
  const backoff = backoffBaseMs === null ? 'none' : 'exponential'
  const step: StepTemplate = {
    name: 'work',
    type: 'standard',
    callable: 'work',
    method: null,
    resolver: null,
    dependencies: [],
    retry: { attemptsMax, retryable, backoff, backoffBaseMs, backoffMaxMs: null },
    timeoutMs: null,
    initialization: null,
  }
  const configuration = JSON.stringify({
    name: 'one_step',
    namespace_name: 'shop',
    version: '1.0.0',
    steps: [
      {
        name: 'work',
        type: 'standard',
        handler: { callable: 'work', method: null, resolver: null, initialization: {} },
        dependencies: [],
        retry: { retryable, max_attempts: attemptsMax, backoff, backoff_base_ms: backoffBaseMs },
        timeout_seconds: null,
        publishes_events: publishesEvents,
      },
    ],
  })
  return {
    namespace: 'shop',
    name: 'one_step',
    version: '1.0.0',
    description: null,
    steps: [step],
    inputSchema: null,
    configuration: configuration as JsonText,
  }
}
