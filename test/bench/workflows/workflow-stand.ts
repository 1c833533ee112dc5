// A database of its own with worker and orchestrator in one process: where workflows are measured from their submission to their end.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { loadConfig } from '../../../src/config/config.ts'
import { packageRoot } from '../../../src/config/package-root.ts'
import { Host } from '../../../src/host.ts'
import type { JsonText } from '../../../src/model/json-text.ts'
import type { TaskRequest } from '../../../src/model/task.ts'
import { Database } from '../../../src/postgres/database.ts'
import { migrate } from '../../../src/postgres/migrate.ts'
import type { Bench } from '../steps/bench-options.ts'
import { NoFigure } from '../steps/no-figure.ts'
import { writeSettings } from '../steps/worker-process.ts'

export const workflowSettings = {
  'runtimes.typescript.threads': 1,
  'runtimes.typescript.in_flight_max': 24,
  'worker.mpsc_channels.handler_dispatch.max_concurrent_handlers': 24,
  'dispatch.prefetch_max': 100,
} as const

const silent = { info: () => {}, warn: console.error, error: console.error, handler: () => {} }
/** Rare, since it takes time from what is measured; ends are read from the commits. */
const pollMs = 20
const giveUpMs = 600_000

export const workflowRoot = join(packageRoot(), 'test/bench/project/workflows')

export function workflowRequest(name: string): TaskRequest {
  return {
    ...{ namespace: 'bench', name, version: '1.0.0', context: '{}' as JsonText },
    ...{ initiator: 'bench', sourceSystem: 'bench', reason: 'bench', tags: [], priority: null },
    ...{ correlationId: null, parentCorrelationId: null, freshIdentity: true, inputSchema: 'off' },
  }
}

export class WorkflowStand {
  readonly url: string
  readonly database: Database
  readonly #config: string
  #host: Host | null = null
  /** Older than all tasks that are measured. */
  #before = ''

  private constructor(url: string, config: string) {
    this.url = url
    this.#config = config
    this.database = new Database({
      ...{ url, applicationName: 'stephost bench' },
      ...{ connectionsMax: 4, acquireTimeoutMs: 30_000, byKey: true },
    })
  }

  /** `prepare` runs on the migrated database, before the host; `host` false: only its database. */
  static async with<T>(
    { cluster }: Bench,
    options: {
      name: string
      host: boolean
      roots?: readonly string[]
      prepare?: (database: Database) => Promise<void>
    },
    work: (stand: WorkflowStand) => Promise<T>,
  ): Promise<T> {
    const url = await cluster.create(options.name)
    const config = await writeSettings(join(cluster.directory, 'workflows'), workflowSettings)
    const stand = new WorkflowStand(url, config)
    await stand.database.start()
    try {
      await migrate(stand.database)
      if (options.prepare !== undefined) {
        await options.prepare(stand.database)
        // Not of empty tables: PostgreSQL would plan as if they stayed so.
        await stand.database.query({ text: 'VACUUM ANALYZE' })
      }
      await cluster.administer((server) => server.query({ text: 'CHECKPOINT' }))
      await stand.#noteBeginning()
      if (options.host) await stand.#start(options.roots ?? [workflowRoot])
      return await work(stand)
    } finally {
      await stand.#host?.stop()
      await stand.database.stop()
      await cluster.drop(options.name)
    }
  }

  /** Resolves with the task when it is created. */
  async submit(name: string): Promise<string> {
    if (this.#host === null) throw new Error('this stand has no host')
    return (await this.#host.tasks.createTask(workflowRequest(name))).taskId
  }

  /** Resolves when so many tasks are complete. */
  async completed(count: number): Promise<void> {
    const startedAt = performance.now()
    let before = -1
    for (;;) {
      const complete = await this.#counted(completeText)
      if (complete >= count) return
      // Asking each task for its state takes time from those who are measured. Where many run at once only a standstill is looked into;
      // where they come one at a time, each look but the first at a task finds one.
      const failed = complete === before ? await this.#counted(failedText) : 0
      if (failed > 0) throw new NoFigure('workflows', [`${failed} tasks failed`])
      before = complete
      if (performance.now() - startedAt > giveUpMs) throw await this.#leftUnfinished()
      await delay(pollMs)
    }
  }

  /** When the transaction that completed each task was committed: milliseconds since 1970. */
  async endedAt(taskIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query<{ task: string; ended_ms: number }>({ text: endsText, values: [taskIds] })
    return new Map(rows.map(({ task, ended_ms }) => [task, ended_ms]))
  }

  async #leftUnfinished(): Promise<NoFigure> {
    const rows = await this.database.query<{ state: string; tasks: number }>({ text: leftText, values: [this.#before] })
    const states = rows.map(({ state, tasks }) => `${tasks} in ${state}`).join(', ')
    return new NoFigure('workflows', [
      `tasks were left unfinished after ${giveUpMs / 1000} s: ${states || 'none was begun'}`,
    ])
  }

  async #counted(text: string): Promise<number> {
    const [row] = await this.database.query<{ tasks: number }>({ text, values: [this.#before] })
    return row?.tasks ?? 0
  }

  async #noteBeginning(): Promise<void> {
    const [row] = await this.database.query<{ id: string }>({ text: 'SELECT uuid_generate_v7() AS id' })
    this.#before = row?.id ?? ''
  }

  async #start(handlerRoots: readonly string[]): Promise<void> {
    const config = loadConfig({ environment: { DATABASE_URL: this.url }, file: this.#config })
    const parts = { worker: true, orchestrator: true, rest: false }
    this.#host = new Host({ config, log: silent, handlerRoots, databaseUrl: this.url, parts, strict: false })
    await this.#host.start()
  }
}

/** Asked again and again while others are measured: by the key, so that what was there before is not read. */
const completeText = 'SELECT count(*)::int AS tasks FROM tasker.tasks t WHERE t.task_uuid > $1::uuid AND t.complete'

const failedText = `
SELECT count(*)::int AS tasks FROM tasker.tasks t JOIN tasker.task_transitions w ON w.task_uuid = t.task_uuid AND w.most_recent
 WHERE t.task_uuid > $1::uuid AND w.to_state IN ('blocked_by_failures', 'error', 'cancelled')`

const leftText = `
SELECT coalesce(w.to_state, 'no state') AS state, count(*)::int AS tasks
  FROM tasker.tasks t LEFT JOIN tasker.task_transitions w ON w.task_uuid = t.task_uuid AND w.most_recent
 WHERE t.task_uuid > $1::uuid AND NOT t.complete GROUP BY 1 ORDER BY 1`

const endsText = `
SELECT task_uuid::text AS task, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 * 1000 AS ended_ms
  FROM tasker.task_transitions WHERE to_state = 'complete' AND most_recent AND task_uuid = ANY ($1::uuid[])`
