// What is left in the database after a run, as the checker reads it: tasks, steps, transitions, audit rows and messages.
import type { Queryable } from '../../src/postgres/statement.ts'

export interface Transition {
  readonly id: string
  readonly from: string | null
  readonly to: string
  readonly sortKey: number
  readonly mostRecent: boolean
  /** Why it was given back before it started; null: it was not. */
  readonly released: string | null
  /** The dead worker that it was taken from; null: from none. */
  readonly recoveredFrom: string | null
  /** Of a result transition; null elsewhere. */
  readonly result: TransitionResult | null
}

export interface TransitionResult {
  readonly success: boolean
  readonly retryable: boolean
  readonly errorType: string | null
  /** The run of the handler that gave it; null: the host wrote it. */
  readonly run: string | null
}

export interface StepHistory {
  readonly id: string
  readonly name: string
  readonly attempts: number
  readonly attemptsMax: number
  readonly inProcess: boolean
  readonly processed: boolean
  /** The run in `workflow_steps.results`; null: none is stored, or the host wrote it. */
  readonly storedRun: string | null
  /** By sort key. */
  readonly transitions: readonly Transition[]
  /** The transitions that audit rows name, one for each row. */
  readonly audited: readonly string[]
  /** Messages that told workers of it and left the queue. */
  readonly messages: number
  /** Messages that told orchestration of a result of it, waiting or done. */
  readonly resultMessages: number
}

export interface TaskHistory {
  readonly id: string
  readonly workflow: string
  readonly state: string
  readonly steps: readonly StepHistory[]
}

export interface History {
  readonly tasks: readonly TaskHistory[]
  /** Messages that are still in the queue of the workers. */
  readonly messagesLeft: number
  readonly resultMessagesLeft: number
  readonly rejectedMessages: number
  /** Transitions of no step and audit rows of no transition: no key forbids them to sessions of ours (migration 0018). */
  readonly orphans: number
}

interface StepRow extends Omit<StepHistory, 'id' | 'transitions' | 'audited'> {
  task_id: string
  workflow: string
  state: string
  step_id: string
  /** JSON: the pool gives documents as text. */
  transitions: string
  audited: string[]
}

interface LeftRow {
  messagesLeft: number
  resultMessagesLeft: number
  rejectedMessages: number
  orphans: number
}

export const namespace = 'chaos'
const queue = `worker_${namespace}_queue`
const runPattern = 'run=([0-9a-f-]{36})'

export async function readHistory(database: Queryable): Promise<History> {
  const rows = await database.query<StepRow>({ text: stepsText })
  const [left] = await database.query<LeftRow>({ text: leftText })
  if (left === undefined) throw new Error('a count gives a row')
  const tasks = new Map<string, TaskHistory & { steps: StepHistory[] }>()
  for (const { task_id: id, workflow, state, step_id, transitions, ...step } of rows) {
    const task = tasks.get(id) ?? { id, workflow, state, steps: [] }
    task.steps.push({ ...step, id: step_id, transitions: JSON.parse(transitions) as Transition[] })
    tasks.set(id, task)
  }
  return { ...left, tasks: [...tasks.values()] }
}

export function resultsOf(step: StepHistory): readonly Transition[] {
  return step.transitions.filter(({ result }) => result !== null)
}

/** The transitions that began an attempt which was not given back, in order. */
export function attemptsOf(step: StepHistory): readonly Transition[] {
  return step.transitions.filter(
    ({ to }, place) => to === 'in_progress' && (step.transitions[place + 1]?.released ?? null) === null,
  )
}

export interface Progress {
  /** Results that the database has taken. */
  readonly results: number
  readonly transitions: number
  /** Steps that somebody has yet to do something about; those behind a failed step wait for an operator. */
  readonly open: number
}

export async function readProgress(database: Queryable): Promise<Progress> {
  const [row] = await database.query<Progress>({ text: progressText })
  if (row === undefined) throw new Error('a count gives a row')
  return row
}

