// How our systems stand to the peers beside them where no figure judges it, in the measure that each workload is about.
import type { Cell } from './measures.ts'
import { isJudged } from './peers.ts'

interface Headline {
  readonly measure: string
  readonly title: string
  readonly digits: number
  readonly better: 'more' | 'less'
}

const start = 'commit → start'
const headlines: Readonly<Record<string, Headline>> = {
  w1: { measure: 'stepsPerS', title: 'steps/s', digits: 0, better: 'more' },
  w2: { measure: 'startP99Ms', title: `${start} p99 ms`, digits: 2, better: 'less' },
  w3: { measure: 'startP50Ms', title: `${start} p50 ms`, digits: 2, better: 'less' },
  w5: { measure: 'startP99Ms', title: `${start} p99 ms`, digits: 2, better: 'less' },
  w6: { measure: 'doneAfterKillS', title: 'all done after s', digits: 1, better: 'less' },
}

export interface PeerRatio extends Headline {
  readonly workload: string
  readonly ours: string
  readonly theirs: string
  /** Ours ÷ theirs, of the medians. */
  readonly ratio: number
  /** In some runs the peer was still at it when the bench stopped waiting: the ratio is at most this one. */
  readonly atMost: boolean
}

export function peerRatios(cells: readonly Cell[]): readonly PeerRatio[] {
  return cells.flatMap((peer) => {
    const { workload, beside } = peer
    const headline = headlines[workload]
    if (beside === undefined || headline === undefined || isJudged(workload, peer.system)) return []
    const { measure } = headline
    const ours = cells.find((cell) => cell.workload === workload && cell.system === beside)?.spreads[measure]?.median
    const passed = peer.exceeded?.[measure]
    const theirs = passed ?? peer.spreads[measure]?.median
    if (ours === undefined || theirs === undefined || theirs === 0) return []
    const names = { workload, ...headline, ours: beside, theirs: peer.system }
    return [{ ...names, ratio: ours / theirs, atMost: passed !== undefined }]
  })
}
