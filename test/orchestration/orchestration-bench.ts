// What the tests of orchestration start from: a database, a store, templates in a few lines, orchestrators that report their faults.

import type { JsonText } from '../../src/model/json-text.ts'
import type { OrchestrationStore, TransitionHistory } from '../../src/model/orchestration-store.ts'
import type { TaskRequest } from '../../src/model/task.ts'
import type { RetryPolicy, StepType, TaskTemplate } from '../../src/model/template.ts'
import { type BackoffSettings, backoffDefaults } from '../../src/orchestration/backoff.ts'
import { Orchestrator, type OrchestratorOptions } from '../../src/orchestration/orchestrator.ts'
import { Database } from '../../src/postgres/database.ts'
import { orchestrationStore } from '../../src/postgres/queries/orchestration/orchestration-store.ts'
import { createTestDatabase } from '../fixtures/database.ts'
import { FakeWorker } from './fake-worker.ts'

export const namespace = 'orders'

/** No wait at all between attempts, so that tests of the flow do not wait for a clock. */
export const noBackoff: BackoffSettings = { ...backoffDefaults, baseS: 0, jitterEnabled: false }

interface StepSketch {
  readonly after?: readonly string[]
  readonly type?: StepType
  readonly retry?: Partial<RetryPolicy>
  readonly initialization?: string
  /** A batch worker's `failure_strategy`. */
  readonly strategy?: string
}

/** A template from its steps' names and parents. */
export function sketch(
  name: string,
  steps: Readonly<Record<string, StepSketch>>,
  extra: { version?: string; inputSchema?: unknown; inputSchemaCheck?: string; identity?: string } = {},
): TaskTemplate {
  const version = extra.version ?? '1.0.0'
  const definitions = Object.entries(steps).map(
    ([step, { after = [], type = 'standard', retry, initialization = '{}', strategy }]) => {
      const policy = JSON.stringify({
        retryable: retry?.retryable ?? true,
        max_attempts: retry?.attemptsMax ?? 3,
        backoff: retry?.backoff ?? 'exponential',
        backoff_base_ms: retry?.backoffBaseMs ?? null,
        max_backoff_ms: retry?.backoffMaxMs ?? null,
      })
      const batch =
        strategy === undefined ? '' : `,"batch_config":{"cursor_field":"id","failure_strategy":"${strategy}"}`
      return `{"name":"${step}","type":"${type}","dependencies":${JSON.stringify(after)},"retry":${policy},
             "handler":{"callable":"${step}_handler","initialization":${initialization}}${batch}}`
    },
  )
  const schema = extra.inputSchema === undefined ? 'null' : JSON.stringify(extra.inputSchema)
  const check = extra.inputSchemaCheck === undefined ? '' : `"input_schema_check":"${extra.inputSchemaCheck}",`
  const configuration = `{${check}"name":"${name}","namespace_name":"${namespace}","version":"${version}",
                          "input_schema":${schema},"identity_strategy":"${extra.identity ?? 'strict'}","steps":[${definitions.join(',')}]}` as JsonText
  return { namespace, name, version, description: null, steps: [], inputSchema: null, configuration }
}

export function request(name: string, changes: Partial<TaskRequest> = {}): TaskRequest {
  return {
    namespace,
    name,
    version: '1.0.0',
    context: '{}' as JsonText,
    initiator: 'test',
    sourceSystem: 'vitest',
    reason: 'to see it run',
    tags: [],
    priority: null,
    correlationId: null,
    parentCorrelationId: null,
    freshIdentity: true,
    inputSchema: 'warn',
    ...changes,
  }
}

type BenchOptions = Pick<
  Partial<OrchestratorOptions>,
  'backoff' | 'timing' | 'outcomeLimits' | 'background' | 'largeTaskSteps' | 'neighbour'
>

export interface Bench {
  readonly url: string
  readonly database: Database
  readonly store: OrchestrationStore
  readonly worker: FakeWorker
  readonly faults: Error[]
  readonly warnings: string[]
  /** Not started; stopped with the bench. */
  orchestrator(options?: BenchOptions): Orchestrator
  /** One row of text columns per row. */
  rows(text: string, ...values: unknown[]): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

export async function openBench(
  templates: readonly TaskTemplate[],
  { history = 'full' }: { history?: TransitionHistory } = {},
): Promise<Bench> {
  const testDatabase = await createTestDatabase()
  const database = new Database({
    url: testDatabase.url,
    applicationName: 'orchestration test',
    connectionsMax: 12,
    acquireTimeoutMs: 10_000,
  })
  await database.start()
  const store = orchestrationStore(database, { history })
  await store.registerTemplates(templates)
  const orchestrators: Orchestrator[] = []
  const faults: Error[] = []
  const warnings: string[] = []
  return {
    ...{ url: testDatabase.url, database, store, faults, warnings },
    worker: new FakeWorker(database, namespace),
    orchestrator: ({ backoff = noBackoff, timing = {}, ...more } = {}) => {
      const orchestrator = new Orchestrator({
        store: orchestrationStore(database, { history }),
        wakeUps: null,
        onFault: ({ error }) => faults.push(error),
        onWarning: (message) => warnings.push(message),
        backoff,
        timing: { resultPollMs: 5, ...timing },
        ...more,
      })
      orchestrators.push(orchestrator)
      return orchestrator
    },
    rows: (text, ...values) => database.query<Record<string, unknown>>({ text, values }),
    close: async () => {
      await Promise.all(orchestrators.map((orchestrator) => orchestrator.stop()))
      await database.stop()
      await testDatabase.drop()
    },
  }
}
