// Reads tasks and steps as clients see them; documents stay text.

import type { StepId, TaskId } from '../../../model/ids.ts'
import type { StepProgress, StepView, TaskProgress, TaskView } from '../../../model/task.ts'
import type { TaskState } from '../../../model/task-state.ts'
import type { Queryable } from '../../statement.ts'
import { readyWhere, rfc3339, stepReadiness } from './step-readiness.ts'
import { type CountsRow, clientCounts, stepCounts } from './task-counts.ts'

const uuidPattern = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

export type TaskRow = Omit<TaskView, 'counts' | 'steps'> & CountsRow

/** null: there is no such task. */
export async function taskView(database: Queryable, taskId: string): Promise<TaskView | null> {
  if (!uuidPattern.test(taskId)) return null
  const [row] = await database.query<TaskRow>({ name: 'task-view', text: taskText, values: [taskId] })
  if (row === undefined) return null
  return { ...taskOf(row), steps: await stepViews(database, taskId) }
}

export function taskOf(row: TaskRow): Omit<TaskView, 'steps'> {
  const { taskId: id, namespace, name, version, state, createdAt, updatedAt, completedAt, context } = row
  const { initiator, sourceSystem, reason, priority, tags, correlationId, parentCorrelationId } = row
  return {
    ...{ taskId: id, namespace, name, version, state, createdAt, updatedAt, completedAt, context },
    ...{ initiator, sourceSystem, reason, priority, tags, correlationId, parentCorrelationId },
    counts: stepCounts(row),
  }
}

/** In the order in which the steps were created; empty for an unknown task. */
export async function stepViews(database: Queryable, taskId: string): Promise<readonly StepView[]> {
  if (!uuidPattern.test(taskId)) return []
  return database.query<StepView>({ name: 'step-views', text: stepsText, values: [taskId] })
}

/** null: there is no such step. */
export async function stepView(database: Queryable, stepId: string): Promise<StepView | null> {
  if (!uuidPattern.test(stepId)) return null
  const [row] = await database.query<StepView>({ name: 'step-view', text: stepText, values: [stepId] })
  return row ?? null
}

interface ProgressRow extends Omit<StepProgress, 'stepId'> {
  readonly taskId: TaskId
  readonly taskState: TaskState
  readonly stepId: StepId | null
}

/** One statement without documents, to be asked again and again. null: there is no such task. */
export async function taskProgress(database: Queryable, taskId: string): Promise<TaskProgress | null> {
  if (!uuidPattern.test(taskId)) return null
  const rows = await database.query<ProgressRow>({ name: 'task-progress', text: progressText, values: [taskId] })
  const [first] = rows
  if (first === undefined) return null
  const steps = rows.flatMap(({ taskId: _task, taskState: _state, stepId, ...step }) =>
    stepId === null ? [] : [{ stepId, ...step }],
  )
  return { taskId: first.taskId, state: first.taskState, steps }
}

/** The columns of a row, under the names of the view and checked against its type. */
function columns<View>(of: { readonly [Name in keyof View]: string }): string {
  return Object.entries(of)
    .map(([name, expression]) => `${expression} AS "${name}"`)
    .join(',\n       ')
}

/** SQL: tasks `t` with template `nt`, namespace `ns`, state `tt` and counts `c`; a WHERE may follow. */
export const tasksText = `
SELECT ${columns<Omit<TaskView, 'counts' | 'steps'>>({
  taskId: 't.task_uuid',
  namespace: 'ns.name',
  name: 'nt.name',
  version: 'nt.version',
  state: `coalesce(tt.to_state, 'pending')`,
  createdAt: rfc3339('t.created_at'),
  updatedAt: rfc3339('greatest(t.updated_at, tt.created_at)'),
  completedAt: rfc3339('t.completed_at'),
  context: `coalesce(t.context, '{}')`,
  initiator: `coalesce(t.initiator, 'unknown')`,
  sourceSystem: `coalesce(t.source_system, 'unknown')`,
  reason: 't.reason',
  priority: 't.priority',
  tags: `CASE jsonb_typeof(t.tags) WHEN 'array' THEN t.tags END`,
  correlationId: 't.correlation_id',
  parentCorrelationId: 't.parent_correlation_id',
})},
       ${clientCounts.columns}
  FROM tasker.tasks t
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
  JOIN tasker.task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN tasker.task_transitions tt ON tt.task_uuid = t.task_uuid AND tt.most_recent
  ${clientCounts.join}`

const taskText = `${tasksText}
 WHERE t.task_uuid = $1::uuid`

/**
 * SQL: of one task, the callables by step of its template, and its steps `s` that a condition chooses. Worked out once: looked up for each step,
 * it would be quadratic. The steps are chosen before anything is joined to them: what the rest seems to cost while the tables are young is so much
 * that reading all steps in order looks no dearer.
 */
