// Writes tasks with their steps, edges and first transitions; the number of statements does not depend on how many there are of each.

import type { TaskId } from '../../../model/ids.ts'
import { toJsonText } from '../../../model/json-text.ts'
import type { NewTask, NewTaskAnswer, TransitionHistory } from '../../../model/orchestration-store.ts'
import type { Queryable } from '../../statement.ts'
import { warningText } from './move-tasks.ts'

interface InsertedRow {
  task_uuid: TaskId | null
  problem: string | null
}

interface Created {
  readonly taskId: TaskId
  readonly task: NewTask
}

/**
 * Must run in a transaction; the tasks and their steps are `pending` afterwards, in a history of end states without a transition that says so. The answers are in the order of the tasks. The identity is SHA-256 over template and the
 * caller's key, or without one the normalised context: jsonb has one text for all spellings of a document, so key order and blanks do not matter.
 */
export async function insertTasks(
  transaction: Queryable,
  tasks: readonly NewTask[],
  history: TransitionHistory,
): Promise<readonly NewTaskAnswer[]> {
  const rows = await transaction.query<InsertedRow>({
    name: 'insert-tasks',
    text: tasksText,
    values: taskColumns(tasks),
  })
  const created = tasks.flatMap((task, index) => {
    const taskId = rows[index]?.task_uuid ?? null
    return taskId === null ? [] : [{ taskId, task }]
  })
  const names = [...new Set(created.flatMap(({ task }) => task.steps.map((step) => step.name)))]
  if (names.length > 0) {
    await transaction.query({ name: 'insert-named-steps', text: namedStepsText, values: [names] })
  }
  if (created.length > 0) {
    await transaction.query({
      name: 'insert-workflows',
      text: workflowsText,
      values: workflowColumns(created, history),
    })
  }
  return rows.map(answerOf)
}

function answerOf({ task_uuid: taskId, problem }: InsertedRow): NewTaskAnswer {
  if (problem !== null) return { status: 'invalid', reason: `context cannot be stored: ${problem}` }
  return taskId === null ? { status: 'duplicate' } : { status: 'created', taskId }
}

/** One array per column. */
function taskColumns(tasks: readonly NewTask[]): readonly unknown[] {
  return [
    tasks.map(({ template }) => template.namedTaskId),
    tasks.map(({ request }) => request.context),
    tasks.map(({ template, request }) => {
      const withoutKey = (request.idempotencyKey ?? null) === null
      return request.freshIdentity || (template.identityStrategy === 'always_unique' && withoutKey)
    }),
    tasks.map(({ request }) => request.initiator),
    tasks.map(({ request }) => request.sourceSystem),
    tasks.map(({ request }) => request.reason),
    tasks.map(({ request }) => toJsonText(request.tags)),
    tasks.map(({ request }) => request.priority ?? 0),
    tasks.map(({ request }) => request.correlationId),
    tasks.map(({ request }) => request.parentCorrelationId),
    tasks.map(({ request }) => request.idempotencyKey ?? null),
  ]
}

/** Edges name their steps by their places among all steps of the statement, from 1 on: no join looks for them. */
function workflowColumns(created: readonly Created[], history: TransitionHistory): readonly unknown[] {
  const steps = created.flatMap(({ taskId, task }) => task.steps.map((step) => ({ taskId, step })))
  const edges: { parent: number; child: number }[] = []
  let before = 0
  for (const { task } of created) {
    const places = new Map(task.steps.map((step, index) => [step.name, before + index + 1]))
    task.steps.forEach((step, index) => {
      for (const name of new Set(step.dependencies)) {
        const parent = places.get(name)
        if (parent !== undefined) edges.push({ parent, child: before + index + 1 })
      }
    })
    before += task.steps.length
  }
  return [
    steps.map(({ taskId }) => taskId),
    steps.map(({ step }) => step.name),
    steps.map(({ step }) => step.retryable),
    steps.map(({ step }) => step.attemptsMax),
    steps.map(({ step }) => step.initialization),
    edges.map(({ parent }) => parent),
    edges.map(({ child }) => child),
    created.map(({ taskId }) => taskId),
    created.map(({ task }) => warningText(task.warning)),
    history === 'full',
  ]
}

