// GET /v1/tasks/{uuid}/events: every transition of a task as server-sent events, until the task has settled. Ours, not Tasker's.

import type { FastifyInstance } from 'fastify'
import { isHostError } from '../../model/host-error.ts'
import type { TaskId } from '../../model/ids.ts'
import type { TaskService } from '../../model/task.ts'
import type { TaskEventSource } from '../../model/task-events.ts'
import { settledTaskStates } from '../../model/task-state.ts'
import { EventStreams } from './event-stream.ts'
import { Refusal } from './refusal.ts'
import { checkedUuid, route } from './route.ts'

export interface EventParts {
  readonly tasks: TaskService
  readonly events: TaskEventSource
  readonly heartbeatMs: number
}

/** After the last event, so that a browser that connects again is told to stop. */
const endMark = '.end'
const retryAfterS = 5

export function eventRoutes(app: FastifyInstance, { tasks, events, heartbeatMs }: EventParts): void {
  const streams = new EventStreams(heartbeatMs)
  app.addHook('preClose', async () => streams.close())
  app.get<{ Params: { uuid: string } }>('/v1/tasks/:uuid/events', eventsRoute, async (request, reply) => {
    const taskId = checkedUuid(request.params.uuid).toLowerCase() as TaskId
    const { state } = await tasks.progress(taskId).catch((error: unknown) => {
      throw isHostError(error, 'TASK_NOT_FOUND') ? new Refusal(404, 'NOT_FOUND', 'Resource not found') : error
    })
    // Answered meanwhile, with 408.
    if (reply.sent) return reply
    const header = request.headers['last-event-id']
    const last = typeof header === 'string' && header !== '' ? header : null
    if (last?.endsWith(endMark) === true && settledTaskStates.has(state)) return reply.code(204).send()
    const stream = streams.make(reply.raw)
    let lastId = last?.replace(endMark, '') ?? ''
    const watch = events.watch(taskId, last === null ? null : lastId, {
      isReady: () => stream.isReady(),
      events: (list) => {
        for (const { id, taskId: task, stepId, stepName, fromState, toState, at } of list) {
          const moved = { from_state: fromState, to_state: toState, at }
          const step = stepId === null ? {} : { step_uuid: stepId, step_name: stepName }
          stream.write(id, stepId === null ? 'task' : 'step', { task_uuid: task, ...step, ...moved })
          lastId = id
        }
      },
      ended: (settled) => {
        stream.write(`${lastId}${endMark}`, 'end', { task_uuid: taskId, state: settled })
        stream.end()
      },
    })
    if (watch === null) {
      throw new Refusal(503, 'BACKPRESSURE', 'Too many clients watch tasks here already', retryAfterS)
    }
    reply.hijack()
    stream.open(() => watch.close())
    return reply
  })
}

const eventsRoute = route({
  ...{ permission: 'tasks:read', tag: 'tasks', summary: 'Transitions of a task and its steps, live' },
  ...{ answer: { type: 'string' }, answerType: 'text/event-stream', errors: [400, 404, 503] },
})
