// TaskService.StreamTaskStatus: the state of a task now and after every change, until it has settled.

import type { TaskId } from '../../model/ids.ts'
import type { TaskService } from '../../model/task.ts'
import type { TaskEventSource } from '../../model/task-events.ts'
import { settledTaskStates } from '../../model/task-state.ts'
import { Refusal } from '../rest/refusal.ts'
import { known } from '../rest/task-routes.ts'
import { statusMessage } from './messages.ts'
import type { StreamSink } from './method.ts'

export interface TaskStatusStream {
  readonly tasks: Pick<TaskService, 'progress'>
  readonly events: TaskEventSource
  readonly taskId: string
  readonly sink: StreamSink
  readonly signal: AbortSignal
}

const retryAfterS = 5

/** Tasker's never ends for a task that is blocked by failures; this one does, since nothing happens to it without an operator. */
export async function streamTaskStatus(options: TaskStatusStream): Promise<void> {
  const { tasks, events, sink, signal } = options
  const taskId = options.taskId.toLowerCase() as TaskId
  const first = await known(tasks.progress(taskId))
  if (signal.aborted) return
  sink.write(statusMessage(first))
  if (settledTaskStates.has(first.state)) return
  await new Promise<void>((resolve, reject) => {
    let isReading = false
    let hasSettled = false
    const close = () => watch?.close()
    const finish = (end: () => void) => {
      signal.removeEventListener('abort', left)
      close()
      end()
    }
    const left = () => finish(resolve)
    const read = async () => {
      isReading = true
      const isLast = hasSettled
      const progress = await tasks.progress(taskId)
      isReading = false
      if (signal.aborted) return
      sink.write(statusMessage(progress))
      if (isLast) finish(resolve)
      else if (hasSettled) await read()
    }
    const readSoon = () => {
      if (!isReading) read().catch((error: unknown) => finish(() => reject(error)))
    }
    const watch = events.watch(taskId, null, {
      isReady: () => !isReading && sink.isReady(),
      events: readSoon,
      ended: () => {
        hasSettled = true
        readSoon()
      },
    })
    if (watch === null) {
      reject(new Refusal(503, 'BACKPRESSURE', 'Too many clients watch tasks here already', retryAfterS))
      return
    }
    signal.addEventListener('abort', left)
  })
}
