// Claims from one queue behind steps whose limits are full: the first window each time, and then further ones, bit by bit.

import type { ClaimRequest } from '../model/claim-source.ts'
import { requestAfter } from '../model/lanes-after.ts'
import {
  type ClaimedFromQueue,
  type ClaimFromPgmqOptions,
  type ClaimWindow,
  type QueuePosition,
  windowOf,
} from './queries/claim-from-pgmq.ts'

/** Messages in one further look, and such looks in one claim. */
const furtherWindow = 1_000
const furtherLooksMax = 4
/**
 * What lies between the first window and the end of the queue is gone through again after this wait, which is also so many times as long as
 * the last pass took: a long queue of full limits costs a tenth of one connection at most. New messages lie behind the end, and are seen at once.
 */
const passWaitMs = 1_000
const passWaitRatio = 9

interface Pass {
  /** Everything up to here was looked at. */
  at: QueuePosition
  startedAt: number
  /** null: it goes on. */
  againAt: number | null
}

export interface LookedInQueue extends ClaimedFromQueue {
  /** A further claim would go on behind what this one looked at. */
  readonly more: boolean
}

export class QueueLooks {
  readonly #claimWindow: ClaimWindow
  readonly #passes = new Map<string, Pass>()

  constructor(claimWindow: ClaimWindow) {
    this.#claimWindow = claimWindow
  }

  async claim(request: ClaimRequest, options: ClaimFromPgmqOptions): Promise<LookedInQueue> {
    const first = await this.#claimWindow(request, options)
    if (first.last === null || !first.windowFull || !this.#goesOn(request, first)) {
      // The queue is shorter than a window, or what could be claimed lay at its head.
      if (!first.windowFull) this.#passes.delete(options.namespace)
      return { ...first, more: false }
    }
    return this.#goOn(request, options, first, first.last)
  }

  async #goOn(
    request: ClaimRequest,
    options: ClaimFromPgmqOptions,
    first: ClaimedFromQueue,
    behindFirst: QueuePosition,
  ): Promise<LookedInQueue> {
    const pass = this.#passOf(options.namespace, behindFirst)
    const window = Math.max(furtherWindow, windowOf(request))
    let all = first
    for (let looks = 0; looks < furtherLooksMax && this.#goesOn(request, all); looks += 1) {
      const look = { behind: pass.at, window }
      const found = await this.#claimWindow(requestAfter(request, all.steps), options, look)
      all = together(all, found)
      pass.at = found.last ?? pass.at
      if (!found.windowFull) {
        pass.againAt ??= performance.now() + Math.max(passWaitMs, passWaitRatio * (performance.now() - pass.startedAt))
        return { ...all, windowFull: false, leftBehind: true, more: false }
      }
    }
    return { ...all, more: this.#goesOn(request, all) }
  }

  #passOf(namespace: string, behindFirst: QueuePosition): Pass {
    const known = this.#passes.get(namespace)
    if (known !== undefined && (known.againAt === null || performance.now() < known.againAt)) return known
    const pass = { at: behindFirst, startedAt: performance.now(), againAt: null }
    this.#passes.set(namespace, pass)
    return pass
  }

  /** A step that only waits for tokens would not get them if what lies behind it took them one by one. */
  #goesOn(request: ClaimRequest, { steps, nextWeighs }: ClaimedFromQueue): boolean {
    const { free, prefetch } = requestAfter(request, steps)
    return free + prefetch > 0 && nextWeighs === null
  }
}

function together(left: ClaimedFromQueue, right: ClaimedFromQueue): ClaimedFromQueue {
  return {
    steps: [...left.steps, ...right.steps],
    windowFull: right.windowFull,
    leftBehind: left.leftBehind || right.leftBehind,
    nextWeighs: left.nextWeighs ?? right.nextWeighs,
    last: right.last ?? left.last,
    foreign: left.foreign + right.foreign,
    setAside: {
      malformed: left.setAside.malformed + right.setAside.malformed,
      gone: left.setAside.gone + right.setAside.gone,
      stale: left.setAside.stale + right.setAside.stale,
    },
  }
}
