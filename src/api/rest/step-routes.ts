// The step routes of the orchestrator. Source: orchestration-semantics §2.11, §6.6.

import type { FastifyInstance } from 'fastify'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import type { StepView, TaskService } from '../../model/task.ts'
import { Refusal } from './refusal.ts'
import { checkedUuid, route, sendDocument } from './route.ts'
import { auditListSchema, stepActionSchema, stepListSchema, stepSchema } from './schemas.ts'
import { readStepAction } from './step-action-request.ts'
import { stepDocument, stepListDocument } from './task-documents.ts'

type StepParameters = { Params: { uuid: string; step: string } }

export function stepRoutes(
  app: FastifyInstance,
  { tasks, reads }: { tasks: TaskService; reads: OrchestrationReads },
): void {
  app.get<{ Params: { uuid: string } }>('/v1/tasks/:uuid/workflow_steps', listRoute, async (request, reply) =>
    sendDocument(reply, stepListDocument(await tasks.steps(checkedUuid(request.params.uuid)))),
  )
  app.get<StepParameters>('/v1/tasks/:uuid/workflow_steps/:step', getRoute, async (request, reply) =>
    sendDocument(reply, stepDocument(await foundStep(reads, request.params))),
  )
  app.patch<StepParameters>('/v1/tasks/:uuid/workflow_steps/:step', actRoute, async (request, reply) => {
    const { taskId, stepId } = await foundStep(reads, request.params)
    const step = await tasks.actOnStep(taskId, stepId, readStepAction(request.body))
    return sendDocument(reply, stepDocument(step))
  })
  app.get<StepParameters>('/v1/tasks/:uuid/workflow_steps/:step/audit', auditRoute, async (request, reply) => {
    const { stepId } = await foundStep(reads, request.params)
    return sendDocument(reply, await reads.stepAudit(stepId))
  })
}

export async function foundStep(
  reads: OrchestrationReads,
  { uuid, step }: { uuid: string; step: string },
): Promise<StepView> {
  const taskId = checkedUuid(uuid).toLowerCase()
  const found = await reads.step(checkedUuid(step))
  if (found === null) throw new Refusal(404, 'NOT_FOUND', 'Resource not found')
  if (found.taskId !== taskId) throw new Refusal(404, 'NOT_FOUND', 'Step does not belong to the specified task')
  return found
}

const common = { permission: 'steps:read', tag: 'steps' } as const
const listRoute = route({ ...common, summary: 'The steps of a task', answer: stepListSchema, errors: [400] })
const getRoute = route({ ...common, summary: 'One step', answer: stepSchema, errors: [400, 404] })
const auditRoute = route({
  ...common,
  summary: 'The results of a step, newest first',
  ...{ answer: auditListSchema, errors: [400, 404] },
})
const actRoute = route({
  ...{ permission: 'steps:resolve', tag: 'steps', summary: 'Run a step again, resolve it, or complete it by hand' },
  ...{ body: stepActionSchema, answer: stepSchema, errors: [400, 404, 415, 422] },
})