const stepsOf = (task: string, chosen: string) => `
WITH template AS MATERIALIZED (
  SELECT t.task_uuid,
         (SELECT jsonb_object_agg(d ->> 'name', d #> '{handler,callable}')
            FROM jsonb_array_elements(CASE WHEN jsonb_typeof(nt.configuration -> 'steps') = 'array' THEN nt.configuration -> 'steps' ELSE '[]' END) d
           WHERE d ->> 'name' IS NOT NULL) AS callables
    FROM tasker.tasks t JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
   WHERE t.task_uuid = ${task}
), s AS MATERIALIZED (
  SELECT * FROM tasker.workflow_steps WHERE ${chosen}
)`

const progressColumns = {
  name: 'n.name',
  callable: `template.callables ->> coalesce(s.inputs ->> '__template_step_name', n.name)`,
  state: 'r.state',
  attempts: 'r.attempts',
  attemptsMax: 'r.attempts_max',
  startedAt: rfc3339('h.started_at'),
  finishedAt: rfc3339('CASE WHEN h.finished_at >= h.started_at THEN h.finished_at END'),
  runtime: `s.results #>> '{metadata,context,runtime}'`,
  nextRetryAt: rfc3339(`CASE WHEN r.state = 'waiting_for_retry' THEN r.next_retry_at END`),
} as const

const stepSources = `
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  ${stepReadiness}
  CROSS JOIN LATERAL (
    SELECT max(w.created_at) FILTER (WHERE w.to_state = 'in_progress') AS started_at,
           max(w.created_at) FILTER (WHERE w.to_state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')) AS finished_at,
           max(w.created_at) FILTER (WHERE w.to_state = 'error') AS failed_at
      FROM tasker.workflow_step_transitions w WHERE w.workflow_step_uuid = s.workflow_step_uuid
  ) h`

/** As scalar subqueries, each parent is looked up by its key. Joined, while the tables are young, PostgreSQL looks for each step at the steps of all tasks. */
const parents = `
  CROSS JOIN LATERAL (
    SELECT count(*)::int AS total,
           (count(*) FILTER (WHERE (SELECT p.to_state FROM tasker.workflow_step_transitions p
                                     WHERE p.workflow_step_uuid = e.from_step_uuid AND p.most_recent) IN ('complete', 'resolved_manually')))::int AS completed
      FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = s.workflow_step_uuid
  ) parents`

const noOpenParent = 'parents.completed = parents.total'

const stepColumnsText = `
SELECT ${columns<StepView>({
  stepId: 's.workflow_step_uuid',
  taskId: 's.task_uuid',
  namedStepId: 's.named_step_uuid',
  ...progressColumns,
  createdAt: rfc3339('s.created_at'),
  updatedAt: rfc3339('s.updated_at'),
  completedAt: rfc3339('s.processed_at'),
  results: 's.results',
  result: `CASE WHEN s.results -> 'success' = 'true' THEN s.results -> 'result' END`,
  error: `CASE jsonb_typeof(s.results -> 'error') WHEN 'object' THEN s.results -> 'error' END`,
  dependenciesSatisfied: noOpenParent,
  retryEligible: 'r.retry_eligible',
  ready: `(${readyWhere(noOpenParent).trim()})`,
  totalParents: 'parents.total',
  completedParents: 'parents.completed',
  backoffRequestS: 's.backoff_request_seconds',
  lastFailureAt: rfc3339('h.failed_at'),
  nextRetryAt: rfc3339('r.next_retry_at'),
  lastAttemptedAt: rfc3339('s.last_attempted_at'),
})}
  FROM template CROSS JOIN s
  ${stepSources}${parents}`

const ofTask = stepsOf('$1::uuid', 'task_uuid = $1::uuid')
const stepsText = `${ofTask}${stepColumnsText}
 ORDER BY s.workflow_step_uuid`

const taskOfStep = '(SELECT task_uuid FROM tasker.workflow_steps WHERE workflow_step_uuid = $1::uuid)'
const stepText = `${stepsOf(taskOfStep, 'workflow_step_uuid = $1::uuid')}${stepColumnsText}`

const progressText = `${ofTask}
SELECT t.task_uuid AS "taskId", coalesce(tt.to_state, 'pending') AS "taskState", step.*
  FROM template
  JOIN tasker.tasks t ON t.task_uuid = template.task_uuid
  LEFT JOIN tasker.task_transitions tt ON tt.task_uuid = t.task_uuid AND tt.most_recent
  LEFT JOIN LATERAL (
    SELECT ${columns<StepProgress>({ stepId: 's.workflow_step_uuid', ...progressColumns })}
      FROM s ${stepSources}
  ) step ON true
 ORDER BY step."stepId"`
