// What a claim may take of each language, namespace and handler: worked out from the semaphore's views and from the steps that wait here.

import type { ClaimLane, ClaimLanes, LanePlace } from '../model/claim-source.ts'
import type { PermitUse, PermitView } from './permit-views.ts'
import type { ListedStep } from './runnable-steps.ts'
import type { Semaphore } from './semaphore.ts'

export interface WaitingUses {
  /** Of each step in line for a permit. */
  readonly inLine: readonly PermitUse[]
  /** Of each step that waits for others of its batch. */
  readonly gathering: readonly PermitUse[]
}

interface ViewLane extends ClaimLane {
  readonly index: number
  /** All that may wait here at once. */
  readonly aheadMax: number
}

export class LanesAtHand implements ClaimLanes {
  readonly handlers: ClaimLane[] = []
  readonly languages: ClaimLane[] = []
  readonly namespaces = new Map<string, ClaimLane>()
  readonly places: readonly LanePlace[]
  readonly #semaphore: Semaphore
  readonly #lanes = new Map<PermitView, ViewLane>()
  readonly #runnable: readonly ListedStep[]

  constructor(runnable: readonly ListedStep[], semaphore: Semaphore, waiting: WaitingUses) {
    this.#runnable = runnable
    this.#semaphore = semaphore
    const batchMax = this.#batchMaxima()
    const inLine = this.#amounts(waiting.inLine)
    const gathering = this.#amounts(waiting.gathering)
    for (const view of batchMax.keys()) {
      const limit = view.limit ?? 0
      const blocked = inLine.get(view) ?? 0
      const aheadMax = limit * (batchMax.get(view) ?? 1)
      // What stands in line for this view goes first.
      const room = blocked > 0 ? 0 : Math.max(0, limit - view.used)
      this.#add(view, { room, ahead: Math.max(0, aheadMax - blocked - (gathering.get(view) ?? 0)), aheadMax })
    }
    this.places = runnable.map(({ use }) => this.#placeOf(use))
  }

  /** A round trip for each step that finished would cost more than the step: what waits for a view runs down to half first. */
  anyIsWorthAClaim({ free, prefetch }: { free: number; prefetch: number }): boolean {
    return this.#runnable.some(({ use }) => {
      const lanes = this.#semaphore.chargesOf(use).flatMap(({ view }) => this.#lanes.get(view) ?? [])
      if (free > 0 && lanes.every(({ room }) => room > 0)) return true
      return prefetch > 0 && lanes.every(({ ahead, aheadMax }) => ahead > 0 && ahead * 2 >= aheadMax)
    })
  }

  /** The largest batch of each view that some step counts in. */
  #batchMaxima(): ReadonlyMap<PermitView, number> {
    const maxima = new Map<PermitView, number>()
    for (const { use } of this.#runnable) {
      for (const { view } of this.#semaphore.chargesOf(use))
        maxima.set(view, Math.max(maxima.get(view) ?? 1, use.batchMax))
    }
    return maxima
  }

  #amounts(uses: readonly PermitUse[]): ReadonlyMap<PermitView, number> {
    const amounts = new Map<PermitView, number>()
    for (const use of uses) {
      for (const { view, amount } of this.#semaphore.chargesOf(use)) {
        amounts.set(view, (amounts.get(view) ?? 0) + ofOneStep(use, amount))
      }
    }
    return amounts
  }

  #add(view: PermitView, lane: Omit<ViewLane, 'index'>): void {
    const list = view.kind === 'handler' ? this.handlers : this.languages
    this.#lanes.set(view, { ...lane, index: list.length })
    if (view.kind === 'namespace') this.namespaces.set(view.name, lane)
    else list.push(lane)
  }

  #placeOf(use: PermitUse): LanePlace {
    const charges = this.#semaphore.chargesOf(use)
    const charge = (kind: PermitView['kind']) => charges.find(({ view }) => view.kind === kind)
    const index = (kind: PermitView['kind']) => {
      const view = charge(kind)?.view
      return view === undefined ? null : (this.#lanes.get(view)?.index ?? null)
    }
    return {
      ...{ handler: index('handler'), language: index('language') },
      weight: ofOneStep(use, this.#semaphore.weightOf(use)),
      languageWeight: ofOneStep(use, charge('language')?.amount ?? 1),
      namespaceWeight: ofOneStep(use, charge('namespace')?.amount ?? 1),
    }
  }
}

/** A batch weighs as much as one call, so its rows are not weighed one by one. */
function ofOneStep({ batchMax }: PermitUse, weight: number): number {
  return batchMax > 1 ? 1 : weight
}
