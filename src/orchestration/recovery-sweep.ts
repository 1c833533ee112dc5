// Finds what a crash left behind: enqueued steps without a message, results without one, tasks that nobody moves on.

import type { TaskId } from '../model/ids.ts'
import type { OrchestrationStore } from '../model/orchestration-store.ts'
import type { ResultProcessor } from './result-processor.ts'
import { settleTasks } from './settlement.ts'

export interface RecoverySweepOptions {
  readonly store: OrchestrationStore
  readonly results: ResultProcessor
  /** How long a step may be enqueued, or a result wait, before its message is looked for. */
  readonly resendAfterMs: number
  /** How long an unsettled task may have nothing under way before it is evaluated again. */
  readonly stalledAfterMs: number
}

export interface Sweep {
  readonly resent: number
  readonly judged: number
  readonly evaluated: number
}

const perSweepMax = 200

export class RecoverySweep {
  readonly #options: RecoverySweepOptions
  /** Where the walk through stalled tasks stands, so that hopeless ones do not hide the others. */
  #after: TaskId | null = null

  constructor(options: RecoverySweepOptions) {
    this.#options = options
  }

  async sweep(): Promise<Sweep> {
    const { store, results, resendAfterMs, stalledAfterMs } = this.#options
    const resent = await store.resendSteps({ olderThanMs: resendAfterMs, max: perSweepMax })
    const overdue = await store.overdueResults({ olderThanMs: resendAfterMs, max: perSweepMax })
    await results.processSteps(overdue)
    const stalled = await store.stalledTasks({ olderThanMs: stalledAfterMs, max: perSweepMax, after: this.#after })
    this.#after = stalled.length === perSweepMax ? (stalled.at(-1) ?? null) : null
    if (stalled.length > 0) {
      await store.transaction(async (transaction) => {
        await transaction.lockTasks(stalled)
        await settleTasks(transaction, stalled)
      })
    }
    return { resent, judged: overdue.length, evaluated: stalled.length }
  }
}
