// One claim from the queues of several namespaces: each gets its share of the room, and then what the others did not need.

import type { ClaimRequest } from './claim-source.ts'
import { requestAfter } from './lanes-after.ts'
import { NamespaceShares, type ShareUse } from './namespace-shares.ts'
import type { ClaimedStep } from './step-request.ts'

export interface LookedInto {
  readonly steps: readonly ClaimedStep[]
  /** Something claimable may have stayed there. */
  readonly hasMore: boolean
  /** Tokens that the first step needs which is left only for want of them; null: there is none. */
  readonly nextWeighs: number | null
}

/** Claims from the queue of one namespace, as the request says. */
type Look = (namespace: string, request: ClaimRequest) => Promise<LookedInto>

type Failed = (error: unknown) => void

export const nothing: LookedInto = { steps: [], hasMore: false, nextWeighs: null }
const unknown: LookedInto = { steps: [], hasMore: true, nextWeighs: null }

/** Whatever the transport: it says which namespaces have something, and looks into their queues. */
export class ClaimShares {
  readonly #shares = new NamespaceShares()

  /**
   * Resolves with whether every one of `ready` was looked into, as far as there was room. A look that fails ends the claim: it rejects with the error,
   * or tells `failed` where others have answered, whose steps are known and wait to begin. Whoever's look failed comes last in the next claim.
   */
  async claim(request: ClaimRequest, ready: readonly string[], look: Look, failed: Failed): Promise<boolean> {
    const [only] = ready
    if (only !== undefined && ready.length === 1) {
      this.#shares.divide(sizeOf(request), ready)
      if (sizeOf(request) > 0) await look(only, request)
      return sizeOf(request) > 0
    }
    const looks = new Looks(request, ready, { look, failed })
    try {
      await this.#lookInto(looks, this.#shares.divide(looks.room, ready))
      return looks.unseen.size === 0
    } finally {
      this.#shares.settle(looks.uses, looks.room)
      if (looks.failed !== null) this.#shares.putLast(looks.failed)
    }
  }

  async #lookInto(looks: Looks, shares: ReadonlyMap<string, number>): Promise<void> {
    const wantMore: string[] = []
    for (const [namespace, share] of shares) {
      const { hasMore, nextWeighs: weight } = await looks.into(namespace, share)
      if (looks.failed !== null) return
      const isFitting = weight === null || weight <= looks.left.free
      // Permits come back one by one: others would take each of them before there are enough.
      if (!isFitting && this.#shares.isDue(namespace, { weight, room: looks.room, used: looks.usedBy(namespace) }))
        return
      if (hasMore && (isFitting || looks.left.prefetch > 0)) wantMore.push(namespace)
    }
    // What the others did not need.
    for (const namespace of wantMore) if (looks.failed === null) await looks.into(namespace, looks.room)
  }
}

/** The looks of one claim, and what each namespace has got by them. */
class Looks {
  readonly room: number
  readonly unseen: Set<string>
  /** Whose look failed. */
  failed: string | null = null
  /** Without that one, and those that were not looked into because of it. */
  readonly uses: Map<string, ShareUse>
  left: ClaimRequest
  #anyAnswered = false
  readonly #parts: { readonly look: Look; readonly failed: Failed }

  constructor(
    request: ClaimRequest,
    ready: readonly string[],
    parts: { readonly look: Look; readonly failed: Failed },
  ) {
    this.room = sizeOf(request)
    this.unseen = new Set(ready)
    this.uses = new Map(ready.map((namespace) => [namespace, { used: 0, waits: true }]))
    this.left = request
    this.#parts = parts
  }

  usedBy(namespace: string): number {
    return this.uses.get(namespace)?.used ?? 0
  }

  async into(namespace: string, share: number): Promise<LookedInto> {
    const part = atMost(share, this.left)
    if (sizeOf(part) === 0) return unknown
    const before = sizeOf(this.left)
    const found = await this.#parts.look(namespace, part).catch((error) => this.#noteFailure(namespace, error))
    if (found === null) return nothing
    this.#anyAnswered = true
    this.unseen.delete(namespace)
    this.left = requestAfter(this.left, found.steps)
    const isFull = sizeOf(requestAfter(part, found.steps)) === 0
    const waits = found.nextWeighs !== null || (found.hasMore && isFull)
    this.uses.set(namespace, { used: this.usedBy(namespace) + before - sizeOf(this.left), waits })
    return found
  }

  #noteFailure(namespace: string, error: unknown): null {
    this.failed = namespace
    this.unseen.add(namespace)
    // Whoever was not looked into on that account has no claim to more: among them may be the next whose look fails.
    for (const other of this.unseen) this.uses.delete(other)
    if (!this.#anyAnswered) throw error
    this.#parts.failed(error)
    return null
  }
}

function sizeOf({ free, prefetch }: ClaimRequest): number {
  return Math.max(0, free + prefetch)
}

/** What may start comes first: what may only wait gets what is left of the share. */
function atMost(share: number, request: ClaimRequest): ClaimRequest {
  const free = Math.min(request.free, share)
  return { ...request, free, prefetch: Math.min(request.prefetch, share - free) }
}
