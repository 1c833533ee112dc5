// The documents of handlers are what PostgreSQL itself makes of the same rows.
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  type StepColumns,
  selected,
  stepColumns,
  stepDocument,
  type TaskColumns,
  taskColumns,
  taskDocument,
} from '../../src/postgres/queries/step-documents.ts'
import { openStepDatabase, type StepDatabase } from '../dispatch/step-database.ts'

let steps: StepDatabase
beforeAll(async () => {
  steps = await openStepDatabase()
})
afterAll(() => steps.close())

const taskRow = `(SELECT row_to_json(d) FROM (SELECT
  k.task_uuid, k.named_task_uuid, k.complete, k.requested_at, k.initiator, k.source_system, k.reason, k.tags, k.context, k.identity_hash,
  k.created_at, k.updated_at, k.priority, k.correlation_id, k.parent_correlation_id) AS d)::text`
const stepRow = `(SELECT row_to_json(d) FROM (SELECT
  s.workflow_step_uuid, s.task_uuid, s.named_step_uuid, s.retryable, s.max_attempts, false AS in_process, s.processed, s.processed_at,
  s.attempts, s.last_attempted_at, s.backoff_request_seconds, s.inputs, s.results, s.created_at, s.updated_at, s.checkpoint, n.name,
  n.name || '%s' AS template_step_name) AS d)::text`
const columnsOfStep = stepColumns({
  attempts: 's.attempts',
  last_attempted_at: 's.last_attempted_at',
  step_name: 'n.name',
  template_step: `n.name || '%s'`,
})

const ofTasks: readonly (readonly [string, string])[] = [
  ['a task as it was made', 'priority = priority'],
  [
    'quotes, backslashes, percent signs',
    `initiator = 'a "b" \\ %s %', reason = E'\\u0001\\n\\t', source_system = '%1$s'`,
  ],
  ['characters of all planes', `reason = 'ä 漢 😀'`],
  ['no text at all', `initiator = NULL, source_system = NULL, reason = NULL, tags = NULL, context = NULL`],
  ['exact numbers', `context = '{"n": 12345678901234567890.10, "e": 1e300, "s": "%s \\" %"}', tags = '["a", 1.50]'`],
  ['a parent', `parent_correlation_id = correlation_id, complete = true, priority = -5`],
  [
    'times of a second and before Christ',
    `requested_at = '2026-01-01', created_at = '0044-03-15 BC', updated_at = 'infinity'`,
  ],
]
const ofSteps: readonly (readonly [string, string])[] = [
  ['a step as it was made', 'priority = priority'],
  ['all that can be missing', `max_attempts = NULL, attempts = NULL, inputs = NULL, results = NULL, checkpoint = NULL`],
  [
    'all that can be there',
    `attempts = 2, last_attempted_at = now(), processed = true, processed_at = now(), retryable = false,
    backoff_request_seconds = 7, inputs = '{"a": "x%s\\""}', results = '[1.0, null]', checkpoint = '"c"'`,
  ],
]

it.each(ofTasks)('of a task: %s', async (_, change) => {
  const step = await steps.enqueue('{"a":"b"}')
  const [row] = await steps.database.query<{ task_uuid: string }>({
    text: `UPDATE tasker.tasks SET ${change} WHERE task_uuid = (SELECT task_uuid FROM tasker.workflow_steps WHERE workflow_step_uuid = $1) RETURNING task_uuid`,
    values: [step],
  })
  const text = `SELECT ${selected(taskColumns())}, ${taskRow} AS row FROM tasker.tasks k WHERE task_uuid = $1`
  const [found] = await steps.database.query<TaskColumns & { row: string }>({ text, values: [row?.task_uuid] })
  const written = found === undefined ? '' : taskDocument(found)
  expect(written).toBe(found?.row)
  expect(() => JSON.parse(written)).not.toThrow()
})

it.each(ofSteps)('of a step: %s', async (_, change) => {
  const step = await steps.enqueue()
  const text = `UPDATE tasker.workflow_steps SET ${change} WHERE workflow_step_uuid = $1`
  await steps.database.query({ text, values: [step] })
  const [found] = await steps.database.query<StepColumns & { row: string }>({
    text: `SELECT ${selected(columnsOfStep)}, ${stepRow} AS row
             FROM tasker.workflow_steps s JOIN tasker.named_steps n USING (named_step_uuid) WHERE workflow_step_uuid = $1`,
    values: [step],
  })
  const written = found === undefined ? '' : stepDocument(found.step_uuid, found)
  expect(written).toBe(found?.row)
  expect(() => JSON.parse(written)).not.toThrow()
  // It is no result, as every stored one must be.
  await steps.database.query({
    text: 'UPDATE tasker.workflow_steps SET results = NULL WHERE workflow_step_uuid = $1',
    values: [step],
  })
})
