// Prints what a workflow takes on the embedded orchestrator, and how long a step waits for its handler: `npm run bench`.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import { Host } from '../../src/host.ts'
import { openDatabase } from '../../src/host-database.ts'
import type { JsonText } from '../../src/model/json-text.ts'
import type { TaskService } from '../../src/model/task.ts'
import { Database } from '../../src/postgres/database.ts'

const rounds = Number(process.argv[2] ?? 100)
const warmUpRounds = 20
const pollMs = 1
const giveUpMs = 30_000

const silent = { info: () => {}, warn: console.error, error: console.error, handler: () => {} }

/** Resolves with the time from the submission to the first look that sees the end; the look comes every millisecond. */
async function runOnce(tasks: TaskService, name: string, context: string): Promise<{ taskId: string; ms: number }> {
  const startedAt = performance.now()
  const [namespace = '', workflow = ''] = name.split('/')
  const { taskId } = await tasks.createTask({
    namespace,
    name: workflow,
    version: null,
    context: context as JsonText,
    initiator: 'bench',
    sourceSystem: 'bench',
    reason: 'bench',
    tags: [],
    priority: null,
    correlationId: null,
    parentCorrelationId: null,
    freshIdentity: true,
    inputSchema: 'off',
  })
  for (;;) {
    const { state } = await tasks.progress(taskId)
    const ms = performance.now() - startedAt
    if (state === 'complete') return { taskId, ms }
    if (ms > giveUpMs) throw new Error(`${name} ${taskId} is ${state} after ${giveUpMs} ms: no figure`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

async function measure(tasks: TaskService, name: string, context: string): Promise<{ taskId: string; ms: number }[]> {
  for (let round = 0; round < warmUpRounds; round += 1) await runOnce(tasks, name, context)
  const runs: { taskId: string; ms: number }[] = []
  for (let round = 0; round < rounds; round += 1) runs.push(await runOnce(tasks, name, context))
  return runs
}

function print(what: string, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)
  console.log(`${what.padEnd(52)} p50 ${at(0.5)} ms  p95 ${at(0.95)} ms  max ${at(1)} ms  (n=${values.length})`)
}

/** When the step was enqueued: the statement that did it, or the transaction that first created the task. */
const enqueueStarts = { statement: `(t.metadata ->> 'timestamp')::timestamptz`, transaction: 't.created_at' } as const

/** From there to the first line of its handler, by one machine's clock. */
async function startDelays(
  database: Database,
  taskIds: readonly string[],
  start: keyof typeof enqueueStarts,
): Promise<number[]> {
  const rows = await database.query<{ delay_ms: number }>({
    text: `
SELECT ((s.results #>> '{result,started_us}')::float8 - extract(epoch FROM ${enqueueStarts[start]}) * 1e6)::float8 / 1000 AS delay_ms
  FROM tasker.workflow_steps s
  JOIN tasker.workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid AND t.to_state = 'enqueued'
 WHERE s.task_uuid = ANY ($1::uuid[])`,
    values: [taskIds],
  })
  return rows.map((row) => row.delay_ms)
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'stephost-bench-'))
  const config = loadConfig({ environment: { ...process.env, DATABASE_URL: '' } })
  const opened = await openDatabase(config, { dataDir, log: () => {} })
  const handlerRoots = [join(packageRoot(), 'handlers'), join(packageRoot(), 'test/bench/handlers')]
  const parts = { worker: true, orchestrator: true, rest: false }
  const host = new Host({ config, log: silent, handlerRoots, databaseUrl: opened.url, parts, strict: false })
  const database = new Database({
    url: opened.url,
    applicationName: 'bench',
    connectionsMax: 1,
    acquireTimeoutMs: 5_000,
  })
  try {
    await host.start()
    await database.start()
    const order = await readFile(join(packageRoot(), 'handlers/workflows/order.example.json'), 'utf8')
    const runs = await measure(host.tasks, 'shop/process_order', order)
    print(
      'demo workflow, four languages, submit → complete',
      runs.map(({ ms }) => ms),
    )
    for (const language of ['typescript', 'ruby', 'python']) {
      const taskIds = (await measure(host.tasks, `bench/now_${language}`, '{}')).map(({ taskId }) => taskId)
      print(`start of enqueue → start of handler, ${language}`, await startDelays(database, taskIds, 'statement'))
      print(`  with the creation of its task, ${language}`, await startDelays(database, taskIds, 'transaction'))
    }
  } finally {
    await database.stop()
    await host.stop()
    await opened.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

await main()
