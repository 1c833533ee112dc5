// Diamonds whose branches are all handed in by one commit, under two orchestrators: each must be joined exactly once.
import type { TaskTemplate } from '../../../src/model/template.ts'
import { backoffDefaults } from '../../../src/orchestration/backoff.ts'
import { Orchestrator } from '../../../src/orchestration/orchestrator.ts'
import { Database } from '../../../src/postgres/database.ts'
import { orchestrationStore } from '../../../src/postgres/queries/orchestration/orchestration-store.ts'
import type { Queryable } from '../../../src/postgres/statement.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { claimAll, completeAll } from './bulk-worker.ts'
import { plannedStep, templateOf } from './plan.ts'
import { taskRequest } from './schedule-run.ts'

export interface DiamondOptions {
  readonly joins: number
  readonly abort?: AbortSignal
}

const widths = [2, 3, 5, 8, 13, 20]
/** Diamonds that are open at a time. */
const atOnceMax = 60
const settleMaxMs = 120_000

export interface Diamonds {
  readonly joins: number
  readonly problems: readonly string[]
}

/** `url`: of a migrated database that nobody else uses. */
export async function joinDiamonds(url: string, { joins, abort }: DiamondOptions): Promise<Diamonds> {
  const database = new Database({
    url,
    applicationName: 'diamonds',
    connectionsMax: 12,
    byKey: true,
    acquireTimeoutMs: 30_000,
  })
  await database.start()
  const problems: string[] = []
  const orchestrators = [0, 1].map(() => orchestratorOn(database, problems))
  try {
    await orchestrationStore(database).registerTemplates(widths.map(diamond))
    await Promise.all(orchestrators.map((orchestrator) => orchestrator.start()))
    let joined = 0
    while (joined < joins && problems.length === 0 && abort?.aborted !== true) {
      const count = Math.min(atOnceMax, joins - joined)
      problems.push(...(await round(database, orchestrators, count, joined)))
      joined += count
    }
    return { joins: joined, problems }
  } finally {
    await Promise.all(orchestrators.map((orchestrator) => orchestrator.stop()))
    await database.stop()
  }
}

async function round(
  database: Database,
  orchestrators: readonly Orchestrator[],
  count: number,
  before: number,
): Promise<readonly string[]> {
  const created = Array.from({ length: count }, (_, i) =>
    orchestrators[i % 2]?.createTask(taskRequest(`diamond_${widths[(before + i) % widths.length]}`)),
  )
  const taskIds = (await Promise.all(created)).flatMap((task) => task?.taskId ?? [])
  await eventually(
    'the diamonds are joined',
    async () => {
      const steps = await claimAll(database)
      if (steps.length > 0) await completeAll(database, steps)
      return (await openTasks(database, taskIds)) === 0
    },
    settleMaxMs,
  )
  return joinProblems(database, taskIds)
}

async function openTasks(database: Queryable, taskIds: readonly string[]): Promise<number> {
  const [row] = await database.query<{ open: number }>({
    name: 'open-diamonds',
    text: `SELECT count(*)::int AS open FROM tasker.task_transitions
            WHERE task_uuid = ANY ($1::uuid[]) AND most_recent AND to_state NOT IN ('complete', 'blocked_by_failures')`,
    values: [taskIds],
  })
  return row?.open ?? 0
}

/** Every step went its one way, once, and the join behind all branches. */
async function joinProblems(database: Queryable, taskIds: readonly string[]): Promise<readonly string[]> {
  const rows = await database.query<{ problem: string }>({
    name: 'diamond-problems',
    text: `
SELECT 'task ' || s.task_uuid || ', step ' || n.name || ': ' || concat_ws(', ', s.attempts || ' attempts', h.way, 'keys ' || h.keys, h.current || ' most recent') AS problem
  FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid)
  CROSS JOIN LATERAL (
    SELECT string_agg(w.to_state, ' ' ORDER BY w.sort_key) AS way, string_agg(w.sort_key::text, ' ' ORDER BY w.sort_key) AS keys,
           count(*) FILTER (WHERE w.most_recent) AS current
      FROM tasker.workflow_step_transitions w WHERE w.workflow_step_uuid = s.workflow_step_uuid) h
 WHERE s.task_uuid = ANY ($1::uuid[])
   AND (s.attempts <> 1 OR h.way <> 'pending enqueued in_progress enqueued_for_orchestration complete' OR h.keys <> '1 2 3 4 5' OR h.current <> 1)
UNION ALL
SELECT 'task ' || task_uuid || ' is ' || to_state FROM tasker.task_transitions
 WHERE task_uuid = ANY ($1::uuid[]) AND most_recent AND to_state <> 'complete'
UNION ALL
SELECT 'task ' || task_uuid || ' has a doubled or missing sort key' FROM tasker.task_transitions
 WHERE task_uuid = ANY ($1::uuid[]) GROUP BY task_uuid HAVING count(*) <> max(sort_key) OR count(DISTINCT sort_key) <> count(*)
 LIMIT 20`,
    values: [taskIds],
  })
  return rows.map(({ problem }) => problem)
}

function orchestratorOn(database: Database, problems: string[]): Orchestrator {
  return new Orchestrator({
    ...{ store: orchestrationStore(database), wakeUps: null, backoff: backoffDefaults, timing: { resultPollMs: 1 } },
    onFault: ({ error }) => problems.push(`a fault: ${error.message}`),
    onWarning: (message) => problems.push(message),
  })
}

function diamond(width: number): TaskTemplate {
  const name = `diamond_${width}`
  const branches = Array.from({ length: width }, (_, i) => plannedStep(`branch_${i}`, { after: ['top'] }))
  return templateOf({
    name,
    steps: [plannedStep('top'), ...branches, plannedStep('join', { after: branches.map((one) => one.name) })],
  })
}
