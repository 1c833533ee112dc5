// How our systems stand to the peers beside them, in the measure that each workload is about; none of it is judged.
import type { Cell } from './measures.ts'

interface Headline {
  readonly measure: string
  readonly title: string
  readonly digits: number
}

const start = 'commit → start'
const headlines: Readonly<Record<string, Headline>> = {
  w1: { measure: 'stepsPerS', title: 'steps/s', digits: 0 },
  w2: { measure: 'startP99Ms', title: `${start} p99 ms`, digits: 2 },
  w3: { measure: 'startP50Ms', title: `${start} p50 ms`, digits: 2 },
  w5: { measure: 'startP99Ms', title: `${start} p99 ms`, digits: 2 },
  w6: { measure: 'doneAfterKillS', title: 'all done after s', digits: 1 },
}

export interface PeerRatio extends Headline {
  readonly workload: string
  readonly ours: string
  readonly theirs: string
  /** Ours ÷ theirs, of the medians. */
  readonly ratio: number
  /** The peer was still at it when the bench stopped waiting: the ratio is below this one. */
  readonly below: boolean
}

export function peerRatios(cells: readonly Cell[]): readonly PeerRatio[] {
  return cells.flatMap((peer) => {
    const { workload, beside } = peer
    const headline = headlines[workload]
    if (beside === undefined || headline === undefined) return []
    const { measure } = headline
    const ours = cells.find((cell) => cell.workload === workload && cell.system === beside)?.spreads[measure]?.median
    const passed = peer.exceeded?.[measure]
    const theirs = passed ?? peer.spreads[measure]?.median
    if (ours === undefined || theirs === undefined || theirs === 0) return []
    const names = { workload, ...headline, ours: beside, theirs: peer.system }
    return [{ ...names, ratio: ours / theirs, below: passed !== undefined }]
  })
}
