// Claims from the pgmq queues of this worker's namespaces, each its share, so that no namespace starves another.

import { ClaimShares, type LookedInto } from '../model/claim-shares.ts'
import type { Claim, ClaimRequest, ClaimSource } from '../model/claim-source.ts'
import type { ClaimedStep } from '../model/step-request.ts'
import { type ClaimFromPgmqOptions, type ClaimWindow, claimFromPgmq } from './queries/claim-from-pgmq.ts'
import { readyNamespaces } from './queries/ready-namespaces.ts'
import { QueueHabits } from './queue-habits.ts'
import { QueueLooks } from './queue-looks.ts'
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
  unknown?: { readonly error: unknown }
}

export class PgmqClaimSource implements ClaimSource {
  readonly #database: Queryable
  readonly #options: PgmqClaimSourceOptions
  readonly #looks: QueueLooks
  readonly #shares = new ClaimShares()
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
    const look = (namespace: string, room: ClaimRequest) => this.#look(namespace, room, all)
    const sawAll = await this.#shares.claim(request, await this.#ready(), look, (error) => {
      all.unknown = { error }
    })
    all.leftBehind ||= !sawAll
    return all
  }

  async #look(namespace: string, request: ClaimRequest, all: Gathered): Promise<LookedInto> {
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
    const hasMore = claimed.leftBehind || claimed.windowFull
    return { steps: claimed.steps, hasMore, nextWeighs: claimed.nextWeighs }
  }

  /** The namespaces that have something. One namespace is not asked first: the claim itself tells. */
  async #ready(): Promise<readonly string[]> {
    const namespaces = this.#namespaces
    return namespaces.length <= 1 ? namespaces : readyNamespaces(this.#database, namespaces)
  }
}
