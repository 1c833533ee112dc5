// tasker.v1.TaskService: the task routes of REST as calls. Source: orchestration-semantics §7.

import { isHostError } from '../../model/host-error.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import type { InputSchemaCheck, TaskService } from '../../model/task.ts'
import type { TaskEventSource } from '../../model/task-events.ts'
import type { Backpressure } from '../rest/backpressure.ts'
import { Refusal } from '../rest/refusal.ts'
import { checkedUuid } from '../rest/route.ts'
import { pagination, readTaskListQuery } from '../rest/task-list.ts'
import { readTaskRequest } from '../rest/task-request.ts'
import { foundTask, known } from '../rest/task-routes.ts'
import { contextMessage, summaryMessage, taskMessage } from './messages.ts'
import type { Message, Service } from './method.ts'
import { jsonObject, sentDocument, sentMessage } from './protobuf-document.ts'
import { sentQuery, sentText } from './sent-fields.ts'
import { streamTaskStatus } from './task-status-stream.ts'

export interface TaskServiceParts {
  readonly tasks: TaskService
  readonly reads: OrchestrationReads
  readonly events: TaskEventSource
  readonly inputSchema: InputSchemaCheck
  readonly backpressure: Backpressure
}

export function taskService(parts: TaskServiceParts): Service {
  const { tasks, reads } = parts
  return {
    name: 'tasker.v1.TaskService',
    file: 'tasker/v1/tasks.proto',
    methods: {
      CreateTask: { permission: 'tasks:create', answer: (request) => createTask(parts, request) },
      GetTask: {
        permission: 'tasks:read',
        answer: async (request) => taskMessage(await foundTask(tasks, sentText(request, 'task_uuid'))),
      },
      ListTasks: { permission: 'tasks:list', answer: (request) => listTasks(reads, request) },
      CancelTask: { permission: 'tasks:cancel', answer: (request) => cancelTask(tasks, request) },
      GetTaskContext: {
        permission: 'tasks:context_read',
        answer: async (request) => contextMessage(await foundTask(tasks, sentText(request, 'task_uuid'))),
      },
      GetTaskSummary: { permission: 'tasks:read', answer: (request) => summary(parts, request) },
      StreamTaskStatus: {
        permission: 'tasks:read',
        stream: (request, sink, signal) =>
          streamTaskStatus({ ...parts, sink, signal, taskId: checkedUuid(sentText(request, 'task_uuid')) }),
      },
    },
  }
}

async function createTask({ tasks, backpressure, inputSchema }: TaskServiceParts, request: Message): Promise<Message> {
  const { context: _, context_json, ...fields } = request
  const struct = sentMessage(request, 'context')
  const context = sentDocument('context', struct === null ? null : { structValue: struct }, context_json)
  const body = jsonObject(fields, { context })
  const wanted = readTaskRequest(body, inputSchema)
  await backpressure.check()
  return taskMessage(await tasks.createTask(wanted))
}

async function listTasks(reads: OrchestrationReads, request: Message): Promise<Message> {
  const { page, perPage, filter } = readTaskListQuery(sentQuery(request))
  const found = await reads.tasks(filter, { offset: (page - 1) * perPage, limit: perPage })
  return { tasks: found.tasks.map(taskMessage), pagination: pagination(page, perPage, found.totalCount) }
}

async function cancelTask(tasks: TaskService, request: Message): Promise<Message> {
  const taskId = checkedUuid(sentText(request, 'task_uuid'))
  try {
    return { success: true, task: taskMessage(await known(tasks.cancel(taskId))) }
  } catch (error) {
    if (!isHostError(error, 'TASK_FINISHED')) throw error
    return { success: false, message: error.message, task: taskMessage(await foundTask(tasks, taskId)) }
  }
}

async function summary({ tasks, reads }: TaskServiceParts, request: Message): Promise<Message> {
  const task = await foundTask(tasks, sentText(request, 'task_uuid'))
  const background = await reads.taskBackground(task.taskId)
  if (background === null) throw new Refusal(404, 'NOT_FOUND', 'Resource not found')
  return summaryMessage(task, background)
}
