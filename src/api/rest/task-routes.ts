// The task routes of the orchestrator. Source: orchestration-semantics §1, §6.4, §6.6.

import type { FastifyInstance, FastifyReply } from 'fastify'
import { isHostError } from '../../model/host-error.ts'
import type { JsonText } from '../../model/json-text.ts'
import type { InputSchemaCheck, TaskService } from '../../model/task.ts'
import { Refusal } from './refusal.ts'
import { stepListDocument, taskDocument } from './task-documents.ts'
import { isUuid, readTaskRequest } from './task-request.ts'

type TaskParameters = { Params: { uuid: string } }

export function taskRoutes(
  app: FastifyInstance,
  { tasks, inputSchema }: { tasks: TaskService; inputSchema: InputSchemaCheck },
): void {
  app.post('/v1/tasks', { config: { permission: 'tasks:create' } }, async (request, reply) =>
    document(reply, taskDocument(await tasks.createTask(readTaskRequest(request.body, inputSchema)))),
  )
  app.get<TaskParameters>('/v1/tasks/:uuid', { config: { permission: 'tasks:read' } }, async (request, reply) => {
    const taskId = checkedUuid(request.params.uuid)
    const task = await tasks.task(taskId).catch((error: unknown) => {
      throw isHostError(error, 'TASK_NOT_FOUND') ? new Refusal(404, 'NOT_FOUND', 'Resource not found') : error
    })
    return document(reply, taskDocument(task))
  })
  app.get<TaskParameters>(
    '/v1/tasks/:uuid/workflow_steps',
    { config: { permission: 'steps:read' } },
    async (request, reply) => document(reply, stepListDocument(await tasks.steps(checkedUuid(request.params.uuid)))),
  )
}

function checkedUuid(text: string): string {
  if (!isUuid(text)) throw new Refusal(400, 'INVALID_UUID', `Invalid UUID: ${text.slice(0, 100)}`)
  return text
}

function document(reply: FastifyReply, text: JsonText): FastifyReply {
  return reply.type('application/json').send(text)
}
