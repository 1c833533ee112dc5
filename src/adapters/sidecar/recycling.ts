// When a process that works is ended all the same: after so many calls, above so much memory, after so long without work.

import type { RecycleOptions } from './sidecar-options.ts'
import type { SidecarProcess } from './sidecar-process.ts'

export type RecycleVerdict =
  | { readonly kind: 'keep' }
  /** Another process takes over once it is warm. */
  | { readonly kind: 'renew' }
  /** It is killed at once. */
  | { readonly kind: 'kill'; readonly because: string }
  /** It ends, and none takes over until there is work. */
  | { readonly kind: 'park' }

const bytesPerMb = 1_048_576
/** Share of `callsMax` that is left to chance, so that the processes of a pool do not go all at once. */
const jitterShare = 0.1

export class Recycling {
  readonly #options: RecycleOptions
  readonly #random: () => number
  /** What each process may take in its life. */
  readonly #quotas = new WeakMap<SidecarProcess, number>()
  readonly #lastWork = new WeakMap<SidecarProcess, { readonly calls: number; readonly at: number }>()

  constructor(options: RecycleOptions, random: () => number) {
    this.#options = options
    this.#random = random
  }

  /** After a call has settled. */
  isWornOut(process: SidecarProcess): boolean {
    const { callsMax } = this.#options
    if (callsMax === null) return false
    const quota = this.#quotas.get(process) ?? Math.ceil(callsMax * (1 - jitterShare * this.#random()))
    this.#quotas.set(process, quota)
    return process.callsTaken >= quota
  }

  /** At each look. `spare`: the pool has another place. `now` in milliseconds. */
  judge(process: SidecarProcess, { now, spare }: { readonly now: number; readonly spare: boolean }): RecycleVerdict {
    const { rssSoftMaxBytes, rssHardMaxBytes, idleMaxMs } = this.#options
    const rss = process.rssBytes ?? 0
    if (rssHardMaxBytes !== null && rss > rssHardMaxBytes) {
      const sizes = `${Math.round(rss / bytesPerMb)} MB is above the hard limit of ${Math.round(rssHardMaxBytes / bytesPerMb)} MB`
      return { kind: 'kill', because: `its memory of ${sizes}` }
    }
    // A process that is too large before its first call would only be followed by another such.
    if (rssSoftMaxBytes !== null && rss > rssSoftMaxBytes && process.callsTaken > 0) return { kind: 'renew' }
    if (idleMaxMs === null || !spare) return { kind: 'keep' }
    return this.#idleMs(process, now) > idleMaxMs ? { kind: 'park' } : { kind: 'keep' }
  }

  /** Time without a call, counted from look to look. */
  #idleMs(process: SidecarProcess, now: number): number {
    const { callsTaken, channel } = process
    const last = this.#lastWork.get(process)
    if (last !== undefined && last.calls === callsTaken && channel.inFlight === 0) return now - last.at
    this.#lastWork.set(process, { calls: callsTaken, at: now })
    return 0
  }
}
