// The claim behind results: what a transaction enqueues starts in it, for the worker of this process, without a message, a commit and a wake-up of its own.

import type { Claim } from '../model/claim-source.ts'
import { isHostError } from '../model/host-error.ts'
import type { OrchestrationTransaction, TaskMove } from '../model/orchestration-store.ts'
import type { Neighbour, ReservedClaim } from '../model/result-judge.ts'

/** More go through the queue, where they are put in order. */
const stepsMax = 100

/** Of one transaction, which may run more than once. */
export class ClaimBehind {
  readonly #neighbour: Neighbour | null
  #reserved: ReservedClaim | null = null
  #claim: Claim | null = null

  constructor(neighbour: Neighbour | null) {
    this.#neighbour = neighbour
  }

  /** The transaction begins, for the first time or once more. */
  begins(): void {
    this.#claim = null
  }

  /** The last part of the transaction: moves the tasks, starts what they enqueue, commits. Resolves with the number of steps enqueued. */
  async finish(transaction: OrchestrationTransaction, moves: readonly TaskMove[]): Promise<number> {
    if (moves.length === 0) return 0
    const reserved = this.#roomFor(stepsOf(moves))
    if (reserved === null) {
      return transaction.moveTasks(moves, { last: true, woken: this.#neighbour?.workerId ?? null })
    }
    const { enqueued, claim } = await transaction.startTasks(moves, reserved.request)
    this.#claim = claim
    return enqueued
  }

  /** Steps that did not start are left to the worker's own claims. */
  committed(enqueued: number): void {
    const started = this.#claim?.steps.length ?? 0
    if (this.#claim === null) this.#reserved?.tookNothing()
    else this.#reserved?.took(this.#claim)
    if (enqueued > started) this.#neighbour?.wake()
  }

  failed(error: unknown): void {
    if (!isHostError(error, 'DATABASE_ANSWER_LOST')) {
      this.#reserved?.tookNothing()
      return
    }
    this.#reserved?.unknown()
    // If it took place, steps may have been enqueued of which nobody told the worker.
    this.#neighbour?.wake()
  }

  /** Another try may enqueue more than there was room for in the one before. */
  #roomFor(steps: number): ReservedClaim | null {
    if (steps === 0 || steps > stepsMax) return null
    this.#reserved ??= this.#neighbour?.reserve(steps) ?? null
    return steps <= (this.#reserved?.request.free ?? 0) ? this.#reserved : null
  }
}

/** How many steps these moves enqueue; 0 too when they are of several queues. */
function stepsOf(moves: readonly TaskMove[]): number {
  const enqueues = moves.flatMap(({ enqueue }) => enqueue ?? [])
  if (enqueues.some(({ namespace }) => namespace !== enqueues[0]?.namespace)) return 0
  return enqueues.reduce((sum, { steps }) => sum + steps.length, 0)
}
