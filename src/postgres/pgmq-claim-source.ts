// Claims from the pgmq queues of this worker's namespaces, each its share, so that no namespace starves another.

import type { Claim, ClaimRequest, ClaimSource } from '../model/claim-source.ts'
import { requestAfter } from '../model/lanes-after.ts'
import { NamespaceShares } from '../model/namespace-shares.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import { type ClaimFromPgmqOptions, type ClaimWindow, claimFromPgmq } from './queries/claim-from-pgmq.ts'
import { readyNamespaces } from './queries/ready-namespaces.ts'
import { QueueHabits } from './queue-habits.ts'
import { type LookedInQueue, QueueLooks } from './queue-looks.ts'
import type { Queryable } from './statement.ts'

export interface PgmqClaimSourceOptions extends Omit<ClaimFromPgmqOptions, 'namespace'> {
  readonly namespaces: readonly string[]
}

/** What one claim has gathered from several queues. */
interface Gathered {
  readonly steps: ClaimedStep[]
  readonly setAside: { malformed: number; gone: number; stale: number }
  foreign: number
  more: boolean
  leftBehind: boolean
}

export class PgmqClaimSource implements ClaimSource {
  readonly #database: Queryable
  readonly #options: PgmqClaimSourceOptions
  readonly #looks: QueueLooks
  readonly #shares = new NamespaceShares()
  #namespaces: readonly string[]

  /** `database` has the queues. `claimWindow`: how one of them is claimed from where the steps are elsewhere; default: by statements on both. */
  constructor(database: Queryable, options: PgmqClaimSourceOptions, claimWindow?: ClaimWindow) {
    this.#database = database
    this.#options = options
    const habits = new QueueHabits()
    const fromPgmq: ClaimWindow = (request, from, look) => claimFromPgmq(database, request, from, look, habits)
    this.#looks = new QueueLooks(claimWindow ?? fromPgmq)
    this.#namespaces = options.namespaces
  }

  serve(namespaces: readonly string[]): void {
    this.#namespaces = namespaces
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    const setAside = { malformed: 0, gone: 0, stale: 0 }
    const all: Gathered = { steps: [], setAside, foreign: 0, more: false, leftBehind: false }
    const ready = await this.#ready()
    const [only] = ready
    if (only !== undefined && ready.length === 1) {
      await this.#look(only, request, all)
      return all
    }
    const shares = this.#shares.divide(request.free + request.prefetch, ready)
    const wantMore: string[] = []
    for (const [namespace, share] of shares) {
      const found = await this.#look(namespace, atMost(share, requestAfter(request, all.steps)), all)
      if (found !== null) this.#shares.took(namespace, { steps: found.steps.length, share })
      if (found === null || found.leftBehind || found.windowFull) wantMore.push(namespace)
    }
    // What the others did not need.
    for (const namespace of wantMore) await this.#look(namespace, requestAfter(request, all.steps), all)
    return all
  }

  /** null: no room for this queue, which has something all the same. */
  async #look(namespace: string, request: ClaimRequest, all: Gathered): Promise<LookedInQueue | null> {
    if (request.free + request.prefetch <= 0) {
      all.leftBehind = true
      return null
    }
    const { onClaim, foreignGraceMs, foreignRetryMs } = this.#options
    const claimed = await this.#looks.claim(request, { namespace, onClaim, foreignGraceMs, foreignRetryMs })
    const { malformed, gone, stale } = claimed.setAside
    all.steps.push(...claimed.steps)
    all.foreign += claimed.foreign
    all.setAside.malformed += malformed
    all.setAside.gone += gone
    all.setAside.stale += stale
    all.leftBehind ||= claimed.leftBehind || claimed.windowFull
    // What was looked at has moved, so the next window is a new one.
    const moved = claimed.steps.length + claimed.foreign + malformed + gone + stale > 0
    all.more ||= claimed.more || (claimed.windowFull && moved)
    return claimed
  }

  /** The namespaces that have something. One namespace is not asked first: the claim itself tells. */
  async #ready(): Promise<readonly string[]> {
    const namespaces = this.#namespaces
    return namespaces.length <= 1 ? namespaces : readyNamespaces(this.#database, namespaces)
  }
}

/** What may start comes first: what may only wait gets what is left of the share. */
function atMost(share: number, request: ClaimRequest): ClaimRequest {
  const free = Math.min(request.free, share)
  return { ...request, free, prefetch: Math.min(request.prefetch, share - free) }
}
