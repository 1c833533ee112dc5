// One claim from the queues of several namespaces: each gets its share of the room, and then what the others did not need.

import type { ClaimRequest } from './claim-source.ts'
import { requestAfter } from './lanes-after.ts'
import { NamespaceShares } from './namespace-shares.ts'
import type { ClaimedStep } from './step-request.ts'

export interface LookedInto {
  readonly steps: readonly ClaimedStep[]
  /** Something claimable may have stayed there. */
  readonly hasMore: boolean
}

/** Claims from the queue of one namespace, as the request says. */
type Look = (namespace: string, request: ClaimRequest) => Promise<LookedInto>

/** Whatever the transport: it says which namespaces have something, and looks into their queues. */
export class ClaimShares {
  readonly #shares = new NamespaceShares()

  /** Resolves with whether the room sufficed for a look at every one of `ready`. */
  async claim(request: ClaimRequest, ready: readonly string[], look: Look): Promise<boolean> {
    const [only] = ready
    if (only !== undefined && ready.length === 1) {
      if (sizeOf(request) > 0) await look(only, request)
      return sizeOf(request) > 0
    }
    const shares = this.#shares.divide(sizeOf(request), ready, heaviestOf(request))
    const unseen = new Set(ready)
    const wantMore: string[] = []
    let left = request
    const lookWith = async (namespace: string, room: ClaimRequest): Promise<LookedInto> => {
      const found = await look(namespace, room)
      unseen.delete(namespace)
      left = requestAfter(left, found.steps)
      return found
    }
    for (const [namespace, share] of shares) {
      const before = sizeOf(left)
      const room = atMost(share, left)
      const found = sizeOf(room) > 0 ? await lookWith(namespace, room) : null
      if (found !== null) this.#shares.took(namespace, { used: before - sizeOf(left), hasMore: found.hasMore })
      if (found === null || found.hasMore) wantMore.push(namespace)
    }
    // What the others did not need.
    for (const namespace of wantMore) if (sizeOf(left) > 0) await lookWith(namespace, left)
    return unseen.size === 0
  }
}

function sizeOf({ free, prefetch }: ClaimRequest): number {
  return Math.max(0, free + prefetch)
}

function heaviestOf({ lanes }: ClaimRequest): number {
  return Math.max(1, ...(lanes?.places ?? []).map(({ weight }) => weight))
}

/** What may start comes first: what may only wait gets what is left of the share. */
function atMost(share: number, request: ClaimRequest): ClaimRequest {
  const free = Math.min(request.free, share)
  return { ...request, free, prefetch: Math.min(request.prefetch, share - free) }
}
