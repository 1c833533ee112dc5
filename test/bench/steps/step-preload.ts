// Fills a database with tasks of one step each, as an orchestrator would have left them: every step enqueued, its message waiting.
import { loadTemplates } from '../../../src/config/templates/load-templates.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { registerTemplates } from '../../../src/postgres/queries/orchestration/register-templates.ts'

export const namespace = 'bench'
export const stepQueue = `worker_${namespace}_queue`
const payloadBytes = 256

export interface StepPreload {
  readonly count: number
  /** Taken in turn; the step of a template bears its name. */
  readonly templates: readonly string[]
  readonly roots: readonly string[]
  /** False: the steps are enqueued and their messages are sent later, one by one. */
  readonly messages: boolean
}

export async function preloadSteps(database: Database, preload: StepPreload): Promise<void> {
  const { templates } = loadTemplates({ roots: preload.roots, templatePath: null, strict: true })
  await registerTemplates(
    database,
    templates.map(({ template }) => template),
  )
  await database.transaction(async (transaction) => {
    for (const text of statements(preload.messages)) {
      const isFirst = text === loadedText
      const payload = JSON.stringify({ payload: '' })
      const context = JSON.stringify({ payload: 'x'.repeat(payloadBytes - payload.length) })
      if (isFirst) await transaction.query({ text, values: [preload.count, preload.templates, context] })
      else await transaction.query({ text })
    }
  })
}

function statements(messages: boolean): readonly string[] {
  return [namedStepsText, loadedText, tasksText, taskHistoryText, stepsText, stepHistoryText].concat(
    messages ? [messagesText] : [laterText],
  )
}

const namedStepsText = `
INSERT INTO tasker.named_steps (name, created_at, updated_at)
SELECT name, now(), now() FROM tasker.named_tasks ON CONFLICT (name) DO NOTHING`

const loadedText = `
CREATE TEMP TABLE loaded ON COMMIT DROP AS
SELECT i, uuidv7() AS task_uuid, uuidv7() AS step_uuid, uuidv7() AS correlation_id, t.named_task_uuid, s.named_step_uuid, $3::jsonb AS context
  FROM generate_series(1, $1::int) AS i
  JOIN tasker.named_tasks t ON t.name = ($2::text[])[1 + i % cardinality($2::text[])]
  JOIN tasker.named_steps s ON s.name = t.name
 ORDER BY i`

const tasksText = `
INSERT INTO tasker.tasks (task_uuid, named_task_uuid, requested_at, initiator, source_system, reason, tags, context, identity_hash,
                          correlation_id, created_at, updated_at)
SELECT task_uuid, named_task_uuid, now(), 'bench', 'bench', 'bench', '[]', context,
       encode(sha256(convert_to(task_uuid::text, 'UTF8')), 'hex'), correlation_id, now(), now()
  FROM loaded ORDER BY i`

const taskHistoryText = `
INSERT INTO tasker.task_transitions (task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT l.task_uuid, h.to_state, h.from_state, '{}', h.sort_key, h.to_state = 'steps_in_process', now(), now()
  FROM loaded l,
       (VALUES (1, NULL, 'pending'), (2, 'pending', 'initializing'), (3, 'initializing', 'enqueuing_steps'),
               (4, 'enqueuing_steps', 'steps_in_process')) AS h(sort_key, from_state, to_state)
 ORDER BY l.i, h.sort_key`

const stepsText = `
INSERT INTO tasker.workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, max_attempts, created_at, updated_at)
SELECT step_uuid, task_uuid, named_step_uuid, 3, now(), now() FROM loaded ORDER BY i`

const stepHistoryText = `
INSERT INTO tasker.workflow_step_transitions
       (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT l.step_uuid, h.to_state, h.from_state, '{}', h.sort_key, h.to_state = 'enqueued', now(), now()
  FROM loaded l, (VALUES (1, NULL, 'pending'), (2, 'pending', 'enqueued')) AS h(sort_key, from_state, to_state)
 ORDER BY l.i, h.sort_key`

const messagesText = `
INSERT INTO pgmq.q_${stepQueue} (vt, message)
SELECT now(), jsonb_build_object('task_uuid', task_uuid, 'step_uuid', step_uuid, 'correlation_id', correlation_id)
  FROM loaded ORDER BY i`

// Their messages come later. Whoever looks for enqueued steps that lost theirs must not find them.
const laterText = `
UPDATE tasker.workflow_step_transitions t SET created_at = now() + interval '1 day', updated_at = now() + interval '1 day'
  FROM loaded l WHERE t.workflow_step_uuid = l.step_uuid AND t.most_recent`
