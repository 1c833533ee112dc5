// Work that no task waits for: stuck tasks, old rows, orphaned messages. Any number of orchestrators run it; each time one of them does it.

import type { BackgroundStore, StaleLimits, StaleTask } from '../model/background-store.ts'
import { type CircuitBreaker, through } from '../model/circuit-breaker.ts'
import { type HostError, isHostError } from '../model/host-error.ts'
import type { Lifecycle } from '../model/lifecycle.ts'
import { Loop } from './loop.ts'
import { dueShare, type OrphanSettings, type RetentionSettings, removeOld, setAsideOrphans } from './retention.ts'

export interface BackgroundSettings {
  /** null: stuck tasks are not looked for. */
  readonly staleness: StalenessSettings | null
  readonly retention: RetentionSettings | null
  /** null: nobody looks for them. */
  readonly orphans: OrphanSettings | null
}

export interface StalenessSettings extends StaleLimits {
  readonly intervalMs: number
  readonly batchMax: number
  /** Only says what it would do. */
  readonly dryRun: boolean
}

export type BackgroundPart = 'staleness' | 'retention' | 'orphans'

export interface BackgroundOptions {
  readonly store: BackgroundStore
  readonly settings: BackgroundSettings
}

interface Surroundings {
  readonly breaker: CircuitBreaker | null
  readonly onWarning: (message: string) => void
  /** null: the part works again. */
  readonly onFault: (part: BackgroundPart, error: HostError | null) => void
}

/** A backlog is worked off in one go, and this is where it ends until the next time. */
const roundsMax = 100

export class BackgroundWork implements Lifecycle {
  readonly #store: BackgroundStore
  readonly #around: Surroundings
  readonly #loops: readonly Loop[]
  #stopping = false

  constructor({ store, settings }: BackgroundOptions, around: Surroundings) {
    this.#store = store
    this.#around = around
    const { staleness, retention, orphans } = settings
    const isStopping = () => this.#stopping
    this.#loops = [
      ...(staleness === null ? [] : [this.#loop('staleness', staleness.intervalMs, () => this.#detect(staleness))]),
      ...(retention === null
        ? []
        : [this.#loop('retention', retention.intervalMs, () => removeOld(store, retention, isStopping))]),
      ...(orphans === null
        ? []
        : [this.#loop('orphans', orphans.intervalMs, () => setAsideOrphans(store, orphans, isStopping))]),
    ]
  }

  async start(): Promise<void> {
    this.#stopping = false
    await Promise.all(this.#loops.map((loop) => loop.start()))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#loops.map((loop) => loop.stop()))
  }

  #loop(part: BackgroundPart, intervalMs: number, work: () => Promise<unknown>): Loop {
    const { breaker, onFault } = this.#around
    return new Loop({
      intervalMs,
      tick: async () => {
        await through(breaker, work)
        onFault(part, null)
        return null
      },
      // The circuit told when it opened; each loop would repeat it at every tick.
      onFault: (error) => {
        if (!isHostError(error, 'CIRCUIT_OPEN')) onFault(part, error)
      },
    })
  }

  async #detect({ intervalMs, batchMax, dryRun, ...limits }: StalenessSettings): Promise<void> {
    for (let round = 0; round < roundsMax && !this.#stopping; round += 1) {
      const everyMs = round === 0 ? intervalMs * dueShare : 0
      const found = await this.#store.staleTasks({ ...limits, everyMs, max: batchMax, dryRun })
      for (const task of found ?? []) this.#around.onWarning(toldOf(task, dryRun))
      if (found === null || found.length < batchMax || dryRun) return
    }
  }
}

function toldOf(task: StaleTask, dryRun: boolean): string {
  const { namespace, name, taskId, state, inStateMinutes, thresholdMinutes, ageMinutes } = task
  const limit = thresholdMinutes === null ? '' : `, allowed are ${thresholdMinutes}`
  const place = `the task ${taskId} of ${namespace}/${name} is stuck: ${inStateMinutes} minutes in ${state}${limit}; its age is ${ageMinutes} minutes`
  if (dryRun) return `${place}. Nothing was done: orchestration.dlq.staleness_detection.dry_run is true`
  const done = [
    ...(task.failed ? ['moved to error'] : []),
    ...(task.inDeadLetters ? ['put among the dead letters'] : []),
  ]
  return `${place}. It was ${done.join(' and ') || 'left as it is'}`
}
