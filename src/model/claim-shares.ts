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

type Failed = (namespace: string, error: unknown) => void

const nothing: LookedInto = { steps: [], hasMore: false, nextWeighs: null }
const unknown: LookedInto = { steps: [], hasMore: true, nextWeighs: null }

/** Whatever the transport: it says which namespaces have something, and looks into their queues. */
export class ClaimShares {
  readonly #shares = new NamespaceShares()

  /**
   * Resolves with whether every one of `ready` was looked into, as far as there was room. Whoever's look fails comes last in the next claim; this one
   * rejects with the error, or, where steps are claimed already that must not become unknown by it, tells `failed` and goes on.
   */
  async claim(request: ClaimRequest, ready: readonly string[], look: Look, failed: Failed): Promise<boolean> {
    const [only] = ready
    if (only !== undefined && ready.length === 1) {
      if (sizeOf(request) > 0) await look(only, request)
      return sizeOf(request) > 0
    }
    const looks = new Looks(request, ready, { look, failed })
    try {
      await this.#lookInto(looks, this.#shares.divide(looks.room, ready))
      return looks.unseen.size === 0
    } finally {
      this.#shares.settle(looks.uses, looks.room)
      for (const namespace of looks.failed) this.#shares.putLast(namespace)
    }
  }

  async #lookInto(looks: Looks, shares: ReadonlyMap<string, number>): Promise<void> {
    const wantMore: string[] = []
    for (const [namespace, share] of shares) {
      const { hasMore, nextWeighs: weight } = await looks.into(namespace, share)
      const isFitting = weight === null || weight <= looks.left.free
      // Permits come back one by one: others would take each of them before there are enough.
      if (!isFitting && this.#shares.isDue(namespace, { weight, room: looks.room, used: looks.usedBy(namespace) }))
        return
      if (hasMore && (isFitting || looks.left.prefetch > 0)) wantMore.push(namespace)
    }
    // What the others did not need.
    for (const namespace of wantMore) await looks.into(namespace, looks.room)
  }
}

/** The looks of one claim, and what each namespace has got by them. */
class Looks {
  readonly room: number
  readonly unseen: Set<string>
  readonly failed = new Set<string>()
  /** Without those whose looks failed. */
  readonly uses: Map<string, ShareUse>
  left: ClaimRequest
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
    this.unseen.delete(namespace)
    this.left = requestAfter(this.left, found.steps)
    const isFull = sizeOf(requestAfter(part, found.steps)) === 0
    const waits = found.nextWeighs !== null || (found.hasMore && isFull)
    this.uses.set(namespace, { used: this.usedBy(namespace) + before - sizeOf(this.left), waits })
    return found
  }

  #noteFailure(namespace: string, error: unknown): null {
    this.failed.add(namespace)
    this.unseen.add(namespace)
    this.uses.delete(namespace)
    if (sizeOf(this.left) === this.room) throw error
    this.#parts.failed(namespace, error)
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
