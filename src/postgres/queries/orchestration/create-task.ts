// Writes a task with its steps, edges and first transitions; the number of statements does not depend on the number of steps.

import type { TaskId } from '../../../model/ids.ts'
import { toJsonText } from '../../../model/json-text.ts'
import type { NewTask, NewTaskAnswer } from '../../../model/orchestration-store.ts'
import type { Queryable } from '../../statement.ts'

/**
 * Must run in a transaction; the task is `pending` afterwards. The identity is SHA-256 over template and the caller's key, or without one the normalised context: jsonb has one
 * text for all spellings of a document, so key order and blanks do not matter.
 */
export async function insertTask(transaction: Queryable, task: NewTask): Promise<NewTaskAnswer> {
  const { request, template } = task
  const [row] = await transaction.query<{ task_uuid: TaskId | null; problem: string | null }>({
    name: 'insert-task',
    text: taskText,
    values: [
      template.namedTaskId,
      request.context,
      request.freshIdentity ||
        (template.identityStrategy === 'always_unique' && (request.idempotencyKey ?? null) === null),
      request.initiator,
      request.sourceSystem,
      request.reason,
      toJsonText(request.tags),
      request.priority ?? 0,
      request.correlationId,
      request.parentCorrelationId,
      request.idempotencyKey ?? null,
    ],
  })
  if (row === undefined || row.problem !== null) {
    return { status: 'invalid', reason: `context cannot be stored: ${row?.problem ?? 'unknown'}` }
  }
  if (row.task_uuid === null) return { status: 'duplicate' }
  await transaction.query({
    name: 'insert-named-steps',
    text: namedStepsText,
    values: [task.steps.map((step) => step.name)],
  })
  await transaction.query({ name: 'insert-workflow', text: workflowText, values: workflowValues(row.task_uuid, task) })
  return { status: 'created', taskId: row.task_uuid }
}

function workflowValues(taskId: TaskId, { steps, warning }: NewTask): readonly unknown[] {
  const edges = steps.flatMap((step) => step.dependencies.map((parent) => ({ parent, child: step.name })))
  return [
    taskId,
    steps.map((step) => step.name),
    steps.map((step) => step.retryable),
    steps.map((step) => step.attemptsMax),
    steps.map((step) => step.initialization),
    edges.map((edge) => edge.parent),
    edges.map((edge) => edge.child),
    warning?.slice(0, 2_000) ?? null,
  ]
}

// The materialized row keeps the planner from casting the parameter while it plans, which would raise before the test is asked.
const taskText = `
WITH given AS MATERIALIZED (SELECT $2::text AS context),
checked AS MATERIALIZED (
  SELECT CASE WHEN pg_input_is_valid(g.context, 'jsonb') THEN g.context::jsonb END AS context,
         (SELECT concat_ws(': ', i.message, i.detail) FROM pg_input_error_info(g.context, 'jsonb') i WHERE i.message IS NOT NULL) AS problem
    FROM given g
), inserted AS (
  INSERT INTO tasker.tasks
         (named_task_uuid, complete, requested_at, initiator, source_system, reason, tags, context, identity_hash,
          priority, correlation_id, parent_correlation_id, created_at, updated_at)
  SELECT $1::uuid, false, now(), $4::text, $5::text, $6::text, $7::jsonb, c.context,
         encode(sha256(convert_to(CASE WHEN $3::bool THEN gen_random_uuid()::text WHEN $11::text IS NOT NULL THEN $1::uuid || ':key:' || $11::text
                                       ELSE $1::uuid || ':' || c.context::text END, 'UTF8')), 'hex'),
         $8::int, coalesce($9::uuid, uuidv7()), $10::uuid, now(), now()
    FROM checked c WHERE c.problem IS NULL
  ON CONFLICT (identity_hash) DO NOTHING
  RETURNING task_uuid
)
SELECT c.problem, (SELECT task_uuid FROM inserted) AS task_uuid FROM checked c`

// Step names are shared by all templates. Sorted, so that two creations of one new template cannot wait for each other in a ring.
export const namedStepsText = `
INSERT INTO tasker.named_steps (name, description, created_at, updated_at)
SELECT n, 'Step ' || n, now(), now()
  FROM unnest($1::text[]) AS n
 WHERE NOT EXISTS (SELECT FROM tasker.named_steps s WHERE s.name = n)
 ORDER BY n
ON CONFLICT (name) DO NOTHING`

const workflowText = `
WITH placed AS (
  INSERT INTO tasker.workflow_steps
         (task_uuid, named_step_uuid, retryable, max_attempts, in_process, processed, inputs, created_at, updated_at)
  SELECT $1::uuid, n.named_step_uuid, w.retryable, w.attempts_max, false, false, w.inputs::jsonb, now(), now()
    FROM unnest($2::text[], $3::bool[], $4::int[], $5::text[]) WITH ORDINALITY AS w(name, retryable, attempts_max, inputs, position)
    JOIN tasker.named_steps n ON n.name = w.name
   ORDER BY w.position
  RETURNING workflow_step_uuid, named_step_uuid
), steps AS (
  SELECT p.workflow_step_uuid, n.name FROM placed p JOIN tasker.named_steps n USING (named_step_uuid)
), edges AS (
  INSERT INTO tasker.workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
  SELECT DISTINCT parent.workflow_step_uuid, child.workflow_step_uuid, 'provides', now(), now()
    FROM unnest($6::text[], $7::text[]) AS e(parent, child)
    JOIN steps parent ON parent.name = e.parent
    JOIN steps child ON child.name = e.child
), history AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT workflow_step_uuid, 'pending', NULL,
         jsonb_build_object('initial_state', 'pending', 'from_service', 'task_initializer'), 1, true, now(), now()
    FROM steps
)
INSERT INTO tasker.task_transitions
       (task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
VALUES ($1::uuid, 'pending', NULL,
        jsonb_strip_nulls(jsonb_build_object('initial_state', 'pending', 'from_service', 'task_initializer', 'warning', $8::text)), 1, true, now(), now())`
