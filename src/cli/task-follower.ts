// Follows a task until it is settled, and tells of every change.
import type { TaskId } from '../model/ids.ts'
import type { TaskProgress, TaskService } from '../model/task.ts'
import type { TaskEventSource } from '../model/task-events.ts'
import { settledTaskStates } from '../model/task-state.ts'

export interface FollowOptions {
  readonly tasks: Pick<TaskService, 'progress'>
  readonly events: TaskEventSource
  readonly taskId: TaskId
  readonly timeoutMs: number
  readonly stopping: AbortSignal
  changed(progress: TaskProgress): void
}

/** A look without an event: behind a source that cannot look itself. */
const lookAnywayMs = 1_000

/** An event says that there is something to look at; what is shown is read anew. */
export async function followTask(options: FollowOptions): Promise<'settled' | 'timeout' | 'stopped'> {
  const deadline = performance.now() + options.timeoutMs
  const bell = new Bell(options.stopping)
  const ring = () => bell.ring()
  const watch = options.events.watch(options.taskId, null, { isReady: () => true, events: ring, ended: ring })
  try {
    let before = ''
    for (;;) {
      const progress = await options.tasks.progress(options.taskId)
      const now = JSON.stringify(progress)
      if (now !== before) options.changed(progress)
      before = now
      if (settledTaskStates.has(progress.state)) return 'settled'
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return 'timeout'
      await bell.wait(Math.min(leftMs, lookAnywayMs))
      if (options.stopping.aborted) return 'stopped'
    }
  } finally {
    watch?.close()
    bell.close()
  }
}

/** Rings while nobody waits are kept. */
class Bell {
  readonly #stopping: AbortSignal
  readonly #onStop = () => this.ring()
  #rung = false
  #heard: (() => void) | null = null

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping
    stopping.addEventListener('abort', this.#onStop)
  }

  ring(): void {
    this.#rung = true
    this.#heard?.()
  }

  async wait(waitMs: number): Promise<void> {
    if (!this.#rung && !this.#stopping.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        this.#heard = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#rung = false
    this.#heard = null
  }

  close(): void {
    this.#stopping.removeEventListener('abort', this.#onStop)
  }
}
