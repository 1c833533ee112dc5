// Claims from the pgmq queues of this worker's namespaces, in turn, so that no namespace starves another.

import type { Claim, ClaimRequest, ClaimSource } from '../model/claim-source.ts'
import { requestAfter } from '../model/lanes-after.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import type { ClaimFromPgmqOptions } from './queries/claim-from-pgmq.ts'
import { readyNamespaces } from './queries/ready-namespaces.ts'
import { QueueLooks } from './queue-looks.ts'
import type { Queryable } from './statement.ts'

export interface PgmqClaimSourceOptions extends Omit<ClaimFromPgmqOptions, 'namespace'> {
  readonly namespaces: readonly string[]
}

export class PgmqClaimSource implements ClaimSource {
  readonly #database: Queryable
  readonly #options: PgmqClaimSourceOptions
  readonly #looks: QueueLooks
  #namespaces: readonly string[]
  #turn = 0

  constructor(database: Queryable, options: PgmqClaimSourceOptions) {
    this.#database = database
    this.#options = options
    this.#looks = new QueueLooks(database)
    this.#namespaces = options.namespaces
  }

  serve(namespaces: readonly string[]): void {
    this.#namespaces = namespaces
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    const steps: ClaimedStep[] = []
    const setAside = { malformed: 0, gone: 0, stale: 0 }
    let foreign = 0
    let more = false
    let leftBehind = false
    for (const namespace of await this.#ready()) {
      const left = requestAfter(request, steps)
      // No room for this queue: it is looked at first next time.
      if (left.free + left.prefetch <= 0) return { steps, more, leftBehind: true, foreign, setAside }
      const { onClaim, foreignGraceMs, foreignRetryMs } = this.#options
      const claimed = await this.#looks.claim(left, { namespace, onClaim, foreignGraceMs, foreignRetryMs })
      steps.push(...claimed.steps)
      foreign += claimed.foreign
      setAside.malformed += claimed.setAside.malformed
      setAside.gone += claimed.setAside.gone
      setAside.stale += claimed.setAside.stale
      leftBehind ||= claimed.leftBehind || claimed.windowFull
      // What was looked at has moved, so the next window is a new one.
      const { malformed, gone, stale } = claimed.setAside
      more ||=
        claimed.more || (claimed.windowFull && claimed.steps.length + claimed.foreign + malformed + gone + stale > 0)
    }
    return { steps, more, leftBehind, foreign, setAside }
  }

  /** The namespaces that have something, beginning with another one each time. One namespace is not asked first: the claim itself tells. */
  async #ready(): Promise<readonly string[]> {
    const namespaces = this.#namespaces
    if (namespaces.length <= 1) return namespaces
    const ready = await readyNamespaces(this.#database, namespaces)
    this.#turn += 1
    const first = this.#turn % Math.max(1, ready.length)
    return [...ready.slice(first), ...ready.slice(0, first)]
  }
}
