// What has to be known before the steps of a decision or a batch are made: the outcome, the steps that are there, the template.

import type { NamedTaskId, StepId, TaskId } from '../../../model/ids.ts'
import type { JsonText } from '../../../model/json-text.ts'
import type { OutcomeDocument, StepPlace, TaskStep } from '../../../model/orchestration-store.ts'
import type { Queryable } from '../../statement.ts'

/** As text, so that numbers in cursors stay exact. */
export async function outcomeDocuments(
  transaction: Queryable,
  stepIds: readonly StepId[],
): Promise<readonly OutcomeDocument[]> {
  const rows = await transaction.query<{
    step_uuid: StepId
    decision: JsonText | null
    batch: JsonText | null
    cursors: readonly JsonText[]
  }>({ name: 'outcome-documents', text: outcomesText, values: [stepIds] })
  return rows.map(({ step_uuid, decision, batch, cursors }) => ({ stepId: step_uuid, decision, batch, cursors }))
}

const outcomesText = `
SELECT s.workflow_step_uuid AS step_uuid,
       (s.results #> '{result,decision_point_outcome}')::text AS decision,
       CASE jsonb_typeof(s.results #> '{result,batch_processing_outcome}')
         WHEN 'object' THEN (s.results #> '{result,batch_processing_outcome}') - 'cursor_configs'
         ELSE s.results #> '{result,batch_processing_outcome}' END::text AS batch,
       coalesce((SELECT array_agg(c::text ORDER BY place)
                   FROM jsonb_array_elements(CASE jsonb_typeof(s.results #> '{result,batch_processing_outcome,cursor_configs}')
                          WHEN 'array' THEN s.results #> '{result,batch_processing_outcome,cursor_configs}' ELSE '[]' END)
                        WITH ORDINALITY AS given(c, place)), '{}') AS cursors
  FROM tasker.workflow_steps s
 WHERE s.workflow_step_uuid = ANY ($1::uuid[])`

export async function taskSteps(transaction: Queryable, taskIds: readonly TaskId[]): Promise<readonly TaskStep[]> {
  return transaction.query<TaskStep>({
    name: 'task-steps',
    text: `
SELECT s.task_uuid AS "taskId", s.workflow_step_uuid AS "stepId", n.name, coalesce(s.inputs ->> '__template_step_name', n.name) AS "templateStep",
       coalesce(w.to_state, 'pending') AS state
  FROM tasker.workflow_steps s
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  LEFT JOIN tasker.workflow_step_transitions w ON w.workflow_step_uuid = s.workflow_step_uuid AND w.most_recent
 WHERE s.task_uuid = ANY ($1::uuid[])
 ORDER BY s.workflow_step_uuid`,
    values: [taskIds],
  })
}

/** null: there is no such step. */
export async function stepPlace(transaction: Queryable, stepId: string): Promise<StepPlace | null> {
  const [row] = await transaction.query<{
    step_uuid: StepId
    task_uuid: TaskId
    named_task_uuid: NamedTaskId
    revision: string
    template_step: string
  }>({
    name: 'step-place',
    text: `
SELECT s.workflow_step_uuid AS step_uuid, s.task_uuid, nt.named_task_uuid, nt.xmin::text AS revision,
       coalesce(s.inputs ->> '__template_step_name', n.name) AS template_step
  FROM tasker.workflow_steps s
  JOIN tasker.named_steps n ON n.named_step_uuid = s.named_step_uuid
  JOIN tasker.tasks t ON t.task_uuid = s.task_uuid
  JOIN tasker.named_tasks nt ON nt.named_task_uuid = t.named_task_uuid
 WHERE s.workflow_step_uuid = $1::uuid`,
    values: [stepId],
  })
  if (row === undefined) return null
  const { step_uuid, task_uuid, named_task_uuid, revision, template_step } = row
  const template = { namedTaskId: named_task_uuid, revision }
  return { stepId: step_uuid, taskId: task_uuid, template, templateStep: template_step }
}