const stepsText = `
WITH told AS MATERIALIZED (
  SELECT message ->> 'step_uuid' AS step_id, count(*)::int AS messages FROM pgmq."a_${queue}" GROUP BY 1
), answered AS MATERIALIZED (
  SELECT step_id, count(*)::int AS messages
    FROM (SELECT message ->> 'step_uuid' AS step_id FROM pgmq.a_orchestration_step_results
           UNION ALL SELECT message ->> 'step_uuid' FROM pgmq.q_orchestration_step_results) AS both_tables
   GROUP BY 1
), events AS MATERIALIZED (
  SELECT w.*, (w.metadata ->> 'event')::jsonb -> 'data' AS data FROM tasker.workflow_step_transitions w
)
SELECT k.task_uuid AS task_id, nt.name AS workflow, tt.to_state AS state, s.workflow_step_uuid AS step_id, n.name,
       coalesce(s.attempts, 0) AS attempts, coalesce(s.max_attempts, 3) AS "attemptsMax", s.in_process AS "inProcess", s.processed,
       coalesce(s.results -> 'result' ->> 'run', substring(s.results -> 'error' ->> 'message' FROM '${runPattern}')) AS "storedRun",
       coalesce(h.transitions, '[]') AS transitions,
       ARRAY(SELECT a.workflow_step_transition_uuid::text FROM tasker.workflow_step_result_audit a
              WHERE a.workflow_step_uuid = s.workflow_step_uuid) AS audited,
       coalesce(told.messages, 0) AS messages, coalesce(answered.messages, 0) AS "resultMessages"
  FROM tasker.tasks k
  JOIN tasker.named_tasks nt USING (named_task_uuid)
  JOIN tasker.task_transitions tt ON tt.task_uuid = k.task_uuid AND tt.most_recent
  JOIN tasker.workflow_steps s ON s.task_uuid = k.task_uuid
  JOIN tasker.named_steps n USING (named_step_uuid)
  LEFT JOIN told ON told.step_id = s.workflow_step_uuid::text
  LEFT JOIN answered ON answered.step_id = s.workflow_step_uuid::text
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
             'id', e.workflow_step_transition_uuid, 'from', e.from_state, 'to', e.to_state, 'sortKey', e.sort_key,
             'mostRecent', e.most_recent, 'released', e.metadata ->> 'released', 'recoveredFrom', e.metadata ->> 'recovered_from',
             'result', CASE WHEN e.to_state IN ('enqueued_for_orchestration', 'enqueued_as_error_for_orchestration') THEN jsonb_build_object(
               'success', e.data -> 'success', 'retryable', e.data -> 'metadata' -> 'retryable',
               'errorType', e.data -> 'error' -> 'error_type',
               'run', coalesce(e.data -> 'result' ->> 'run', substring(e.data -> 'error' ->> 'message' FROM '${runPattern}'))) END)
           ORDER BY e.sort_key, e.created_at) AS transitions
      FROM events e WHERE e.workflow_step_uuid = s.workflow_step_uuid
  ) h ON true
 ORDER BY k.task_uuid, s.workflow_step_uuid`

const leftText = `
SELECT (SELECT count(*)::int FROM pgmq."q_${queue}") AS "messagesLeft",
       (SELECT count(*)::int FROM pgmq.q_orchestration_step_results) AS "resultMessagesLeft",
       (SELECT count(*)::int FROM stephost.rejected_messages) AS "rejectedMessages",
       (SELECT count(*)::int FROM tasker.workflow_step_transitions w
         WHERE NOT EXISTS (SELECT FROM tasker.workflow_steps s WHERE s.workflow_step_uuid = w.workflow_step_uuid))
       + (SELECT count(*)::int FROM tasker.workflow_step_result_audit a
           WHERE NOT EXISTS (SELECT FROM tasker.workflow_step_transitions w
                              WHERE w.workflow_step_transition_uuid = a.workflow_step_transition_uuid)) AS orphans`

const progressText = `
WITH current AS MATERIALIZED (
  SELECT s.task_uuid, w.to_state
    FROM tasker.workflow_steps s
    JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
)
SELECT (SELECT count(*)::int FROM tasker.workflow_step_result_audit) AS results,
       (SELECT count(*)::int FROM tasker.workflow_step_transitions) AS transitions,
       (SELECT count(*)::int FROM current c
         WHERE c.to_state NOT IN ('complete', 'error')
           AND NOT (c.to_state IN ('pending', 'waiting_for_retry')
                    AND EXISTS (SELECT FROM current failed WHERE failed.task_uuid = c.task_uuid AND failed.to_state = 'error')))
       + (SELECT count(*)::int FROM tasker.task_transitions
           WHERE most_recent AND to_state NOT IN ('complete', 'error', 'blocked_by_failures'))
       + (SELECT count(*)::int FROM pgmq."q_${queue}") + (SELECT count(*)::int FROM pgmq.q_orchestration_step_results) AS open`
