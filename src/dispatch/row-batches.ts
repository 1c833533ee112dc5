// Gathers steps whose handler takes several in one call, until they are enough or the first of them has waited its time.

import type { BatchLimits } from '../model/handler.ts'
import type { ClaimedStep, StepRequest } from '../model/step-request.ts'
import type { Deadline, DeadlineWheel } from './deadline.ts'

/** A claimed step with its inputs; `request` is null when the template lost the step. */
export interface HydratedStep {
  readonly step: ClaimedStep
  readonly request: StepRequest | null
}

/** Steps that go to a runtime in one call, under one permit. */
export type Handover = readonly HydratedStep[]

/** Which others a step may share a call with: those of the same key. */
export interface BatchPlace {
  readonly key: string
  readonly limits: BatchLimits
}

export interface RowBatchesParts {
  readonly deadlines: DeadlineWheel
  /** null: the step runs by itself. */
  placeOf(hydrated: HydratedStep): BatchPlace | null
  /** Takes a batch whose time is over. */
  ready(handover: Handover): void
}

interface Gathering {
  readonly members: HydratedStep[]
  readonly deadline: Deadline
  bytes: number
}

/** A batch has to fit into a frame of the wire; one large step goes alone. */
const batchBytesMax = 4_194_304

export class RowBatches {
  readonly #parts: RowBatchesParts
  readonly #gatherings = new Map<string, Gathering>()
  #waiting = 0

  constructor(parts: RowBatchesParts) {
    this.#parts = parts
  }

  /** Steps that wait for others. They hold no permit. */
  get waiting(): number {
    return this.#waiting
  }

  /** Those that wait. */
  members(): readonly HydratedStep[] {
    return [...this.#gatherings.values()].flatMap(({ members }) => members)
  }

  /** What may start now. A step with its last attempt waits for nobody, so that no crash can spend it unused (design D3). */
  add(steps: readonly HydratedStep[]): readonly Handover[] {
    const handovers: Handover[] = []
    const urgent = new Set<string>()
    for (const hydrated of steps) {
      const place = this.#parts.placeOf(hydrated)
      if (place === null) {
        handovers.push([hydrated])
        continue
      }
      const full = this.#join(place, hydrated)
      handovers.push(...full)
      if (isLastAttempt(hydrated.step)) urgent.add(place.key)
    }
    return [...handovers, ...[...urgent].flatMap((key) => this.#take(key))].toSorted(byUrgency)
  }

  /** Everything that waits: no others can come. */
  flush(): readonly Handover[] {
    return [...this.#gatherings.keys()].flatMap((key) => this.#take(key))
  }

  /** The handovers that the step fills, or those that it no longer fits into. */
  #join({ key, limits }: BatchPlace, hydrated: HydratedStep): readonly Handover[] {
    const bytes = bytesOf(hydrated.request)
    const crowded = (this.#gatherings.get(key)?.bytes ?? 0) + bytes > batchBytesMax
    const before = crowded ? this.#take(key) : []
    const gathering = this.#gatherings.get(key) ?? this.#open(key, limits.waitMaxMs)
    gathering.members.push(hydrated)
    gathering.bytes += bytes
    this.#waiting += 1
    return gathering.members.length < limits.sizeMax ? before : [...before, ...this.#take(key)]
  }

  #open(key: string, waitMaxMs: number): Gathering {
    const deadline = this.#parts.deadlines.set(performance.now() + waitMaxMs, () => {
      for (const handover of this.#take(key)) this.#parts.ready(handover)
    })
    const gathering = { members: [], deadline, bytes: 0 }
    this.#gatherings.set(key, gathering)
    return gathering
  }

  #take(key: string): readonly Handover[] {
    const gathering = this.#gatherings.get(key)
    if (gathering === undefined) return []
    gathering.deadline.clear()
    this.#gatherings.delete(key)
    this.#waiting -= gathering.members.length
    return [gathering.members]
  }
}

export function isLastAttempt({ attempts, attemptsMax, retryable }: ClaimedStep): boolean {
  return !retryable || attempts + 1 >= attemptsMax
}

/** Permits may not be enough for all. */
function byUrgency(left: Handover, right: Handover): number {
  const [leftLast, rightLast] = [left, right].map((handover) => handover.some(({ step }) => isLastAttempt(step)))
  return Number(rightLast) - Number(leftLast)
}

function bytesOf(request: StepRequest | null): number {
  if (request === null) return 0
  const { task, workflowStep, dependencyResults, stepDefinition } = request
  return [task, workflowStep, dependencyResults, stepDefinition].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}
