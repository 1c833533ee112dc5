// Follows a task until it is settled, and tells of every change.
import { setTimeout as delay } from 'node:timers/promises'
import type { TaskProgress, TaskService } from '../model/task.ts'
import { settledTaskStates } from '../model/task-state.ts'

export interface FollowOptions {
  readonly tasks: Pick<TaskService, 'progress'>
  readonly taskId: string
  readonly timeoutMs: number
  readonly stopping: AbortSignal
  changed(progress: TaskProgress): void
}

const pollMinMs = 10
const pollMaxMs = 250

/** Looks often at first, since many tasks take milliseconds. */
export async function followTask(options: FollowOptions): Promise<'settled' | 'timeout' | 'stopped'> {
  const deadline = performance.now() + options.timeoutMs
  let before = ''
  for (let pollMs = pollMinMs; ; pollMs = Math.min(pollMs * 1.2, pollMaxMs)) {
    const progress = await options.tasks.progress(options.taskId)
    const now = JSON.stringify(progress)
    if (now !== before) options.changed(progress)
    before = now
    if (settledTaskStates.has(progress.state)) return 'settled'
    if (performance.now() >= deadline) return 'timeout'
    const stopped = await delay(pollMs, false, { signal: options.stopping }).catch(() => true)
    if (stopped) return 'stopped'
  }
}
