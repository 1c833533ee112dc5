// The task routes of the orchestrator. Source: orchestration-semantics §1, §2.12, §6.2 to §6.5.

import type { FastifyInstance } from 'fastify'
import { isHostError } from '../../model/host-error.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import type { InputSchemaCheck, TaskService, TaskView } from '../../model/task.ts'
import { summarize } from '../../model/task-summary.ts'
import type { Backpressure } from './backpressure.ts'
import { Refusal } from './refusal.ts'
import { checkedUuid, route, sendDocument } from './route.ts'
import { taskListSchema, taskRequestSchema, taskSchema } from './schemas.ts'
import { taskDocument, taskListDocument } from './task-documents.ts'
import { pagination, readTaskListQuery } from './task-list.ts'
import { readTaskRequest } from './task-request.ts'
import { summaryDocument } from './task-summary-document.ts'

export type TaskParameters = { Params: { uuid: string } }

export interface TaskRouteParts {
  readonly tasks: TaskService
  readonly reads: OrchestrationReads
  readonly inputSchema: InputSchemaCheck
  readonly backpressure: Backpressure
}

export function taskRoutes(app: FastifyInstance, { tasks, reads, inputSchema, backpressure }: TaskRouteParts): void {
  app.post('/v1/tasks', createRoute, async (request, reply) => {
    const wanted = readTaskRequest(request.body, inputSchema)
    await backpressure.check()
    return sendDocument(reply, taskDocument(await tasks.createTask(wanted)))
  })
  app.get('/v1/tasks', listRoute, async (request, reply) => {
    const { page, perPage, filter } = readTaskListQuery(request.query)
    const found = await reads.tasks(filter, { offset: (page - 1) * perPage, limit: perPage })
    return sendDocument(reply, taskListDocument(found.tasks, pagination(page, perPage, found.totalCount)))
  })
  app.get<TaskParameters>('/v1/tasks/:uuid', getRoute, async (request, reply) =>
    sendDocument(reply, taskDocument(await foundTask(tasks, request.params.uuid))),
  )
  // Unlike everywhere else the status is what the task is doing. Source: orchestration-semantics §2.12.
  app.delete<TaskParameters>('/v1/tasks/:uuid', cancelRoute, async (request, reply) => {
    const task = await known(tasks.cancel(checkedUuid(request.params.uuid)))
    return sendDocument(reply, taskDocument(task, summarize(task.counts).executionStatus))
  })
  app.get<TaskParameters>('/v1/tasks/:uuid/summary', summaryRoute, async (request, reply) => {
    const task = await foundTask(tasks, request.params.uuid)
    const background = await reads.taskBackground(task.taskId)
    if (background === null) throw new Refusal(404, 'NOT_FOUND', 'Resource not found')
    return sendDocument(reply, summaryDocument(task, background))
  })
}

export async function foundTask(tasks: TaskService, uuid: string): Promise<TaskView> {
  return known(tasks.task(checkedUuid(uuid)))
}

/** TASK_NOT_FOUND in the words of every other thing that is not there. */
export function known<T>(task: Promise<T>): Promise<T> {
  return task.catch((error: unknown) => {
    throw isHostError(error, 'TASK_NOT_FOUND') ? new Refusal(404, 'NOT_FOUND', 'Resource not found') : error
  })
}

const text = { type: 'string' }
const tag = 'tasks'

const createRoute = route({
  ...{ permission: 'tasks:create', tag, summary: 'Make a task and enqueue its first steps' },
  ...{ body: taskRequestSchema, answer: taskSchema, errors: [400, 404, 409, 415, 422, 503] },
})
const listRoute = route({
  ...{ permission: 'tasks:list', tag, summary: 'Tasks, newest first', answer: taskListSchema, errors: [400] },
  query: {
    page: { type: 'integer', minimum: 1, default: 1 },
    per_page: { type: 'integer', minimum: 1, maximum: 100, default: 25 },
    ...{ namespace: text, status: text, initiator: text, source_system: text },
  },
})
const getRoute = route({ permission: 'tasks:read', tag, summary: 'One task', answer: taskSchema, errors: [400, 404] })
const summaryRoute = route({
  ...{
    permission: 'tasks:read',
    tag,
    summary: 'One task with its template, steps and dead letter',
    errors: [400, 404],
  },
})
const cancelRoute = route({
  ...{ permission: 'tasks:cancel', tag, summary: 'Cancel a task and all its steps', answer: taskSchema },
  errors: [400, 404],
})
