// Refuses new tasks while orchestration has more results waiting than it can judge. Source: orchestration-semantics §6.1.

import { isHostError } from '../../model/host-error.ts'
import type { OrchestrationReads } from '../../model/orchestration-reads.ts'
import { Refusal } from './refusal.ts'

export interface BackpressureLimits {
  readonly queueDepthCritical: number
  readonly queueDepthOverflow: number
}

export type DepthLevel = 'normal' | 'critical' | 'overflow'

export const backpressureDefaults: BackpressureLimits = { queueDepthCritical: 5_000, queueDepthOverflow: 10_000 }

/** How long a look at the queues counts. */
const freshMs = 5_000
const criticalRetryS = 30
const overflowRetryS = 60

export class Backpressure {
  readonly #reads: Pick<OrchestrationReads, 'queueDepth'>
  readonly #limits: BackpressureLimits
  #depth = 0
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | null = null

  constructor(reads: Pick<OrchestrationReads, 'queueDepth'>, limits: BackpressureLimits = backpressureDefaults) {
    this.#reads = reads
    this.#limits = limits
  }

  /** Of the last look. */
  get depth(): number {
    return this.#depth
  }

  get level(): DepthLevel {
    if (this.#depth < this.#limits.queueDepthCritical) return 'normal'
    return this.#depth < this.#limits.queueDepthOverflow ? 'critical' : 'overflow'
  }

  /** Throws a Refusal (503). While the database is away it says nothing: the request itself will tell. */
  async check(): Promise<void> {
    const problem = await this.problem()
    if (problem === null) return
    throw new Refusal(503, 'BACKPRESSURE', problem, this.level === 'overflow' ? overflowRetryS : criticalRetryS)
  }

  /** null: there is room. */
  async problem(): Promise<string | null> {
    await this.look()
    if (this.level === 'normal') return null
    const { queueDepthCritical: critical, queueDepthOverflow: overflow } = this.#limits
    const limits = `critical from ${critical} on, overflow from ${overflow} on`
    return `Too many results wait to be judged (${this.#depth}${this.level === 'overflow' ? ' or more' : ''}; ${limits})`
  }

  /** One look for all who ask within a few seconds. */
  async look(): Promise<void> {
    if (performance.now() - this.#lookedAtMs < freshMs) return
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = null
    })
    await this.#looking
  }

  async #lookNow(): Promise<void> {
    try {
      this.#depth = await this.#reads.queueDepth(this.#limits.queueDepthOverflow)
      this.#lookedAtMs = performance.now()
    } catch (error) {
      if (!isHostError(error)) throw error
      this.#depth = 0
    }
  }
}
