// Many steps at once for the tests of queues: tasks, steps, states and messages in a few statements.
import type { StepId } from '../../src/model/ids.ts'
import { registerTemplates } from '../../src/postgres/queries/orchestration/register-templates.ts'
import { oneStepTemplate, type StepDatabase } from './step-database.ts'

export interface BulkOptions {
  readonly namespace?: string
  /** A template of that namespace; made, with one step `work`, where it is missing. */
  readonly template?: string
  readonly callable?: string
  readonly priorities?: readonly number[]
  readonly state?: string
  /** False: the steps are enqueued, and no message tells of them. */
  readonly send?: boolean
}

/** Resolves with the steps in the order of their messages. */
export async function enqueueMany(steps: StepDatabase, count: number, options: BulkOptions = {}): Promise<StepId[]> {
  const { namespace = 'shop', template = 'one_step', callable = 'work', priorities = [], state = 'enqueued' } = options
  const made = oneStepTemplate()
  const configuration = made.configuration.replace('"callable":"work"', `"callable":"${callable}"`)
  await registerTemplates(steps.database, [
    { ...made, namespace, name: template, configuration: configuration as typeof made.configuration },
  ])
  const rows = await steps.database.query<{ step_uuid: StepId }>({
    text: `
WITH named_step AS (
  INSERT INTO tasker.named_steps (name, created_at, updated_at) VALUES ('work', now(), now())
  ON CONFLICT (name) DO UPDATE SET updated_at = now() RETURNING named_step_uuid
), given AS MATERIALIZED (
  SELECT place, ($4::int[])[place] AS priority, uuidv7() AS task_uuid, uuidv7() AS step_uuid, gen_random_uuid() AS correlation_id
    FROM generate_series(1, $3::int) AS place
), task AS (
  INSERT INTO tasker.tasks (task_uuid, named_task_uuid, requested_at, context, identity_hash, correlation_id, priority, created_at, updated_at)
  SELECT g.task_uuid, nt.named_task_uuid, now(), '{}', g.task_uuid::text, g.correlation_id, coalesce(g.priority, 0), now(), now()
    FROM given g, tasker.named_tasks nt JOIN tasker.task_namespaces ns USING (task_namespace_uuid)
   WHERE ns.name = $1 AND nt.name = $2
), step AS (
  INSERT INTO tasker.workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at, updated_at)
  SELECT g.step_uuid, g.task_uuid, n.named_step_uuid, now(), now() FROM given g, named_step n
), state AS (
  INSERT INTO tasker.workflow_step_transitions (workflow_step_uuid, to_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT g.step_uuid, $5, '{}', 1, true, now(), now() FROM given g
), sent AS MATERIALIZED (
  SELECT pgmq.send_batch($6, array_agg(jsonb_build_object('task_uuid', task_uuid, 'step_uuid', step_uuid, 'correlation_id', correlation_id)
                                       ORDER BY place)) FROM given WHERE $7 HAVING count(*) > 0
)
SELECT step_uuid FROM given, (SELECT count(*) FROM sent) AS messages ORDER BY place`,
    values: [namespace, template, count, priorities, state, `worker_${namespace}_queue`, options.send ?? true],
  })
  return rows.map((row) => row.step_uuid)
}

export async function sendMany(
  steps: StepDatabase,
  messages: readonly string[],
  queue = 'worker_shop_queue',
): Promise<void> {
  await steps.database.query({ text: 'SELECT pgmq.send_batch($1, $2::jsonb[])', values: [queue, messages] })
}

/** How many of these steps are in each state. */
export async function stateCounts(steps: StepDatabase, ids: readonly StepId[]): Promise<Record<string, number>> {
  const rows = await steps.database.query<{ to_state: string; count: number }>({
    text: `SELECT to_state, count(*)::int AS count FROM tasker.workflow_step_transitions
            WHERE workflow_step_uuid = ANY ($1) AND most_recent GROUP BY to_state`,
    values: [ids],
  })
  return Object.fromEntries(rows.map(({ to_state, count }) => [to_state, count]))
}
