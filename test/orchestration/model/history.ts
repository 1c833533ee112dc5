// What a schedule left in the database, as the checker reads it. All transitions are numbered in the order in which they were written.
import type { Queryable } from '../../../src/postgres/statement.ts'

export interface Transition {
  /** Of tasks and steps together. */
  readonly order: number
  readonly from: string | null
  readonly to: string
  readonly sortKey: number
  readonly mostRecent: boolean
  /** The type of the event; null for tasks, whose events are free text. */
  readonly event: string | null
  /** It was given back before it started. */
  readonly released: boolean
  /** It was taken from a dead worker. */
  readonly recovered: boolean
  /** It was a wait for a retry, and says that it is over. */
  readonly waited: boolean
  /** The states that a history of end states passes over on the way; null: none. */
  readonly passed?: readonly string[] | null
}

export interface StepHistory {
  readonly id: string
  readonly name: string
  readonly attempts: number
  readonly attemptsMax: number
  readonly retryable: boolean
  readonly inProcess: boolean
  readonly processed: boolean
  /** The steps that its edges lead from. */
  readonly parents: readonly string[]
  /** By sort key. */
  readonly transitions: readonly Transition[]
}

export interface TaskHistory {
  readonly id: string
  /** Of its template. */
  readonly name: string
  readonly complete: boolean
  readonly transitions: readonly Transition[]
  readonly steps: readonly StepHistory[]
}

export interface History {
  readonly tasks: readonly TaskHistory[]
  readonly resultMessagesLeft: number
  readonly rejectedMessages: number
}

/** Once per database: both tables number their rows from one sequence, which no order of clocks or ids can replace. */
export async function numberTransitions(database: Queryable): Promise<void> {
  await database.query({
    text: `CREATE SEQUENCE public.model_order;
           ALTER TABLE tasker.task_transitions ADD COLUMN model_order bigint DEFAULT nextval('public.model_order');
           ALTER TABLE tasker.workflow_step_transitions ADD COLUMN model_order bigint DEFAULT nextval('public.model_order')`,
  })
}

export async function readHistory(database: Queryable): Promise<History> {
  const tasks = await database.query<{ task: string }>({ name: 'model-history', text: tasksText })
  const [left] = await database.query<Omit<History, 'tasks'>>({ name: 'model-left', text: leftText })
  if (left === undefined) throw new Error('a count gives a row')
  return { ...left, tasks: tasks.map(({ task }) => JSON.parse(task) as TaskHistory) }
}

/** A history of end states as the full one that it stands for: with the states that were passed, and `pending` where everything begins. */
export function unfolded(history: History): History {
  const tasks = history.tasks.map((task) => ({
    ...task,
    transitions: unfoldedChain(task.transitions),
    steps: task.steps.map((step) => {
      const { transitions } = step
      return { ...step, transitions: transitions.length === 0 ? [unmoved] : unfoldedChain(transitions) }
    }),
  }))
  return { ...history, tasks }
}

const unmoved: Transition = {
  ...{
    order: 0.1,
    from: null,
    to: 'pending',
    sortKey: 1,
    mostRecent: true,
    event: null,
    released: false,
    recovered: false,
    waited: false,
  },
}

/** What comes between two rows is put between their places; what is written keeps its own sort key's distance to its place, so that a gap stays one. */
function unfoldedChain(transitions: readonly Transition[]): readonly Transition[] {
  const all: Transition[] = []
  const add = (row: Transition, from: string | null, to: string, order: number) =>
    all.push({ ...row, from, to, order, event: null, mostRecent: false, sortKey: all.length + 1 })
  for (const [place, row] of transitions.entries()) {
    const passed = row.passed ?? []
    const gap = row.sortKey - (place + 1)
    if (place === 0 && row.from !== null) add(row, null, row.from, row.order - 0.9)
    let from = row.from
    for (const [index, to] of passed.entries()) {
      add(row, from, to, row.order - 0.8 + (0.8 * index) / passed.length)
      from = to
    }
    all.push({ ...row, from, sortKey: all.length + 1 + gap })
  }
  return all
}

/** How many things somebody has yet to do something about; those behind a failed or cancelled step wait for an operator. */
export async function readOpen(database: Queryable): Promise<number> {
  const [row] = await database.query<{ open: number }>({ name: 'model-open', text: openText })
  if (row === undefined) throw new Error('a count gives a row')
  return row.open
}

function transitionsOf(table: string, key: string, event: string): string {
  return `coalesce((SELECT jsonb_agg(jsonb_build_object(
      'order', w.model_order, 'from', w.from_state, 'to', w.to_state, 'sortKey', w.sort_key, 'mostRecent', w.most_recent,
      'event', ${event}, 'released', coalesce(w.metadata ? 'released', false), 'recovered', coalesce(w.metadata ? 'recovered_from', false),
      'waited', coalesce(w.metadata ? 'waited', false),
      'passed', w.metadata -> 'passed')
      ORDER BY w.sort_key, w.model_order) FROM tasker.${table} w WHERE w.${key}), '[]')`
}

const tasksText = `
SELECT jsonb_build_object('id', t.task_uuid, 'name', nt.name, 'complete', t.complete,
         'transitions', ${transitionsOf('task_transitions', 'task_uuid = t.task_uuid', 'NULL')},
         'steps', (SELECT coalesce(jsonb_agg(jsonb_build_object(
             'id', s.workflow_step_uuid, 'name', n.name, 'attempts', coalesce(s.attempts, 0), 'attemptsMax', coalesce(s.max_attempts, 3),
             'retryable', s.retryable, 'inProcess', s.in_process, 'processed', s.processed,
             'parents', coalesce((SELECT jsonb_agg(e.from_step_uuid) FROM tasker.workflow_step_edges e WHERE e.to_step_uuid = s.workflow_step_uuid), '[]'),
             'transitions', ${transitionsOf(
               'workflow_step_transitions',
               'workflow_step_uuid = s.workflow_step_uuid',
               `CASE WHEN w.metadata ->> 'event' IS JSON OBJECT THEN (w.metadata ->> 'event')::jsonb ->> 'type' END`,
             )}) ORDER BY s.workflow_step_uuid), '[]')
             FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid) WHERE s.task_uuid = t.task_uuid))::text AS task
  FROM tasker.tasks t JOIN tasker.named_tasks nt USING (named_task_uuid)
 ORDER BY t.task_uuid`

const leftText = `
SELECT (SELECT count(*)::int FROM pgmq.q_orchestration_step_results) AS "resultMessagesLeft",
       (SELECT count(*)::int FROM stephost.rejected_messages) AS "rejectedMessages"`

const openText = `
SELECT (SELECT count(*)::int FROM tasker.workflow_steps s
          JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
          JOIN tasker.task_transitions tt ON tt.task_uuid = s.task_uuid AND tt.most_recent
         WHERE w.to_state IN ('enqueued', 'in_progress', 'enqueued_for_orchestration', 'enqueued_as_error_for_orchestration')
            OR w.to_state = 'waiting_for_retry' AND tt.to_state NOT IN ('blocked_by_failures', 'error'))
     + (SELECT count(*)::int FROM tasker.task_transitions
         WHERE most_recent AND to_state NOT IN ('complete', 'error', 'blocked_by_failures', 'cancelled', 'resolved_manually', 'waiting_for_dependencies'))
     + (SELECT count(*)::int FROM pgmq.q_orchestration_step_results)
     + (SELECT count(*)::int FROM pgmq.q_worker_shop_queue) AS open`
