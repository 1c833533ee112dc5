// Many tasks of one step, enqueued at one moment, as orchestration would have left them for the workers.
import type { Queryable } from '../../src/postgres/statement.ts'
import { namespace } from './history.ts'
import type { Accepted } from './history-check.ts'

/** The template must be registered: workers do it when they start. */
export async function preloadSteps(
  database: Queryable,
  options: { readonly workflow: string; readonly step: string; readonly count: number; readonly context: object },
): Promise<readonly Accepted[]> {
  await database.query({
    text: `INSERT INTO tasker.named_steps (name, created_at, updated_at) VALUES ($1, now(), now()) ON CONFLICT (name) DO NOTHING`,
    values: [options.step],
  })
  const rows = await database.query<{ task_uuid: string }>({
    text: preloadText,
    values: [options.workflow, options.step, options.count, JSON.stringify(options.context)],
  })
  return rows.map(({ task_uuid: taskId }) => ({ taskId, steps: 1 }))
}

const preloadText = `
WITH task AS (
  INSERT INTO tasker.tasks (named_task_uuid, requested_at, context, identity_hash, correlation_id, created_at, updated_at)
  SELECT named_task_uuid, now(), $4::jsonb, gen_random_uuid()::text, gen_random_uuid(), now(), now()
    FROM tasker.named_tasks, generate_series(1, $3::int) WHERE name = $1
  RETURNING task_uuid, correlation_id
), task_state AS (
  INSERT INTO tasker.task_transitions (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)
  SELECT task_uuid, 'steps_in_process', 1, true, now(), now() FROM task
), step AS (
  INSERT INTO tasker.workflow_steps (task_uuid, named_step_uuid, max_attempts, created_at, updated_at)
  SELECT task_uuid, named_step_uuid, 12, now(), now() FROM task, tasker.named_steps WHERE name = $2
  RETURNING workflow_step_uuid, task_uuid
), step_state AS (
  INSERT INTO tasker.workflow_step_transitions (workflow_step_uuid, to_state, from_state, sort_key, most_recent, created_at, updated_at)
  SELECT workflow_step_uuid, move.to_state, move.from_state, move.sort_key, move.sort_key = 2, now(), now()
    FROM step, (VALUES ('pending', NULL, 1), ('enqueued', 'pending', 2)) AS move(to_state, from_state, sort_key)
), sent AS MATERIALIZED (
  SELECT count(*) AS messages FROM (
    SELECT pgmq.send_batch('worker_${namespace}_queue', array_agg(jsonb_build_object(
             'task_uuid', s.task_uuid, 'step_uuid', s.workflow_step_uuid, 'correlation_id', k.correlation_id)))
      FROM step s JOIN task k USING (task_uuid)) AS batch
), woken AS MATERIALIZED (
  SELECT pg_notify('pgmq_message_ready.${namespace}', '{"event_type":"wake_up"}') FROM sent WHERE messages > 0
)
SELECT task_uuid FROM task, (SELECT count(*) FROM woken) AS told`