// The materialized rows keep the planner from casting a parameter while it plans, which would raise before the test is asked. Identities are
// inserted in their order, so that two creations of the same tasks cannot wait for each other in a ring.
const tasksText = `
WITH given AS MATERIALIZED (
  SELECT uuidv7() AS task_uuid, g.*
    FROM unnest($1::uuid[], $2::text[], $3::bool[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::uuid[], $10::uuid[], $11::text[])
         WITH ORDINALITY AS g(named_task, context, fresh, initiator, source_system, reason, tags, priority, correlation, parent_correlation, key, place)
), checked AS MATERIALIZED (
  SELECT g.*, CASE WHEN pg_input_is_valid(g.context, 'jsonb') THEN g.context::jsonb END AS document,
         (SELECT concat_ws(': ', i.message, i.detail) FROM pg_input_error_info(g.context, 'jsonb') i WHERE i.message IS NOT NULL) AS problem
    FROM given g
), identified AS MATERIALIZED (
  SELECT c.*, encode(sha256(convert_to(CASE WHEN c.fresh THEN gen_random_uuid()::text WHEN c.key IS NOT NULL THEN c.named_task || ':key:' || c.key
                                            ELSE c.named_task || ':' || c.document::text END, 'UTF8')), 'hex') AS identity
    FROM checked c WHERE c.problem IS NULL
), inserted AS (
  INSERT INTO tasker.tasks
         (task_uuid, named_task_uuid, complete, requested_at, initiator, source_system, reason, tags, context, identity_hash,
          priority, correlation_id, parent_correlation_id, created_at, updated_at)
  SELECT i.task_uuid, i.named_task, false, now(), i.initiator, i.source_system, i.reason, i.tags::jsonb, i.document, i.identity,
         i.priority, coalesce(i.correlation, uuidv7()), i.parent_correlation, now(), now()
    FROM identified i ORDER BY i.identity, i.place
  ON CONFLICT (identity_hash) DO NOTHING
  RETURNING task_uuid
)
SELECT c.problem, i.task_uuid FROM checked c LEFT JOIN inserted i USING (task_uuid) ORDER BY c.place`

// Step names are shared by all templates. Sorted, so that two creations of one new template cannot wait for each other in a ring.
export const namedStepsText = `
INSERT INTO tasker.named_steps (name, description, created_at, updated_at)
SELECT n, 'Step ' || n, now(), now()
  FROM unnest($1::text[]) AS n
 WHERE NOT EXISTS (SELECT FROM tasker.named_steps s WHERE s.name = n)
 ORDER BY n
ON CONFLICT (name) DO NOTHING`

const workflowsText = `
WITH given AS MATERIALIZED (
  SELECT uuidv7() AS step_uuid, w.*
    FROM unnest($1::uuid[], $2::text[], $3::bool[], $4::int[], $5::text[])
         WITH ORDINALITY AS w(task_uuid, name, retryable, attempts_max, inputs, place)
), ids AS MATERIALIZED (
  SELECT array_agg(step_uuid ORDER BY place) AS of_place FROM given
), placed AS (
  INSERT INTO tasker.workflow_steps
         (workflow_step_uuid, task_uuid, named_step_uuid, retryable, max_attempts, in_process, processed, inputs, created_at, updated_at)
  SELECT g.step_uuid, g.task_uuid, n.named_step_uuid, g.retryable, g.attempts_max, false, false, g.inputs::jsonb, now(), now()
    FROM given g JOIN tasker.named_steps n ON n.name = g.name
   ORDER BY g.place
), edges AS (
  INSERT INTO tasker.workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
  SELECT ids.of_place[e.parent], ids.of_place[e.child], 'provides', now(), now()
    FROM ids, unnest($6::int[], $7::int[]) AS e(parent, child)
), history AS (
  INSERT INTO tasker.workflow_step_transitions
         (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
  SELECT step_uuid, 'pending', NULL,
         jsonb_build_object('initial_state', 'pending', 'from_service', 'task_initializer'), 1, true, now(), now()
    FROM given WHERE $10::bool ORDER BY place
)
INSERT INTO tasker.task_transitions
       (task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT t.task_uuid, 'pending', NULL,
       jsonb_strip_nulls(jsonb_build_object('initial_state', 'pending', 'from_service', 'task_initializer', 'warning', t.warning)),
       1, true, now(), now()
  FROM unnest($8::uuid[], $9::text[]) AS t(task_uuid, warning) WHERE $10::bool`
